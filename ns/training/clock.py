"""Where the time of a training goes.

The host waits for a batch (`INPUT`), calls the compiled step and waits for its
metrics (`STEP`), and does all else (`REST`): learning rates, summaries,
checkpoints.

On a CPU that is what each of them takes. An accelerator computes on its own: a
call of the step returns before the step is done, and the host fetches the next
batch meanwhile. It reads metrics for a summary or a checkpoint only, and waits
there for all steps before. So the shares of input and rest are the most that
they can have cost: the device need not have stood still for all of that.

Where a call is several steps the wait is measured against a probe. One call
after each summary begins when the device has nothing else to do and the batches
are in memory, and the host waits for its end: its time is that of the steps
alone. It is one of the training's own calls, so nothing else changes by it.
What all calls would have taken at the pace of the fastest probe is no waiting,
whatever the host saw.
"""

from collections.abc import Callable
import dataclasses
import time

INPUT, STEP, REST = 'input', 'step', 'rest'
PROBED = 'probed_images_per_second'
# All that `Clock.window` gives.
FIGURES = ('images_per_second', 'input_wait_share', 'outside_share', PROBED)


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

  def figures(self, pace: float | None) -> dict[str, float]:
    """See `Clock.window`; `pace` is the probe's, in seconds per image."""
    seconds = self.input + self.step + self.rest
    if not self.images or not seconds:
      return {}
    waited = self.input
    if pace is not None:
      waited = min(waited, max(seconds - self.images * pace, 0.0))
    return {'images_per_second': self.images / seconds,
            'input_wait_share': waited / seconds,
            'outside_share': self.rest / seconds}


class Clock:
  """Adds up the time of each part, lap after lap."""

  def __init__(self, clock: Callable[[], float] = time.monotonic):
    """Starts; `clock` gives seconds."""
    self._clock = clock
    self._start = self._last = clock()
    self.restart()
    self.mark()

  @property
  def seconds(self) -> float:
    """Since the start."""
    return self._clock() - self._start

  def lap(self, part: str, images: int = 0, is_probe: bool = False) -> None:
    """The time since the last lap went to `part`, and trained on `images`.

    Args:
      part: one of the three.
      images: how many.
      is_probe: whether nothing but the steps on these images took time.
    """
    now = self._clock()
    seconds = now - self._last
    for spent in self._window, self._whole:
      spent.add(part, seconds, images)
    if is_probe:
      pace = seconds / images
      self._pace = pace if self._pace is None else min(self._pace, pace)
    self._last = now

  def skip(self) -> None:
    """The time since the last lap counts nowhere, e.g. that of evaluation."""
    self._last = self._clock()

  def restart(self) -> None:
    """Forgets all laps."""
    self._window, self._whole = _Spent(), _Spent()
    self._pace = None

  def mark(self) -> None:
    """Remembers the laps until here, for `forget`."""
    self._marked = [dataclasses.replace(spent)
                    for spent in (self._window, self._whole)] + [self._pace]

  def forget(self) -> None:
    """Forgets the laps since the mark."""
    self._window, self._whole, self._pace = self._marked

  def window(self) -> dict[str, float]:
    """The figures since the last window; the next one begins.

    Returns:
      `images_per_second`; `input_wait_share` and `outside_share`, the shares of
      the time that went to input and to the rest; and, where there was a probe,
      `probed_images_per_second`, its pace. None of them without images.
    """
    spent, self._window = self._window, _Spent()
    found = spent.figures(self._pace)
    if found and self._pace:
      found[PROBED] = 1 / self._pace
    return found

  def whole(self) -> dict[str, float]:
    """The same of all laps, without the probe's pace."""
    return self._whole.figures(self._pace)
