import pytest

from ns.loop import pace


class Clock:
  """Gives the times that it was made of, one after the other."""

  def __init__(self, *times):
    self._times = iter(times)

  def __call__(self):
    return next(self._times)


def test_the_rate_is_that_of_what_comes_after_the_beginning():
  # Ten seconds for the first four, then four a second.
  found = pace.Pace(2.0, Clock(100, 110, 111, 112, 113))
  for done in 4, 8, 12:
    found.note(done)
  with pytest.raises(pace.Enough):
    found.note(16)
  assert found.rate == 4
  # Of 100: 8 took 11 seconds, and 92 are left.
  assert found.seconds(100) == pytest.approx(11 + 92 / 4)


def test_what_ends_early_has_the_rate_of_all_of_it():
  found = pace.Pace(2.0, Clock(0, 10, 12))
  found.note(4)
  found.note(8)
  assert found.rate == pytest.approx(8 / 12)
  assert found.seconds(8) == pytest.approx(12)


def test_a_beginning_is_not_below_nothing():
  # The first two came out of a buffer.
  found = pace.Pace(1.0, Clock(0, 0.1, 0.2, 10))
  found.note(4)
  found.note(8)
  with pytest.raises(pace.Enough):
    found.note(12)
  assert found.seconds(12) == pytest.approx(12 / found.rate)
