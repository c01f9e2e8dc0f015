"""Where the time of a training goes.

The host waits for a batch (`INPUT`), calls the compiled step and waits for its
metrics (`STEP`), and does all else (`REST`): learning rates, summaries,
checkpoints.

On a CPU that is what each of them takes. An accelerator computes on its own: a
call of the step returns before the step is done, and the host fetches the next
batch meanwhile. It reads metrics for a summary or a checkpoint only, and waits
there for all steps before. So the shares of input and rest are the most that
they can have cost: the device need not have stood still for all of that.
"""

from collections.abc import Callable
import dataclasses
import time

INPUT, STEP, REST = 'input', 'step', 'rest'


@dataclasses.dataclass
class _Spent:
  """Seconds of each part, and the images of that time."""
  input: float = 0.0
  step: float = 0.0
  rest: float = 0.0
  images: int = 0

  def add(self, part: str, seconds: float, images: int) -> None:
    setattr(self, part, getattr(self, part) + seconds)
    self.images += images

  def figures(self) -> dict[str, float]:
    """See `Clock.window`."""
    seconds = self.input + self.step + self.rest
    if not self.images or not seconds:
      return {}
    return {'images_per_second': self.images / seconds,
            'input_wait_share': self.input / seconds,
            'outside_share': self.rest / seconds}


class Clock:
  """Adds up the time of each part, lap after lap."""

  def __init__(self, clock: Callable[[], float] = time.monotonic):
    """Starts; `clock` gives seconds."""
    self._clock = clock
    self._start = self._last = clock()
    self._window, self._whole = _Spent(), _Spent()
    self.mark()

  @property
  def seconds(self) -> float:
    """Since the start."""
    return self._clock() - self._start

  def lap(self, part: str, images: int = 0) -> None:
    """The time since the last lap went to `part`, and trained on `images`."""
    now = self._clock()
    for spent in self._window, self._whole:
      spent.add(part, now - self._last, images)
    self._last = now

  def skip(self) -> None:
    """The time since the last lap counts nowhere, e.g. that of evaluation."""
    self._last = self._clock()

  def restart(self) -> None:
    """Forgets all laps."""
    self._window, self._whole = _Spent(), _Spent()

  def mark(self) -> None:
    """Remembers the laps until here, for `forget`."""
    self._marked = [dataclasses.replace(spent)
                    for spent in (self._window, self._whole)]

  def forget(self) -> None:
    """Forgets the laps since the mark."""
    self._window, self._whole = self._marked

  def window(self) -> dict[str, float]:
    """The figures since the last window; the next one begins.

    Returns:
      `images_per_second`; `input_wait_share` and `outside_share`, the shares of
      the time that went to input and to the rest. None of them without images.
    """
    spent, self._window = self._window, _Spent()
    return spent.figures()

  def whole(self) -> dict[str, float]:
    """The same of all laps."""
    return self._whole.figures()
