import json

import numpy as np
import pytest

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
