import json

import pytest

from ns.training import metrics_log


def lines(path):
  return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_there_when_it_is_written(tmp_path):
  path = tmp_path / 'train/metrics.jsonl'
  log = metrics_log.MetricsLog(path, 0)
  assert not path.exists()
  log.write(5, {'loss': 1.5, 'attempt': 0})
  assert path.read_text() == '{"step": 5, "loss": 1.5, "attempt": 0}\n'
  log.write(10, {'loss': 0.1 + 0.2})
  assert lines(path)[1]['loss'] == 0.1 + 0.2


@pytest.mark.parametrize('step, left', [
    (0, []), (4, []), (5, [5]), (9, [5]), (10, [5, 10]), (99, [5, 10, 15])])
def test_it_goes_on_after_a_step(tmp_path, step, left):
  path = tmp_path / 'metrics.jsonl'
  log = metrics_log.MetricsLog(path, 0)
  for written in 5, 10, 15:
    log.write(written, {'loss': written / 2})
  before = path.read_bytes()
  metrics_log.MetricsLog(path, step)
  assert before.startswith(path.read_bytes())
  assert [line['step'] for line in lines(path)] == left
  log.go_back(5)
  log.write(6, {})
  assert [line['step'] for line in lines(path)] == [n for n in left if n <= 5
                                                    ] + [6]


@pytest.mark.parametrize('half', [
    '{"st', '{"step": 1', '{"step": 1}', '{"step": 10, "loss": 0.5'])
def test_half_a_line_goes(tmp_path, half):
  path = tmp_path / 'metrics.jsonl'
  path.write_text('{"step": 5}\n' + half)
  metrics_log.MetricsLog(path, 20).write(21, {})
  assert path.read_text() == '{"step": 5}\n{"step": 21}\n'
