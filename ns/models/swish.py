"""Swish, x * sigmoid(x), alone and followed by squeeze and excitation.

Their gradients are written out. Those that TensorFlow derives take six or more
passes over the largest tensors of a network; these take one, where
`device.one_pass` has it so.
"""

import tensorflow as tf

from ns.models import device


def _value(inputs: tf.Tensor) -> tf.Tensor:
  # Not `tf.nn.silu`, whose gradient function keeps it from being fused.
  return inputs * tf.sigmoid(inputs)


def _slope(inputs):
  sigmoid = tf.sigmoid(inputs)
  return sigmoid * (1 + inputs * (1 - sigmoid))


@device.one_pass
def _gradient(inputs, upstream):
  return upstream * _slope(inputs)


@device.one_pass
def _excited_gradient(inputs, upstream, scale, pooled_gradient):
  over = lambda x: x[:, tf.newaxis, tf.newaxis]
  return (upstream * over(scale) + over(pooled_gradient)) * _slope(inputs)


def swish(inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
  """inputs * sigmoid(inputs).

  Args:
    inputs: any shape, floating point.
    training: whether its gradient will be taken.

  Returns:
    The shape and dtype of `inputs`.
  """
  if not training:
    return _value(inputs)

  @tf.custom_gradient
  def with_gradient(inputs):
    return _value(inputs), lambda upstream: _gradient(inputs, upstream)

  return with_gradient(inputs)


def channel_scale(pooled, reduce_kernel, reduce_bias, expand_kernel,
                  expand_bias) -> tf.Tensor:
  """What squeeze and excitation multiplies each channel by.

  Args:
    pooled: [batch, channels], mean activations.
    reduce_kernel: [channels, squeezed].
    reduce_bias: [squeezed].
    expand_kernel: [squeezed, channels].
    expand_bias: [channels].

  Returns:
    [batch, channels], in (0, 1).
  """
  squeezed = _value(tf.nn.bias_add(pooled @ reduce_kernel, reduce_bias))
  return tf.sigmoid(tf.nn.bias_add(squeezed @ expand_kernel, expand_bias))


def excite(inputs: tf.Tensor, weights: list[tf.Tensor],
           training: bool = False) -> tf.Tensor:
  """Swish, then squeeze and excitation.

  Args:
    inputs: [batch, height, width, channels], before their activation.
    weights: those of `channel_scale`.
    training: whether the gradient will be taken.

  Returns:
    The shape and dtype of `inputs`.
  """
  def forward(inputs, *weights):
    activated = _value(inputs)
    pooled = tf.reduce_mean(activated, axis=(1, 2))
    scale = channel_scale(pooled, *weights)
    outputs = activated * scale[:, tf.newaxis, tf.newaxis]
    return outputs, activated, pooled, scale

  if not training:
    return forward(inputs, *weights)[0]

  @tf.custom_gradient
  def with_gradient(inputs, *weights):
    outputs, activated, pooled, scale = forward(inputs, *weights)

    def gradient(upstream):
      with tf.GradientTape() as tape:
        small = [tf.identity(x) for x in (pooled, *weights)]
        tape.watch(small)
        scale_again = channel_scale(*small)
      pooled_gradient, *of_weights = tape.gradient(
          scale_again, small,
          output_gradients=tf.reduce_sum(upstream * activated, axis=(1, 2)))
      area = tf.cast(tf.shape(inputs)[1] * tf.shape(inputs)[2], inputs.dtype)
      of_inputs = _excited_gradient(inputs, upstream, scale,
                                    pooled_gradient / area)
      return [of_inputs, *of_weights]

    return outputs, gradient

  return with_gradient(inputs, *weights)
