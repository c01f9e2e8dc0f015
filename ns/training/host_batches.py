"""Batches on their way from the host to the device.

Keys are strings, which no device takes: they stay here, where the images that
did not decode are told by them.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import sys
from typing import Any

import tensorflow as tf

from ns.core import errors
from ns.core import op_error
from ns.core import types

_NAMED = 20


class HostBatches:
  """The batches of a training without their keys.

  Attributes:
    broken: the keys of the images met so far that did not decode. Each is named
      once on standard error, the first twenty.
  """

  def __init__(self, name: str, batches: Iterable[Any]):
    """`name`: of the training, e.g. 'student1/train'."""
    self.broken = set()
    self._name = name
    self._batches = batches

  def __iter__(self) -> Iterator[dict[str, Any]]:
    batches = iter(self._batches)
    while True:
      try:
        batch = dict(next(batches))
      except StopIteration:
        return
      except tf.errors.OpError as error:
        raise errors.RunError(f'A batch of {self._name} cannot be made: '
                              f'{op_error.reason(error)}.') from error
      keys = batch.pop(types.KEY, None)
      if keys is not None:
        self._look(keys.numpy(), batch[types.WEIGHT].numpy())
      yield batch

  def _look(self, keys, weights) -> None:
    for key in keys[weights == 0]:
      if key in self.broken:
        continue
      self.broken.add(key)
      if len(self.broken) <= _NAMED:
        more = '; no more are named' if len(self.broken) == _NAMED else ''
        print(f'{self._name}: the image `{key.decode(errors="replace")}` does '
              f'not decode, and counts for nothing{more}', file=sys.stderr,
              flush=True)
