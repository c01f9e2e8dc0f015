"""Progress on a fake clock: plain lines, and a bar in a fake terminal."""

import io
import sys

import pytest

from ns.core import progress


class Clock:
  """Seconds that pass when the test says so."""

  def __init__(self):
    self.now = 1000.0

  def __call__(self):
    return self.now


class Terminal(io.StringIO):

  def isatty(self):
    return True


def started(total, unit='images', stream=None, **kwargs):
  clock, stream = Clock(), stream or io.StringIO()
  bar = progress.Progress('teacher/label', total, unit, stream=stream,
                          clock=clock, **kwargs)
  return bar, clock, stream


def test_a_line_at_most_every_ten_seconds():
  bar, clock, stream = started(12000)
  clock.now += 9.9
  bar.advance(100)
  assert stream.getvalue() == ''
  clock.now += 0.1
  bar.advance(2900, 'loss 1.25')
  assert stream.getvalue() == (
      'teacher/label: 3,000/12,000 images, 300.0 images/s, 30 s left, '
      'loss 1.25\n')
  clock.now += 9.0
  bar.advance(3000)
  assert stream.getvalue().count('\n') == 1
  clock.now += 1.0
  bar.advance(1)
  assert stream.getvalue().splitlines()[1] == (
      'teacher/label: 6,001/12,000 images, 300.1 images/s, 20 s left')


def test_the_seconds_between_lines_can_be_bound():
  bar, clock, stream = started(10, every_seconds=0.5)
  clock.now += 0.5
  bar.advance(1)
  assert stream.getvalue() == (
      'teacher/label: 1/10 images, 2.0 images/s, 4 s left\n')


def test_one_line_at_the_end():
  bar, clock, stream = started(30)
  with bar:
    clock.now += 5
    bar.advance(30, 'loss 2')
  assert stream.getvalue() == (
      'teacher/label: 30/30 images, 6.0 images/s, took 5 s, loss 2\n')


def test_the_last_line_is_not_written_twice():
  bar, clock, stream = started(30)
  with bar:
    clock.now += 10
    bar.advance(30)
  assert stream.getvalue() == (
      'teacher/label: 30/30 images, 3.0 images/s, took 10 s\n')


def test_an_early_end_says_what_is_left():
  bar, clock, stream = started(100, 'steps')
  with bar:
    clock.now += 4
    bar.advance(20)
  assert stream.getvalue() == (
      'teacher/label: 20/100 steps, 5.0 steps/s, 16 s left\n')


def test_no_line_at_the_end_of_a_failure():
  bar, _, stream = started(30)
  with pytest.raises(KeyError):
    with bar:
      bar.advance(10)
      raise KeyError('broken')
  assert stream.getvalue() == ''


def test_what_was_done_before_does_not_enter_the_rate():
  bar, clock, stream = started(1000, initial=600)
  clock.now += 20
  bar.advance(100)
  assert stream.getvalue() == (
      'teacher/label: 700/1,000 images, 5.0 images/s, 1 min 00 s left\n')


def test_what_took_longer_than_the_rest_will_does_not_enter_the_rate():
  bar, clock, stream = started(1000, 'steps')
  clock.now += 50  # It is compiled.
  bar.advance(1, 'loss 2', in_rate=False)
  clock.now += 10
  bar.advance(20, 'loss 1')
  clock.now += 0.5
  with bar:
    bar.advance(979)
  assert stream.getvalue().splitlines() == [
      'teacher/label: 1/1,000 steps, loss 2',
      'teacher/label: 21/1,000 steps, 2.0 steps/s, 8 min 10 s left, loss 1',
      'teacher/label: 1,000/1,000 steps, 95.1 steps/s, took 1 min 00 s']


def test_nothing_to_do_and_nothing_done():
  bar, _, stream = started(0)
  with bar:
    pass
  assert stream.getvalue() == (
      'teacher/label: 0/0 images, 0.0 images/s, took 0 s\n')
  bar, clock, stream = started(5)
  with bar:
    clock.now += 1
  assert stream.getvalue() == 'teacher/label: 0/5 images, 0.0 images/s\n'


def test_more_than_the_total_leaves_no_time():
  bar, clock, stream = started(5)
  with bar:
    clock.now += 2
    bar.advance(6)
  assert stream.getvalue() == (
      'teacher/label: 6/5 images, 3.0 images/s, took 2 s\n')


def test_a_bar_in_a_terminal_and_a_line_after_it():
  bar, clock, stream = started(200, stream=Terminal(), initial=50)
  with bar:
    assert ' 25%|' in stream.getvalue() and '50/200' in stream.getvalue()
    clock.now += 30
    bar.advance(150, 'loss 0.5')
    assert 'images/s' in stream.getvalue()
    # Plain lines would break the bar.
    assert '\n' not in stream.getvalue()
  last = stream.getvalue().split('\r')[-1]
  assert last == (
      'teacher/label: 200/200 images, 5.0 images/s, took 30 s, loss 0.5\n')


def test_a_bar_of_many_has_short_numbers():
  _, _, stream = started(25000, stream=Terminal())
  assert '0.00/25.0k' in stream.getvalue()


def test_standard_error_without_a_stream(monkeypatch):
  monkeypatch.setattr(sys, 'stderr', io.StringIO())
  with progress.Progress('a', 1, 'images', clock=Clock()) as bar:
    bar.advance(1)
  assert sys.stderr.getvalue().startswith('a: 1/1 images, ')


@pytest.mark.parametrize('seconds, text', [
    (0, '0 s'), (0.4, '0 s'), (48, '48 s'), (59.4, '59 s'),
    (59.6, '1 min 00 s'), (185, '3 min 05 s'), (3599, '59 min 59 s'),
    (3599.7, '1 h 00 min'), (7800, '2 h 10 min'), (360000, '100 h 00 min')])
def test_duration(seconds, text):
  assert progress.duration(seconds) == text
