"""The bench of the loop in its short form, and what its figures are."""

import json

import pytest

from tools.bench import loop


def test_the_last_line_has_every_figure(capsys):
  loop.main(['--steps=5', '--starts=1'])
  figures = json.loads(capsys.readouterr().out.splitlines()[-1])
  assert figures.pop('bench') == 'loop'
  assert set(figures) == {'overhead_share', 'input_wait_share', 'start_seconds'}
  assert 0 < figures['overhead_share'] + figures['input_wait_share'] < 1
  assert 0 < figures['start_seconds'] < 120


def test_shares_are_of_the_time_after_the_first_step():
  now = [0.0]
  steps, inputs = (loop.Stopwatch(lambda: now[0]) for _ in range(2))

  def takes(seconds):
    now[0] += seconds
    return seconds

  step, batch = steps.timed(takes), inputs.timed(takes)
  batch(7), step(50)  # Compiled here.
  for _ in range(3):
    takes(1)  # The loop itself.
    assert batch(2) == 2
    step(5)
  batch(9)  # Of a step that was not taken.
  assert loop.shares(steps, inputs) == {
      'overhead_share': pytest.approx(1 / 8),
      'input_wait_share': pytest.approx(2 / 8)}


def test_a_program_that_ends_is_not_waited_for(tmp_path, monkeypatch):
  monkeypatch.setattr(loop, '_PROGRAM', 'raise SystemExit("it ends")')
  with pytest.raises(RuntimeError, match='^No step was taken: it ends\n'):
    loop.start_seconds(tmp_path)
