import numpy as np
import pytest
from scipy import optimize
from scipy import special

from ns.objective import calibration


def teacher(temperature, images=4000, classes=10, seed=0):
  """Labels drawn from logits, and what a network says that is too sure.

  Its logits are `temperature` times those, so that is what calibrates it.
  """
  generator = np.random.default_rng(seed)
  logits = generator.normal(0, 2, (images, classes))
  labels = (special.softmax(logits, axis=1).cumsum(axis=1)
            < generator.random((images, 1))).sum(axis=1).clip(max=classes - 1)
  return (special.softmax(temperature * logits, axis=1).astype(np.float32),
          labels)


@pytest.mark.parametrize('temperature', [0.4, 1.0, 2.5])
@pytest.mark.parametrize('seed', range(3))
def test_the_fitted_temperature_is_that_of_scipy(temperature, seed):
  probabilities, labels = teacher(temperature, seed=seed)
  logits = np.log(np.maximum(probabilities.astype(float), 1e-37))
  loss = lambda t: -special.log_softmax(logits / t, axis=1)[
      np.arange(len(labels)), labels].mean()
  best = optimize.minimize_scalar(
      loss, bounds=(0.05, 20), method='bounded', options={'xatol': 1e-9})
  found = calibration.fit_temperature(probabilities, labels)
  assert found == pytest.approx(best.x, rel=1e-4)
  assert loss(found) <= best.fun + 1e-12
  # And near the one that the labels were drawn with.
  assert found == pytest.approx(temperature, rel=0.1)


def test_parts_of_the_rows_give_the_same(monkeypatch):
  probabilities, labels = teacher(2.0, images=500)
  whole = calibration.fit_temperature(probabilities, labels)
  monkeypatch.setattr(calibration, '_ROWS', 7)
  assert calibration.fit_temperature(probabilities, labels) == pytest.approx(
      whole, rel=1e-7)


def test_derivatives_are_those_of_the_cross_entropy():
  probabilities, labels = teacher(1.7, images=200)
  at = lambda b: calibration._cross_entropy(probabilities, labels, b)
  step = 1e-4
  for b in 0.3, 1.0, 3.0:
    value, slope, bend = at(b)
    assert value == pytest.approx(
        calibration.cross_entropy(probabilities, labels, 1 / b))
    assert slope == pytest.approx(
        (at(b + step)[0] - at(b - step)[0]) / (2 * step), rel=1e-5, abs=1e-7)
    assert bend == pytest.approx(
        (at(b + step)[1] - at(b - step)[1]) / (2 * step), rel=1e-5)


def test_a_best_temperature_out_of_range_is_the_bound():
  sure = np.array([[0.9, 0.1], [0.2, 0.8]], np.float32)
  assert calibration.fit_temperature(sure, np.array([0, 1])) == 0.05
  assert calibration.fit_temperature(sure, np.array([1, 0])) == 20.0
  # With probabilities of 0 too.
  hard = np.eye(2, dtype=np.float32)
  assert calibration.fit_temperature(hard, np.array([0, 1])) == 0.05
  assert calibration.fit_temperature(hard, np.array([1, 0])) == 20.0


def test_one_row_of_each_kind_by_hand():
  # p = 0.8 and right in 3 of 4: the best is 3 to 1, so 4^b = 3.
  probabilities = np.full((4, 2), [0.8, 0.2], np.float32)
  found = calibration.fit_temperature(probabilities, np.array([0, 0, 0, 1]))
  assert found == pytest.approx(np.log(4) / np.log(3), rel=1e-6)
  np.testing.assert_allclose(calibration.scaled(probabilities, found),
                             np.full((4, 2), [0.75, 0.25]), rtol=1e-6)


@pytest.mark.parametrize('temperature', [0.05, 0.5, 1.0, 1.3, 20.0])
def test_scaled_is_the_softmax_of_divided_logits(temperature):
  logits = np.random.default_rng(1).normal(0, 5, (50, 7))
  probabilities = special.softmax(logits, axis=1).astype(np.float32)
  scaled = calibration.scaled(probabilities, temperature)
  assert scaled.dtype == np.float32
  np.testing.assert_allclose(
      scaled, special.softmax(logits / temperature, axis=1), rtol=2e-4,
      atol=1e-7)
  assert (scaled.argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_zero_stays_zero():
  scaled = calibration.scaled(np.array([[0.5, 0.5, 0]], np.float32), 3.0)
  assert scaled.tolist() == [[0.5, 0.5, 0]]


def test_reliability_against_loops():
  generator = np.random.default_rng(2)
  confidences = np.concatenate([
      generator.random(3000), np.arange(11) / 10, [1.0000001]])
  right = generator.random(len(confidences)) < confidences
  found = calibration.reliability(confidences, right, bins=10)
  error = 0
  for number in range(10):
    low, high = found.edges[number], found.edges[number + 1]
    members = [i for i, c in enumerate(confidences)
               if low < min(c, 1) <= high or number == 0 and c == 0]
    assert found.counts[number] == len(members)
    assert found.confidence[number] == pytest.approx(
        sum(confidences[i] for i in members) / len(members))
    assert found.accuracy[number] == pytest.approx(
        sum(right[i] for i in members) / len(members))
    error += len(members) / len(confidences) * abs(
        found.accuracy[number] - found.confidence[number])
  assert found.error == pytest.approx(error)
  assert found.rows()[3] == {
      'from': found.edges[3], 'to': found.edges[4], 'count': found.counts[3],
      'confidence': found.confidence[3], 'accuracy': found.accuracy[3]}


def test_empty_bins_count_for_nothing():
  found = calibration.reliability(np.array([0.9, 0.8]), [True, False], bins=2)
  assert found.counts.tolist() == [0, 2] and found.accuracy[0] == 0
  assert found.error == pytest.approx(0.35)
  assert calibration.reliability(np.empty(0), np.empty(0, bool)).error == 0


@pytest.mark.parametrize('shape, labels', [
    ((3, 2), [0, 1]), ((3,), [0, 1, 0]), ((0, 2), [])])
def test_arguments_should_fit_together(shape, labels):
  with pytest.raises(ValueError) as caught:
    calibration.fit_temperature(np.ones(shape, np.float32), labels)
  assert str(caught.value) == (
      '`probabilities` and `labels` should be of shapes [rows, classes] and '
      f'[rows] with a row, but are of {list(shape)} and {[len(labels)]}.')
