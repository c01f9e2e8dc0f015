"""A request to end, such as a preempted machine's, heard between two steps.

SIGTERM asks a program to end soon. While `heard` is entered it only sets a
flag, and who works looks at that where nothing is lost: after a step of
training, once its checkpoint is written; after a batch of labelling.
"""

from collections.abc import Iterator
import contextlib
import signal

from ns.core import errors

_requested = False
_is_heard = False


@contextlib.contextmanager
def heard() -> Iterator[None]:
  """SIGTERM is a request while the context lasts; for the main thread."""
  global _requested, _is_heard
  before = signal.signal(signal.SIGTERM, _request)
  _is_heard = True
  try:
    yield
  finally:
    signal.signal(signal.SIGTERM, before)
    _requested = _is_heard = False


def hear_again() -> None:
  """Takes SIGTERM back from a library that took it for itself.

  TensorFlow does, from C++, when several hosts start.
  """
  if _is_heard:
    signal.signal(signal.SIGTERM, _request)


def _request(number, frame) -> None:
  del number, frame
  global _requested
  _requested = True


def request() -> None:
  """Asks this program to end, as SIGTERM does; from any thread."""
  global _requested
  _requested = True


def is_requested() -> bool:
  """Whether the program should end."""
  return _requested


def check() -> None:
  """Ends the program where that was asked for.

  Raises:
    Terminated: it was.
  """
  if _requested:
    raise errors.Terminated
