"""What the hosts of a run do together, besides training.

All is done by one kind of sum over the hosts, which TensorFlow ends with an
error, some ten seconds later, when a host has died. So a host that waits for
another one, for hours if need be, learns of its end.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import functools
import hashlib
import json
import time
from typing import Any

import numpy as np
import tensorflow as tf

from ns.core import errors
from ns.core import termination

# How long a file that a host has written may take to be seen by the others.
_SEEN_SECONDS = 60.0
_AGAIN_SECONDS = 0.2
# Of all numbers that are said at once, and of those that a text is.
_MOST = 4
_MOST_TEXT = 512
# Of the sums, one for each shape; `tf.distribute` counts its own from 1.
_KEY = 2**30


class Hosts:
  """All hosts of a run, seen from one of them.

  Each calls the same methods in the same order. All raise a RunError when
  another host has ended, within `together`.

  Attributes:
    workers: how many.
    worker: which one this is, from 0.
  """

  def __init__(self, worker: int, workers: int):
    """After the start of a `tf.distribute.MultiWorkerMirroredStrategy`."""
    self.worker = worker
    self.workers = workers

  @property
  def is_chief(self) -> bool:
    return self.worker == 0

  def gather(self, numbers: Sequence[int]) -> np.ndarray:
    """The numbers of all hosts.

    Args:
      numbers: as many on each host, at most 4, of 64 bits.

    Returns:
      [workers, numbers] int64.
    """
    return self._gather(numbers, _MOST)

  def union(self, items: Sequence[Any]) -> list[Any]:
    """The items of all hosts.

    Args:
      items: what JSON has a form for.

    Returns:
      In the order of the hosts, in the form that JSON gives them.
    """
    own = json.dumps(items).encode() if items else b''
    sizes = self.gather([len(own)])[:, 0]
    parts = [
        self._gather(np.frombuffer(own[begin:begin + 8 * _MOST_TEXT].ljust(
            8 * _MOST_TEXT), np.int64), _MOST_TEXT)
        for begin in range(0, sizes.max(), 8 * _MOST_TEXT)]
    return [item for worker, size in enumerate(sizes) if size
            for item in json.loads(b''.join(
                part[worker].tobytes() for part in parts))]

  def _gather(self, numbers: Sequence[int], most: int) -> np.ndarray:
    table = np.zeros([self.workers, most], np.int64)
    table[self.worker, :len(numbers)] = numbers
    return self._total(table)[:, :len(numbers)]

  def _total(self, table: np.ndarray) -> np.ndarray:
    """The sum of a table of each host, [workers, numbers] int64."""
    return _summed(tf.constant(table), self.workers).numpy()

  def any(self, flag: bool) -> bool:
    """Whether it is so on any host."""
    return bool(self.gather([int(flag)]).any())

  def meet(self) -> None:
    """Returns when all hosts came here."""
    self.gather([0])

  def check_same(self, what: str, text: str) -> None:
    """Checks that all hosts have the same text.

    Raises:
      RunError: a host has another one than the chief.
    """
    digest = hashlib.sha256(text.encode()).digest()
    found = self.gather(np.frombuffer(digest, np.int64))
    others = np.flatnonzero((found != found[0]).any(axis=1)).tolist()
    if others:
      raise errors.RunError(
          f'{what} should be the same on all {self.workers} hosts, but is '
          f'another one than the chief\'s on worker {others[0]}; give all of '
          'them the same command, software, data and `--work_dir`.')

  def wait_for(self, is_there: Callable[[], bool], what: str) -> None:
    """Waits until this host sees what another one has written by now.

    Raises:
      RunError: it does not within a minute.
    """
    deadline = time.monotonic() + _SEEN_SECONDS
    while not is_there():
      termination.check()
      if time.monotonic() > deadline:
        raise errors.RunError(
            f'Worker {self.worker} waited {_SEEN_SECONDS:g} s for `{what}`, '
            'which another host has written; `--work_dir` should be a folder '
            'that all hosts share.')
      time.sleep(_AGAIN_SECONDS)

  @contextlib.contextmanager
  def together(self) -> Iterator[None]:
    """Says in a sentence, within the context, that another host has ended.

    Raises:
      RunError: it has.
      Terminated: it has, and this one was asked to end, too.
    """
    try:
      yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError,
            tf.errors.CancelledError, tf.errors.InternalError,
            tf.errors.DeadlineExceededError) as error:
      termination.check()
      if not self._is_of_another(error):
        raise
      raise errors.RunError(
          f'Another host of the {self.workers} has ended, and worker '
          f'{self.worker} ends with it: look at what the others said. The same '
          'command on all of them goes on from what is finished and the last '
          'checkpoint.') from error

  def _is_of_another(self, error) -> bool:
    return isinstance(error, tf.errors.UnavailableError) or any(
        word in error.message for word in ('ollective', 'oordination', '/task:'))


@functools.partial(tf.function, autograph=False)
def _summed(table, workers: int):
  # On the processors: a GPU goes on with its steps meanwhile.
  with tf.device('/cpu:0'):
    return tf.raw_ops.CollectiveReduceV2(
        input=table, group_size=workers, group_key=_KEY,
        instance_key=_KEY + table.shape[1], ordering_token=[], merge_op='Add',
        final_op='Id', communication_hint='ring')
