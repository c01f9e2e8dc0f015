"""Progress with rate and time left: a bar in a terminal, lines elsewhere."""

import sys
import time

import tqdm


class Progress:
  """Counts what is done and says so on standard error.

  Usable as a context manager. In a file or a pipe a line is written at most
  every `every_seconds`, and one at the end.
  """

  def __init__(self, what: str, total: int, unit: str, initial: int = 0,
               every_seconds: float = 10.0, stream=None, clock=time.monotonic):
    """Starts the clock.

    Args:
      what: what goes on, e.g. 'student1/train'.
      total: units in all.
      unit: what is counted, in the plural.
      initial: units done before this start; they do not enter the rate.
      every_seconds: the least time between two plain lines.
      stream: where to write; standard error if None.
      clock: gives seconds.
    """
    self._stream = stream or sys.stderr
    self._what, self._total, self._unit = what, total, unit
    self._initial = self._done = initial
    self._clock, self._every = clock, every_seconds
    self._written, self._note, self._has_rate = None, '', True
    self._start = self._last = self._rate_start = clock()
    self._bar = tqdm.tqdm(
        desc=what, total=total, initial=initial, unit=' ' + unit,
        file=self._stream, dynamic_ncols=True, leave=False,
        unit_scale=total >= 10000) if self._stream.isatty() else None

  def __enter__(self):
    return self

  def __exit__(self, kind, error, trace):
    if self._bar is not None:
      self._bar.close()
    if kind is None and self._done != self._written:
      self._write(self._note)

  def advance(self, count: int, note: str = '', in_rate: bool = True) -> None:
    """Counts `count` more units.

    Args:
      count: how many.
      note: how it stands, e.g. the loss.
      in_rate: whether they took the time that others will take. If not, the
        rate and the time left are of what comes after them.
    """
    self._done += count
    self._note, self._has_rate = note, in_rate
    if not in_rate:
      self._initial, self._rate_start = self._done, self._clock()
    if self._bar is not None:
      self._bar.update(count)
      self._bar.set_postfix_str(note, refresh=False)
    elif self._clock() - self._last >= self._every:
      self._last = self._clock()
      self._write(note)

  def _write(self, note: str) -> None:
    self._written = self._done
    now = self._clock()
    rate = (self._done - self._initial) / max(now - self._rate_start, 1e-9)
    left = self._total - self._done
    parts = [f'{self._done:,}/{self._total:,} {self._unit}']
    if self._has_rate:
      parts.append(f'{rate:,.1f} {self._unit}/s')
    if left > 0 and rate:
      parts.append(f'{duration(left / rate)} left')
    elif left <= 0:
      parts.append(f'took {duration(now - self._start)}')
    parts.extend([note] if note else [])
    print(f'{self._what}: {", ".join(parts)}', file=self._stream, flush=True)


def duration(seconds: float) -> str:
  """Seconds as a person reads them: '48 s', '3 min 05 s', '2 h 10 min', '9 days'.
  """
  seconds = round(seconds)
  if seconds < 60:
    return f'{seconds} s'
  if seconds < 3600:
    return f'{seconds // 60} min {seconds % 60:02} s'
  if seconds < 7 * 86400:
    return f'{seconds // 3600} h {seconds % 3600 // 60:02} min'
  return f'{seconds / 86400:,.0f} days'
