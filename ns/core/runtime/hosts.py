"""What the hosts of a run do together, besides training.

All is done by one kind of exchange: each host tells the chief something, and the
chief tells all of them everybody's. A host that waits for another one, for
hours if need be, learns at once of its end: that it died, or that it was asked
to end, which is told to all.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import functools
import hashlib
import queue
import socket
import time
from typing import Any

import numpy as np
import tensorflow as tf

from ns.core import errors
from ns.core import termination
from ns.core.runtime import connection

# How long a file that a host has written may take to be seen by the others.
_SEEN_SECONDS = 60.0
_AGAIN_SECONDS = 0.2
# The message that asks a host to end; all others are lists.
_END = 'end'


class Hosts:
  """All hosts of a run, seen from one of them.

  Each calls the same methods in the same order. All raise a RunError when
  another host has ended.

  What takes long is waited for in a way that SIGTERM ends: `wait`, `wait_for`,
  `check_same`, and `gather` if that is said. `any` and the others are for what
  hosts decide or do at the same time, such as a step of a training, and are not
  left by one of them.

  Attributes:
    workers: how many.
    worker: which one this is, from 0.
  """

  def __init__(self, worker: int, workers: int,
               joined: Mapping[int, socket.socket]):
    """Begins to hear the others.

    Args:
      worker: as of the attributes.
      workers: as of the attributes.
      joined: the chief's connections to all others, by their numbers; that to
        the chief, which is number 0, on another host.
    """
    self.worker = worker
    self.workers = workers
    self._come, self._is_ending = queue.SimpleQueue(), False
    self._others = {number: connection.Connection(each)
                    for number, each in joined.items()}
    for number, other in self._others.items():
      other.hear(functools.partial(self._hear, number))

  def _hear(self, number: int, message) -> None:
    """What another host says, in a thread of its own."""
    if message == _END:
      self._end()
    else:
      self._come.put((number, message))

  @property
  def is_chief(self) -> bool:
    return self.worker == 0

  def gather(self, numbers: Sequence[int], waits: bool = False) -> np.ndarray:
    """The numbers of all hosts.

    Args:
      numbers: as many on each host, of 64 bits.
      waits: whether it may take long, so that it ends when the program is asked
        to end.

    Returns:
      [workers, numbers] int64.

    Raises:
      RunError: another host has ended.
      Terminated: it was asked to, or this one, which waits.
    """
    own = np.asarray(numbers, np.int64).tolist()
    return np.array(self._all(own, waits), np.int64)

  def union(self, items: Sequence[Any]) -> list[Any]:
    """The items of all hosts.

    Args:
      items: what JSON has a form for.

    Returns:
      In the order of the hosts, in the form that JSON gives them.
    """
    return [item for items in self._all(list(items)) for item in items]

  def _all(self, own: Any, waits: bool = False) -> list[Any]:
    """What each host says."""
    if not self.is_chief:
      self._others[0].send(own)
      return self._next(waits)[1]
    said = {0: own}
    while len(said) < self.workers:
      number, message = self._next(waits)
      said[number] = message
    everything = [said[number] for number in range(self.workers)]
    for other in self._others.values():
      other.send(everything)
    return everything

  def _next(self, waits: bool) -> tuple[int, Any]:
    """Who says something, and what."""
    while True:
      if waits:
        termination.check()
      try:
        number, message = self._come.get(timeout=_AGAIN_SECONDS)
      except queue.Empty:
        continue
      if message is None:
        self._come.put((number, message))  # It stays so.
        termination.check()
        raise self._ended()
      return number, message

  def _ended(self) -> errors.RunError:
    return errors.RunError(
        f'Another host of the {self.workers} has ended, and worker '
        f'{self.worker} ends with it: look at what the others said. The same '
        'command on all of them goes on from what is finished and the last '
        'checkpoint.')

  def _end(self) -> None:
    """All hosts end, and this one where it loses nothing."""
    termination.request()
    if not self._is_ending:
      self._is_ending = True
      for other in self._others.values():
        other.send(_END)

  def any(self, flag: bool) -> bool:
    """Whether it is so on any host."""
    return bool(self.gather([int(flag)]).any())

  def meet(self) -> None:
    """Returns when all hosts came here."""
    self.gather([0])

  def wait(self, flag: bool = False) -> bool:
    """Returns when all hosts came here, which may take long.

    Returns:
      Whether any of them has the flag.
    """
    return bool(self.gather([int(flag)], waits=True).any())

  def check_same(self, what: str, text: str) -> None:
    """Checks that all hosts have the same text.

    Raises:
      RunError: a host has another one than the chief.
    """
    digest = hashlib.sha256(text.encode()).digest()
    found = self.gather(np.frombuffer(digest, np.int64), waits=True)
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
    """The context of all that hosts do together.

    When this host was asked to end, and does, the others are asked to as well.
    That another host has ended in a step of TensorFlow's is said in a sentence.

    Raises:
      RunError: it has.
      Terminated: it has, and this one was asked to end, too.
    """
    try:
      yield
    except errors.Terminated:
      self._end()
      raise
    except (tf.errors.UnavailableError, tf.errors.AbortedError,
            tf.errors.CancelledError, tf.errors.InternalError,
            tf.errors.DeadlineExceededError) as error:
      termination.check()
      if not self._is_of_another(error):
        raise
      raise self._ended() from error

  def _is_of_another(self, error) -> bool:
    return isinstance(error, tf.errors.UnavailableError) or any(
        word in error.message for word in ('ollective', 'oordination', '/task:'))
