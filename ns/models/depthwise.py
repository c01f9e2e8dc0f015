"""Depthwise convolution, with the gradient of its kernel in narrow parts."""

import tensorflow as tf

from ns.models import device

# Columns of a kernel that oneDNN's own code for depthwise gradients goes up to.
# Wider ones go another way there, 5 to 15 times slower.
_NARROW = 3


def convolve(inputs: tf.Tensor, kernel: tf.Tensor, stride: int) -> tf.Tensor:
  """Depthwise convolution, padded as TensorFlow's 'same'.

  Args:
    inputs: [batch, height, width, channels].
    kernel: [side, side, channels, 1].
    stride: in both directions.

  Returns:
    [batch, ceil(height / stride), ceil(width / stride), channels].
  """
  common = dict(strides=[1, stride, stride, 1], padding='SAME')
  plain = lambda inputs, kernel: tf.nn.depthwise_conv2d(
      inputs, kernel, **common)
  if (kernel.shape[1] <= _NARROW or None in inputs.shape[1:]
      or not device.is_cpu()):
    return plain(inputs, kernel)

  @tf.custom_gradient
  def with_gradient(inputs, kernel):

    def gradient(upstream):
      of_inputs = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
          input_sizes=tf.shape(inputs), filter=kernel, out_backprop=upstream,
          **common)
      return of_inputs, _kernel_gradient(
          inputs, upstream, kernel.shape[0], kernel.shape[1], stride)

    return plain(inputs, kernel), gradient

  return with_gradient(inputs, kernel)


def _kernel_gradient(inputs, upstream, rows, columns, stride):
  """The gradient of a kernel of so many rows and columns.

  Each part of `_NARROW` columns is the gradient of a kernel that is no wider,
  over the columns of the images that this part meets.
  """
  top, bottom = _padding(inputs.shape[1], rows, stride)
  left, _ = _padding(inputs.shape[2], columns, stride)
  width = (upstream.shape[2] - 1) * stride
  parts = []
  for first in range(0, columns, _NARROW):
    count = min(_NARROW, columns - first)
    begin, end = first - left, first - left + width + count
    # A part may meet nothing but padding, where the images are small.
    inner = [min(max(place, 0), inputs.shape[2]) for place in (begin, end)]
    before = min(max(-begin, 0), end - begin)
    after = end - begin - before - (inner[1] - inner[0])
    met = tf.pad(inputs[:, :, inner[0]:inner[1]],
                 [[0, 0], [top, bottom], [before, after], [0, 0]])
    parts.append(tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
        input=met, filter_sizes=[rows, count, inputs.shape[3], 1],
        out_backprop=upstream, strides=[1, stride, stride, 1],
        padding='VALID'))
  return tf.concat(parts, axis=1)


def _padding(size, side, stride):
  """Rows of zeros before and after, of TensorFlow's 'same'."""
  missing = max((-(-size // stride) - 1) * stride + side - size, 0)
  return missing // 2, missing - missing // 2
