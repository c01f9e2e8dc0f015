"""Batch normalisation in numpy, against Keras' layer, and under XLA."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ns.models import batch_norm
from ns.models import normalization

SHAPE = (4, 3, 5, 6)


def layer(dtype='float32', **kwargs):
  """With parameters and statistics that are not those of a new layer."""
  made = normalization.BatchNormalization(
      batch_norm.BatchNorm(**kwargs), dtype=dtype)
  made.build((None, None, None, SHAPE[-1]))
  for variable, value in zip(made.variables, VALUES, strict=True):
    variable.assign(value)
  return made


def keras_layer(**kwargs):
  made = keras.layers.BatchNormalization(epsilon=1e-3, **kwargs)
  made.build(SHAPE)
  for variable, value in zip(made.variables, VALUES, strict=True):
    variable.assign(value)
  return made


def numbers(seed, *shape):
  rng = np.random.default_rng(seed)
  return rng.normal(2, 3, shape).astype(np.float32)


INPUTS = numbers(0, *SHAPE)
# gamma, beta, moving_mean, moving_variance.
VALUES = [numbers(1, 6), numbers(2, 6), numbers(3, 6), numbers(4, 6)**2]


def by_hand(inputs, mean, variance, gamma, beta, epsilon=1e-3):
  return (inputs - mean) / np.sqrt(variance + epsilon) * gamma + beta


def test_variables_of_a_new_layer():
  made = normalization.BatchNormalization()
  made.build((None, 8, 8, 3))
  assert {v.name: (v.numpy().tolist(), v.trainable, v.dtype)
          for v in made.variables} == {
              'gamma': ([1] * 3, True, 'float32'),
              'beta': ([0] * 3, True, 'float32'),
              'moving_mean': ([0] * 3, False, 'float32'),
              'moving_variance': ([1] * 3, False, 'float32'),
          }
  assert made.norm == batch_norm.BatchNorm()


def test_inference_uses_the_moving_statistics():
  gamma, beta, mean, variance = VALUES
  made = layer()
  outputs = made(INPUTS, training=False)
  np.testing.assert_allclose(
      outputs, by_hand(INPUTS, mean, variance, gamma, beta), rtol=1e-4,
      atol=1e-4)
  np.testing.assert_array_equal(made(INPUTS), outputs)
  for variable, value in zip(made.variables, VALUES):
    np.testing.assert_array_equal(variable, value)


def test_training_uses_the_batchs_statistics():
  gamma, beta, _, _ = VALUES
  mean, variance = INPUTS.mean((0, 1, 2)), INPUTS.var((0, 1, 2))
  np.testing.assert_allclose(
      layer()(INPUTS, training=True),
      by_hand(INPUTS, mean, variance, gamma, beta), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('momentum', [0.99, 0.9, 0.0])
def test_moving_statistics_take_the_biased_variance(momentum):
  gamma, beta, mean, variance = VALUES
  made = layer(momentum=momentum)
  for inputs in (INPUTS, 3 * INPUTS + 1):
    made(inputs, training=True)
    mean = momentum * mean + (1 - momentum) * inputs.mean((0, 1, 2))
    # np.var divides by the count; the unbiased one is 60/59 of it.
    variance = momentum * variance + (1 - momentum) * inputs.var((0, 1, 2))
  np.testing.assert_allclose(made.moving_mean, mean, rtol=1e-5)
  np.testing.assert_allclose(made.moving_variance, variance, rtol=1e-5)
  np.testing.assert_array_equal(made.gamma, gamma)
  np.testing.assert_array_equal(made.beta, beta)


def test_one_value_a_channel_has_no_variance():
  made = layer(momentum=0.0)
  outputs = made(INPUTS[:1, :1, :1], training=True)
  np.testing.assert_allclose(outputs[0, 0, 0], VALUES[1], rtol=1e-5)
  np.testing.assert_array_equal(made.moving_variance, np.zeros(6))


@pytest.mark.parametrize('momentum', [0.99, 0.5])
@pytest.mark.parametrize('training', [False, True])
def test_equals_keras(training, momentum):
  ours, theirs = layer(momentum=momentum), keras_layer(momentum=momentum)
  upstream = tf.constant(numbers(5, *SHAPE))
  results = []
  for made in (ours, theirs):
    inputs = tf.constant(INPUTS)
    with tf.GradientTape() as tape:
      tape.watch(inputs)
      outputs = made(inputs, training=training)
      loss = tf.reduce_sum(outputs * upstream)
    gradients = tape.gradient(
        loss, [inputs, made.gamma.value, made.beta.value])
    results.append([outputs, *gradients, *made.variables])
  for mine, other in zip(*results, strict=True):
    np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3)
  if training:
    assert abs(ours.moving_mean.numpy() - VALUES[2]).max() > 1e-3


@pytest.mark.parametrize('training', [False, True])
def test_same_under_xla(training):
  results = []
  for jit_compile in (False, True):
    made = layer(momentum=0.5)

    @tf.function(jit_compile=jit_compile)
    def step(inputs):
      with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = made(inputs, training=training)
        loss = tf.reduce_sum(outputs**3)
      return outputs, tape.gradient(loss, [inputs, made.gamma.value])

    outputs, gradients = step(tf.constant(INPUTS))
    results.append([outputs, *gradients, *made.variables])
  for plain, compiled in zip(*results, strict=True):
    np.testing.assert_allclose(plain, compiled, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize('training', [False, True])
def test_statistics_stay_float32_in_bfloat16(training):
  made = layer(dtype='mixed_bfloat16', momentum=0.5)
  exact = layer(momentum=0.5)
  outputs = made(tf.constant(INPUTS), training=training)
  assert outputs.dtype == tf.bfloat16
  np.testing.assert_allclose(
      tf.cast(outputs, tf.float32), exact(INPUTS, training=training),
      rtol=0.02, atol=0.1)
  for variable, expected in zip(made.variables, exact.variables):
    assert variable.dtype == 'float32'
    np.testing.assert_allclose(variable, expected, rtol=0.01)
