"""How fast something goes, found out in its first seconds."""

import time

# Until everything is compiled and buffered, so many notes are taken.
_WARM = 2


class Enough(Exception):
  """Ends what is measured."""


class Pace:
  """Notes how far something is, and ends it when its rate is known."""

  def __init__(self, seconds: float, clock=time.monotonic):
    """Starts.

    Args:
      seconds: how long to look, once it goes.
      clock: gives seconds.
    """
    self._seconds, self._clock = seconds, clock
    self._begin = clock()
    self._noted = []

  def note(self, done: int) -> None:
    """`done`: units finished by now.

    Raises:
      Enough: the rate is known.
    """
    self._noted.append((done, self._clock()))
    if (len(self._noted) > _WARM
        and self._noted[-1][1] - self._noted[_WARM - 1][1] >= self._seconds):
      raise Enough

  @property
  def rate(self) -> float:
    """Units a second once it goes; over all where it ended before that."""
    first, then = (self._noted[_WARM - 1] if len(self._noted) > _WARM
                   else (0, self._begin))
    last, now = self._noted[-1]
    return (last - first) / max(now - then, 1e-9)

  def seconds(self, total: int) -> float:
    """For `total` units: what its beginning took, then the rest at its rate."""
    done, then = self._noted[:_WARM][-1]
    beginning = max(then - self._begin - done / self.rate, 0)
    return beginning + total / self.rate
