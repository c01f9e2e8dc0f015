import json
import types

import numpy as np
import pytest

from ns.core import errors
from ns.objective import calibration
from ns.pseudolabel import temperature_scaling


def test_a_teacher_that_is_too_sure_is_calibrated():
  generator = np.random.default_rng(0)
  # Of two classes, so that the confidence is all there is to it.
  truth = generator.uniform(0.5, 1, 20000)
  labels = (generator.random(20000) > truth).astype(int)
  odds = (truth / (1 - truth))**3
  said = np.stack([odds / (1 + odds), 1 / (1 + odds)], axis=1).astype(
      np.float32)
  found = temperature_scaling.TemperatureScaling(bins=10).fit(said, labels)
  assert found['temperature'] == pytest.approx(3, rel=0.05)
  assert found['images'] == 20000
  assert found['before']['ece'] > 0.1 > 0.02 > found['after']['ece']
  assert found['after']['cross_entropy'] < found['before']['cross_entropy']
  for name, temperature in ('before', 1.0), ('after', found['temperature']):
    scaled = calibration.scaled(said, temperature)
    assert found[name]['cross_entropy'] == pytest.approx(
        -np.log(scaled[np.arange(20000), labels]).mean(), rel=1e-4)
    table = found[name]['reliability']
    assert len(table) == 10 and sum(row['count'] for row in table) == 20000
    assert found[name]['ece'] == pytest.approx(sum(
        row['count'] * abs(row['accuracy'] - row['confidence'])
        for row in table) / 20000)
  json.dumps(found)


def test_bins_should_be_positive():
  with pytest.raises(ValueError) as caught:
    temperature_scaling.TemperatureScaling(bins=0)
  assert str(caught.value) == (
      '`TemperatureScaling.bins` should be a whole number of at least 1, but '
      'is 0.')


class Ensemble:
  """Says of image i the row i of a table."""

  def __init__(self, table):
    self.table = table
    self.teachers = [types.SimpleNamespace(name=name) for name in 'ab']

  def answers(self, source, shard, batch_size):
    for first in range(0, len(self.table), batch_size):
      rows = self.table[first:first + batch_size]
      yield types.SimpleNamespace(
          keys=rows[:, 0], probabilities=rows, is_good=np.ones(len(rows), bool))


def run(table, labels, folder):
  source = types.SimpleNamespace(
      name='validation', num_examples=len(labels), class_ids=labels,
      shards=[types.SimpleNamespace()])
  return temperature_scaling.TemperatureScaling().run(
      Ensemble(table), source, folder, batch_size=32)


def test_it_is_fitted_to_what_teachers_say_and_drawn(tmp_path):
  generator = np.random.default_rng(1)
  said = generator.dirichlet([0.3] * 4, 100).astype(np.float32)
  labels = np.where(generator.random(100) < 0.3, 0, said.argmax(axis=1))
  found = run(said, labels, tmp_path)
  assert found == temperature_scaling.TemperatureScaling().fit(said, labels)
  assert [path.name for path in tmp_path.iterdir()] == ['reliability.png']


def test_a_teacher_that_is_always_right_has_no_temperature(tmp_path):
  said = np.array([[0.75, 0.25]] * 5, np.float32)
  with pytest.raises(errors.RunError) as caught:
    run(said, np.zeros(5, int), tmp_path)
  assert str(caught.value) == (
      '`TemperatureScaling` should find a temperature between 0.05 and 20 for '
      'what a and b said of `validation`, but the best is beyond 0.05 (0 of 5 '
      'images are wrong); hold out more images, or leave '
      '`Generation.calibration` out.')
  assert not list(tmp_path.iterdir())
