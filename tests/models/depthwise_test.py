"""Depthwise convolution: the gradients of its parts are those of the whole."""

import numpy as np
import pytest
import tensorflow as tf

from ns.models import depthwise


def numbers(seed, *shape):
  return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def by_hand(inputs, upstream, side, stride):
  """The gradient of the kernel: a sum over images and places, for each tap."""
  rows, columns = inputs.shape[1:3]
  missing = [max((out - 1) * stride + side - size, 0)
             for size, out in zip((rows, columns), upstream.shape[1:3])]
  padded = np.pad(inputs.astype(np.float64), [
      (0, 0), *((m // 2, m - m // 2 + side) for m in missing), (0, 0)])
  gradient = np.zeros((side, side, inputs.shape[3], 1))
  for row in range(side):
    for column in range(side):
      met = padded[:, row:, column:][:, ::stride, ::stride]
      met = met[:, :upstream.shape[1], :upstream.shape[2]]
      gradient[row, column, :, 0] = (met * upstream).sum((0, 1, 2))
  return gradient


@pytest.mark.parametrize('size', [(7, 9), (8, 8), (1, 2), (4, 3), (2, 13)])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('side', [1, 3, 4, 5, 7])
def test_gradients(side, stride, size):
  inputs = tf.constant(numbers(0, 3, *size, 4))
  kernel = tf.constant(numbers(1, side, side, 4, 1))
  plain = tf.nn.depthwise_conv2d(
      inputs, kernel, [1, stride, stride, 1], 'SAME')
  upstream = numbers(2, *plain.shape)
  with tf.GradientTape(persistent=True) as tape:
    tape.watch([inputs, kernel])
    outputs = depthwise.convolve(inputs, kernel, stride)
    loss = tf.reduce_sum(outputs * upstream)
    plain_loss = tf.reduce_sum(tf.nn.depthwise_conv2d(
        inputs, kernel, [1, stride, stride, 1], 'SAME') * upstream)
  np.testing.assert_array_equal(outputs, plain)
  of_inputs, of_kernel = tape.gradient(loss, [inputs, kernel])
  np.testing.assert_allclose(of_inputs, tape.gradient(plain_loss, inputs),
                             rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(
      of_kernel, by_hand(inputs.numpy(), upstream, side, stride), rtol=1e-4,
      atol=1e-4)


def test_unknown_sizes_are_convolved_too():
  inputs, kernel = numbers(0, 3, 7, 9, 4), numbers(1, 5, 5, 4, 1)
  spec = tf.TensorSpec([None, None, None, 4], tf.float32)
  traced = tf.function(lambda x: depthwise.convolve(x, tf.constant(kernel), 2),
                       input_signature=[spec])
  np.testing.assert_allclose(
      traced(inputs), depthwise.convolve(tf.constant(inputs), kernel, 2),
      rtol=1e-5, atol=1e-6)
