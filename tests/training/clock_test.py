"""Where time goes, on a clock that stands still until it is told."""

import pytest

from ns.training import clock


class Hands:
  """Seconds that pass when the test says so."""
  now = 100.0

  def __call__(self):
    return self.now


def laps(measured, hands, *spent):
  for part, seconds, *trained in spent:
    hands.now += seconds
    measured.lap(part, *trained)


def test_shares_are_of_all_time():
  hands = Hands()
  measured = clock.Clock(hands)
  laps(measured, hands, (clock.INPUT, 1), (clock.STEP, 6, 32),
       (clock.REST, 1), (clock.INPUT, 0), (clock.STEP, 8, 32))
  assert measured.window() == {
      'images_per_second': 4.0, 'input_wait_share': 1 / 16,
      'outside_share': 1 / 16}
  laps(measured, hands, (clock.REST, 3), (clock.STEP, 1, 8))
  assert measured.window() == {
      'images_per_second': 2.0, 'input_wait_share': 0.0, 'outside_share': 0.75}
  assert measured.whole() == {
      'images_per_second': 72 / 20, 'input_wait_share': 1 / 20,
      'outside_share': 4 / 20}
  assert measured.seconds == 20


def test_what_is_skipped_counts_nowhere_but_in_the_seconds():
  hands = Hands()
  measured = clock.Clock(hands)
  laps(measured, hands, (clock.STEP, 2, 8))
  hands.now += 30
  measured.skip()
  laps(measured, hands, (clock.INPUT, 2))
  assert measured.window() == {
      'images_per_second': 2.0, 'input_wait_share': 0.5, 'outside_share': 0.0}
  assert measured.seconds == 34


def test_what_was_before_is_forgotten():
  hands = Hands()
  measured = clock.Clock(hands)
  laps(measured, hands, (clock.INPUT, 10), (clock.STEP, 10, 8))
  measured.restart()
  assert measured.window() == measured.whole() == {}
  laps(measured, hands, (clock.STEP, 2, 8))
  assert measured.window()['images_per_second'] == 4.0
  assert measured.whole()['images_per_second'] == 4.0
  assert measured.seconds == 22


def test_the_laps_since_a_mark_are_forgotten():
  hands = Hands()
  measured = clock.Clock(hands)
  laps(measured, hands, (clock.STEP, 2, 8))
  measured.mark()
  laps(measured, hands, (clock.INPUT, 5), (clock.STEP, 20, 8))
  measured.forget()
  laps(measured, hands, (clock.INPUT, 2))
  assert measured.window() == measured.whole() == {
      'images_per_second': 2.0, 'input_wait_share': 0.5, 'outside_share': 0.0}
  assert measured.seconds == 29


def test_a_wait_that_a_probe_does_not_confirm_is_none():
  """The device was at work meanwhile."""
  hands = Hands()
  measured = clock.Clock(hands)
  laps(measured, hands, (clock.STEP, 12, 8, True), (clock.STEP, 10, 8, True),
       (clock.INPUT, 9), (clock.STEP, 1, 8))
  # 24 images at the pace of the faster probe take 30 of the 32 seconds.
  assert measured.whole() == {
      'images_per_second': 24 / 32, 'input_wait_share': 2 / 32,
      'outside_share': 0.0}
  assert measured.window() == {
      **measured.whole(), 'probed_images_per_second': 0.8}
  # The wait is no more than the host's own.
  laps(measured, hands, (clock.INPUT, 3), (clock.STEP, 12, 8))
  assert measured.window() == {
      'images_per_second': 8 / 15, 'input_wait_share': 3 / 15,
      'outside_share': 0.0, 'probed_images_per_second': 0.8}
  laps(measured, hands, (clock.INPUT, 1), (clock.STEP, 7, 8))
  assert measured.window()['input_wait_share'] == 0.0


def test_a_probe_that_is_forgotten():
  """It was a call that was compiled."""
  hands = Hands()
  measured = clock.Clock(hands)
  laps(measured, hands, (clock.STEP, 80, 8, True))
  measured.restart()
  laps(measured, hands, (clock.INPUT, 1), (clock.STEP, 1, 8))
  measured.mark()
  laps(measured, hands, (clock.STEP, 0.5, 8, True))
  measured.forget()
  assert measured.window() == {
      'images_per_second': 4.0, 'input_wait_share': 0.5, 'outside_share': 0.0}


def test_without_images_there_are_no_figures():
  hands = Hands()
  measured = clock.Clock(hands)
  laps(measured, hands, (clock.REST, 5))
  assert measured.window() == measured.whole() == {}


def test_the_clock_of_the_machine():
  measured = clock.Clock()
  before = measured.seconds
  assert 0 <= before <= measured.seconds
  with pytest.raises(AttributeError):
    measured.lap('elsewhere')
