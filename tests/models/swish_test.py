"""Swish and squeeze and excitation, and their gradients by another way."""

import numpy as np
import pytest
import tensorflow as tf

from ns.models import device
from ns.models import swish


def numbers(seed, *shape):
  return np.random.default_rng(seed).normal(0, 3, shape)


INPUTS = numbers(0, 4, 3, 5, 6)
UPSTREAM = numbers(1, 4, 3, 5, 6)
WEIGHTS = [numbers(2, 6, 2), numbers(3, 2), numbers(4, 2, 6), numbers(5, 6)]


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


def excited(inputs, weights):
  reduce_kernel, reduce_bias, expand_kernel, expand_bias = weights
  activated = inputs * sigmoid(inputs)
  squeezed = activated.mean((1, 2)) @ reduce_kernel + reduce_bias
  scale = sigmoid(squeezed * sigmoid(squeezed) @ expand_kernel + expand_bias)
  return activated * scale[:, np.newaxis, np.newaxis]


def differences(loss, values, step=1e-6):
  """The gradient of a function of arrays, from central differences."""
  gradients = []
  for number, value in enumerate(values):
    gradient = np.zeros(value.shape)
    for place in np.ndindex(*value.shape):
      moved = [list(values), list(values)]
      for sign, arrays in zip((1, -1), moved):
        arrays[number] = value.copy()
        arrays[number][place] += sign * step
      gradient[place] = (loss(*moved[0]) - loss(*moved[1])) / (2 * step)
    gradients.append(gradient)
  return gradients


def value_and_gradients(function, *values):
  values = [tf.constant(v, tf.float32) for v in values]

  @tf.function
  def traced(*values):
    with tf.GradientTape() as tape:
      tape.watch(values)
      outputs = function(*values)
      loss = tf.reduce_sum(outputs * tf.constant(UPSTREAM, tf.float32))
    return outputs, tape.gradient(loss, values)

  return traced(*values)


@pytest.fixture(params=['operations', 'compiled'])
def form(request, monkeypatch):
  if request.param == 'compiled':
    monkeypatch.setattr(device, '_LARGE', 1)


@pytest.mark.parametrize('training', [False, True])
def test_swish(form, training):
  outputs, [gradient] = value_and_gradients(
      lambda x: swish.swish(x, training), INPUTS)
  np.testing.assert_allclose(outputs, INPUTS * sigmoid(INPUTS), rtol=1e-5)
  expected = differences(
      lambda x: (x * sigmoid(x) * UPSTREAM).sum(), [INPUTS])
  np.testing.assert_allclose(gradient, expected[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('training', [False, True])
def test_squeeze_and_excitation(form, training):
  outputs, gradients = value_and_gradients(
      lambda x, *weights: swish.excite(x, weights, training), INPUTS, *WEIGHTS)
  np.testing.assert_allclose(outputs, excited(INPUTS, WEIGHTS), rtol=1e-3,
                             atol=1e-5)
  expected = differences(
      lambda x, *weights: (excited(x, weights) * UPSTREAM).sum(),
      [INPUTS, *WEIGHTS])
  for gradient, value in zip(gradients, expected, strict=True):
    np.testing.assert_allclose(gradient, value, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('inputs', [-100, -20, 0, 20, 100])
def test_far_from_zero(form, inputs):
  outputs, [gradient] = value_and_gradients(
      lambda x: swish.swish(x, True), np.full(INPUTS.shape, inputs))
  slope = {0: 0.5}.get(inputs, float(inputs > 0))
  np.testing.assert_allclose(outputs, np.full(INPUTS.shape, max(inputs, 0)),
                             atol=1e-6)
  np.testing.assert_allclose(gradient, slope * UPSTREAM, rtol=1e-5, atol=1e-5)


def test_bfloat16_stays():
  inputs = tf.cast(INPUTS, tf.bfloat16)
  weights = [tf.cast(w, tf.bfloat16) for w in WEIGHTS]
  for training in (False, True):
    assert swish.swish(inputs, training).dtype == tf.bfloat16
    with tf.GradientTape() as tape:
      tape.watch([inputs, *weights])
      outputs = swish.excite(inputs, weights, training)
    assert outputs.dtype == tf.bfloat16
    for gradient in tape.gradient(outputs, [inputs, *weights]):
      assert gradient.dtype == tf.bfloat16
