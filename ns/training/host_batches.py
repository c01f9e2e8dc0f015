"""Batches on their way from the host to the device.

Keys are strings, which no device takes: they stay here, where the images that
did not decode are told by them.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from ns.core import errors
from ns.core import op_error
from ns.core import types
from ns.training import broken


class HostBatches:
  """The batches of a training without their keys, and what is broken in each.

  Gives pairs: a batch, and the kinds and keys of its images that did not
  decode, as `ns.training.broken.Broken.meet` takes them.
  """

  def __init__(self, name: str, batches: Iterable[Any]):
    """`name`: of the training, e.g. 'student1/train'."""
    self._name = name
    self._batches = batches

  def __iter__(self) -> Iterator[tuple[dict[str, Any], list[tuple[str, str]]]]:
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
      yield batch, [] if keys is None else _broken(batch, keys)


def _broken(batch, keys) -> list[tuple[str, str]]:
  lost = batch[types.WEIGHT].numpy() == 0
  if not lost.any():
    return []
  kinds = [broken.LABELLED if is_labelled else broken.PSEUDO_LABELLED
           for is_labelled in batch[types.IS_LABELLED].numpy()[lost]]
  return list(zip(kinds, (key.decode(errors='backslashreplace')
                          for key in keys.numpy()[lost])))
