import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.training import average
from tests.support import tiny


def network(*values):
  return types.SimpleNamespace(variables=[keras.Variable(v) for v in values])


@pytest.mark.parametrize('decay', [0.0, 0.5, 0.9999])
def test_updates_are_the_docstrings_formula(decay):
  random = np.random.default_rng(1)
  start = random.normal(size=(2, 3)).astype(np.float32)
  mean, trained = network(start), network(start)
  expected = start.astype(np.float64)
  for step in range(30):
    variable = random.normal(size=(2, 3)).astype(np.float32)
    trained.variables[0].assign(variable)
    average.MovingAverage(decay=decay).update(
        mean, trained, tf.constant(step, tf.int64))
    d = min(decay, (2 + step) / (11 + step))  # step + 1 were taken.
    expected = expected + (variable - expected) * (1 - d)
    np.testing.assert_allclose(mean.variables[0].numpy(), expected, rtol=1e-5,
                               atol=1e-6)
    np.testing.assert_array_equal(trained.variables[0].numpy(), variable)


@pytest.mark.parametrize('decay', [0.3, 0.9999])
def test_updates_are_tensorflow_1s(decay):
  random = np.random.default_rng(2)
  start = random.normal(size=(4, 3)).astype(np.float32)
  mean, trained = network(start), network(start)
  theirs, steps = tf.Variable(start), tf.Variable(0, dtype=tf.int64)
  judge = tf.train.ExponentialMovingAverage(decay, num_updates=steps)
  judge.apply([theirs])  # Its shadow starts at the variable's value.
  for step in range(100):
    value = random.normal(size=(4, 3)).astype(np.float32)
    trained.variables[0].assign(value)
    theirs.assign(value)
    # As in the reference: the step is counted, then averaged.
    steps.assign_add(1)
    judge.apply([theirs])
    average.MovingAverage(decay=decay).update(
        mean, trained, tf.constant(step, tf.int64))
    np.testing.assert_allclose(mean.variables[0].numpy(),
                               judge.average(theirs).numpy(), rtol=1e-6,
                               atol=1e-7)


def test_the_first_weights_are_soon_forgotten():
  """The ramp: after 10 steps a share of 1e-3 is left, not 0.9999^10."""
  mean, trained = network(1.0), network(0.0)
  for step in range(10):
    average.MovingAverage(decay=0.9999).update(
        mean, trained, tf.constant(step, tf.int64))
  expected = np.prod([(1 + n) / (10 + n) for n in range(1, 11)])
  assert float(mean.variables[0].numpy()) == pytest.approx(expected, rel=1e-5)
  assert expected < 1e-3


def test_the_ramp_ends_at_the_decay():
  mean, trained = network(1.0), network(0.0)
  average.MovingAverage(decay=0.9).update(
      mean, trained, tf.constant(10**6, tf.int64))
  assert float(mean.variables[0].numpy()) == pytest.approx(0.9, rel=1e-6)


def test_moving_statistics_are_averaged_too():
  build = lambda: tiny.architecture().build(noise.ModelNoise(), 4, seed=0)
  mean, trained = build(), build()
  trained(tf.constant(tiny.batch(0)['image'], tf.float32), training=True,
          noise_seed=tf.constant(1, tf.int64))
  average.MovingAverage(decay=0.5).update(mean, trained,
                                          tf.constant(100, tf.int64))
  begins_at = {'moving_mean': 0, 'moving_variance': 1}
  seen = set()
  for ours, theirs in zip(mean.variables, trained.variables, strict=True):
    if ours.name in begins_at:
      seen.add(ours.path)
      assert not np.array_equal(ours, theirs)
      np.testing.assert_allclose(
          ours.numpy(), (begins_at[ours.name] + theirs.numpy()) / 2, rtol=1e-5,
          atol=1e-7)
  assert len(seen) == 12  # Six normalisations.


@pytest.mark.parametrize('decay', [1, -0.1, 'x'])
def test_wrong_arguments(decay):
  with pytest.raises(ValueError) as caught:
    average.MovingAverage(decay=decay)
  assert str(caught.value) == (
      '`MovingAverage.decay` should be a number at least 0 and below 1, but is '
      f'{decay!r}.')
