import numpy as np
import pytest
import tensorflow as tf

from ns.mixture import labels

ROWS = np.array([[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3], [0.0, 1.0, 0.0],
                 [1e-7, 0.4, 0.6]], np.float32)


def soft(rows, temperature):
  return labels.SoftLabels(temperature=temperature).apply(
      tf.constant(rows), label=None).numpy()


@pytest.mark.parametrize('temperature', [0.25, 0.5, 1.0, 2.0])
def test_soft_labels_are_the_docstrings_formula(temperature):
  powers = ROWS.astype(np.float64)**(1 / temperature)
  expected = powers / powers.sum(-1, keepdims=True)
  found = soft(ROWS, temperature)
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_temperature_1_leaves_a_distribution_as_it_is():
  np.testing.assert_allclose(soft(ROWS, 1.0), ROWS, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('temperature', [0.01, 1.0, 100.0])
def test_extreme_distributions_stay_distributions(temperature):
  rows = np.array([[1, 0, 0], [1 - 2e-38, 1e-38, 1e-38], [1e-45, 0.5, 0.5],
                   [0, 0, 1], [0.9999999, 5e-8, 5e-8]], np.float32)
  found = soft(rows, temperature)
  assert np.isfinite(found).all() and (found >= 0).all()
  np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-6)


def test_a_low_temperature_gives_the_top_class():
  np.testing.assert_allclose(soft(ROWS[[0, 3]], 0.005),
                             [[1, 0, 0], [0, 0, 1]], atol=1e-30)


def test_halves_that_do_not_sum_to_1_are_normalised():
  rows = np.array([0.6, 0.3, 0.09], np.float16).astype(np.float32)
  found = soft(rows, 1.0)
  np.testing.assert_allclose(found, rows / rows.sum(), rtol=1e-6)


def test_any_leading_axes_are_taken():
  found = soft(ROWS.reshape(2, 2, 3), 0.5)
  np.testing.assert_array_equal(found.reshape(4, 3), soft(ROWS, 0.5))


@pytest.mark.parametrize('smoothing', [0.0, 0.1, 0.5])
def test_hard_labels_are_the_top_class_smoothed(smoothing):
  # Of equal probabilities the stored label decides: it was balanced.
  found = labels.HardLabels(smoothing=smoothing).apply(
      tf.constant(ROWS), tf.constant([0, 2, 1, 2], tf.int64))
  expected = np.full((4, 3), smoothing / 3)
  for row, top in enumerate([0, 2, 1, 2]):
    expected[row, top] += 1 - smoothing
  assert found.dtype == tf.float32
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  np.testing.assert_allclose(found.numpy().sum(-1), 1, rtol=1e-6)


def test_one_hot_is_the_docstrings_formula():
  found = labels.one_hot(tf.constant([2, 0], tf.int64), 4, 0.1)
  expected = [[0.025, 0.025, 0.925, 0.025], [0.925, 0.025, 0.025, 0.025]]
  assert found.dtype == tf.float32
  np.testing.assert_allclose(found, expected, rtol=1e-6)
  np.testing.assert_array_equal(labels.one_hot(tf.constant(1), 3, 0.0),
                                [0, 1, 0])


@pytest.mark.parametrize('make, said', [
    (lambda: labels.SoftLabels(temperature=0),
     '`SoftLabels.temperature` should be a number above 0, but is 0.'),
    (lambda: labels.SoftLabels(temperature=float('inf')),
     '`SoftLabels.temperature` should be a number above 0, but is inf.'),
    (lambda: labels.HardLabels(smoothing=1),
     '`HardLabels.smoothing` should be a number at least 0 and below 1, but '
     'is 1.')])
def test_wrong_arguments(make, said):
  with pytest.raises(ValueError) as caught:
    make()
  assert str(caught.value) == said
