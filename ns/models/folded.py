"""A network's inference with its normalisation folded into the convolutions.

In evaluation a normalisation multiplies and adds constants for each channel:

  gamma * (x - mean) / sqrt(variance + epsilon) + beta = scale * x + offset.

The scale goes into the convolution's kernel, which is computed in float64, and
the offset becomes its bias, which TensorFlow adds in the same operation. The
result is the network's, to rounding.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ns.models import blocks
from ns.models import swish

# Of all weights, in bytes. Up to here they are constants of the graph, which
# oneDNN lays out once and not in each call: 5 % of B0's time, less of that of
# larger networks. TensorFlow makes 17 copies when it optimises the graph.
_MOST_CONSTANTS = 2**25


def logits(network, dtype: tf.DType = tf.float32) -> Callable:
  """The network's function in evaluation, with the weights it has now.

  Args:
    network: an `ns.models.network.Network`.
    dtype: what the convolutions compute in: float32 or bfloat16. Pooled
      features and classifier are float32.

  Returns:
    A function of images [batch, height, width, channels], uint8 or float32 in
    [0, 255], that gives [batch, classes] float32.
  """
  size = sum(4 * np.prod(v.shape) for v in network.variables)
  weight = _constant if size <= _MOST_CONSTANTS else _captured
  stem, head = (_convolution(layer, dtype, weight)
                for layer in (network.stem, network.head))
  folded = [[_step(step, dtype, weight) for step in layer.steps]
            for layer in network.blocks]
  is_residual = [layer.block.is_residual for layer in network.blocks]
  kernel, bias = (weight(v.numpy(), tf.float32) for v in (
      network.classifier.kernel, network.classifier.bias))
  mean = network.architecture.pixel_mean
  std = network.architecture.pixel_std

  def function(images):
    images = tf.cast(images, tf.float32) - tf.constant(mean)
    features = stem(tf.cast(images / tf.constant(std), dtype))
    for steps, adds in zip(folded, is_residual):
      outputs = features
      for step in steps:
        outputs = step(outputs)
      features = features + outputs if adds else outputs
    pooled = tf.reduce_mean(tf.cast(head(features), tf.float32), axis=(1, 2))
    return tf.nn.bias_add(pooled @ kernel(), bias())

  return function


def _constant(value, dtype):
  value = np.asarray(value, dtype.as_numpy_dtype)
  return lambda: tf.constant(value)


def _captured(value, dtype):
  value = np.asarray(value, dtype.as_numpy_dtype)
  # Each replica has its own copy in its memory.
  kept = (tf.Variable(value, trainable=False) if tf.distribute.has_strategy()
          else tf.constant(value))
  return lambda: tf.convert_to_tensor(kept)


def _step(step, dtype, weight):
  if not isinstance(step, blocks.SqueezeExcite):
    return _convolution(step, dtype, weight)
  weights = [weight(v.numpy(), dtype) for v in (
      step.reduce.kernel, step.reduce.bias, step.expand.kernel,
      step.expand.bias)]
  return lambda inputs: swish.excite(inputs, [w() for w in weights])


def _convolution(layer, dtype, weight):
  exact = lambda variable: variable.numpy().astype(np.float64)
  norm = layer.normalization
  scale = exact(norm.gamma) / np.sqrt(
      exact(norm.moving_variance) + norm.norm.epsilon)
  # A depthwise kernel is [height, width, channels, 1].
  channels = scale[:, np.newaxis] if layer.is_depthwise else scale
  kernel = weight(exact(layer.convolution.kernel) * channels, dtype)
  bias = weight(exact(norm.beta) - exact(norm.moving_mean) * scale, dtype)

  def function(inputs):
    if layer.is_depthwise:
      outputs = tf.nn.depthwise_conv2d(
          inputs, kernel(), [1, layer.stride, layer.stride, 1], 'SAME')
    else:
      outputs = tf.nn.conv2d(inputs, kernel(), layer.stride, 'SAME')
    outputs = tf.nn.bias_add(outputs, bias())
    return swish.swish(outputs) if layer.activate else outputs

  return function
