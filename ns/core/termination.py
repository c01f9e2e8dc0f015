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


@contextlib.contextmanager
def heard() -> Iterator[None]:
  """SIGTERM is a request while the context lasts; for the main thread."""
  global _requested
  before = signal.signal(signal.SIGTERM, _request)
  try:
    yield
  finally:
    signal.signal(signal.SIGTERM, before)
    _requested = False


def _request(number, frame) -> None:
  del number, frame
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
