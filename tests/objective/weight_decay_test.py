"""Weight decay in numpy, and what it leaves out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ns.objective import weight_decay

SHAPES = {'kernel': (3, 3, 2, 4), 'bias': (4,), 'gamma': (4,), 'beta': (4,)}


@pytest.fixture
def variables():
  rng = np.random.default_rng(0)
  return [keras.Variable(rng.normal(size=shape), name=name, dtype='float32')
          for name, shape in SHAPES.items()]


def by_hand(variables, factor, names):
  values = [v.numpy().astype(np.float64) for v in variables if v.name in names]
  return factor * sum((v**2).sum() for v in values) / 2


def test_all_but_normalisation_decays(variables):
  result = weight_decay.penalty(variables, 0.01)
  assert result.dtype == tf.float32 and result.shape == ()
  expected = by_hand(variables, 0.01, ('kernel', 'bias'))
  np.testing.assert_allclose(result, expected, rtol=1e-6)
  assert weight_decay.penalty(variables, 0.0) == 0


def test_the_gradient_is_factor_times_the_variable(variables):
  values = [v.value for v in variables]
  with tf.GradientTape() as tape:
    loss = weight_decay.penalty(variables, 0.25)
  kernel, bias, gamma, beta = tape.gradient(loss, values)
  np.testing.assert_allclose(kernel, 0.25 * variables[0].numpy(), rtol=1e-6)
  np.testing.assert_allclose(bias, 0.25 * variables[1].numpy(), rtol=1e-6)
  assert gamma is None and beta is None


def test_layers_of_keras():
  model = keras.Sequential([
      keras.Input((8, 8, 2)),
      keras.layers.DepthwiseConv2D(3),
      keras.layers.BatchNormalization(),
      keras.layers.Flatten(),
      keras.layers.Dense(3, bias_initializer='ones')])
  depthwise, norm, _, dense = model.layers
  norm.gamma.assign([100.0, 100.0])
  norm.beta.assign([100.0, 100.0])
  decayed = [*depthwise.trainable_variables, *dense.trainable_variables]
  assert len(decayed) == 4
  expected = sum((v.numpy().astype(np.float64)**2).sum() for v in decayed) / 2
  np.testing.assert_allclose(
      weight_decay.penalty(model.trainable_variables, 1.0), expected,
      rtol=1e-5)
