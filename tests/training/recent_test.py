"""Metrics that are on the device until they are read."""

import numpy as np

from ns.training import recent


class OnDevice:
  """A value of some steps; notes when it is read."""

  def __init__(self, values, read):
    self._values, self._read = values, read

  def __array__(self, dtype=None, copy=None):
    del copy
    self._read.append(self._values)
    return np.array(self._values, dtype or np.float32)


def test_metrics_are_read_once_step_by_step():
  read = []
  metrics = recent.Recent([{'loss': 4.0, 'accuracy': 0.25}])
  assert metrics.is_read
  metrics.append({'loss': OnDevice([3.0, 2.0], read),
                  'accuracy': OnDevice([0.5, 0.5], read)})
  assert not metrics.is_read and not read
  expected = [{'loss': 4.0, 'accuracy': 0.25}, {'loss': 3.0, 'accuracy': 0.5},
              {'loss': 2.0, 'accuracy': 0.5}]
  assert metrics.read() == metrics.read() == expected
  assert metrics.is_read and len(read) == 2
  assert recent.Recent(expected).read() == expected


def test_means_of_all_steps():
  metrics = recent.Recent([{'loss': 4.0}])
  metrics.append({'loss': np.array([1.0, 1.0], np.float32)})
  assert metrics.sum_up() == {'loss': 2.0}
  metrics.append({'loss': np.array([5.0], np.float32)})
  assert metrics.sum_up() == {'loss': 5.0}
  assert metrics.read() == []
