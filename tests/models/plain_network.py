"""An `EfficientNet` in plain tf.nn operations, without anything of the layers.

A second implementation, from weights by path. Normalisation is written out,
nothing is fused or folded, and all gradients are TensorFlow's own.
"""

import tensorflow as tf


def weights(network):
  """Its variables' values by path, from which `logits` is a pure function."""
  return {v.path: tf.constant(v.numpy()) for v in network.variables}


class _Plain:

  def __init__(self, architecture, values, training):
    self.architecture = architecture
    self.values = values
    self.training = training
    self.epsilon = architecture.normalization.epsilon

  def value(self, path):
    return self.values[f'network/{path}']

  def normalised(self, x, path):
    if self.training:
      mean = tf.reduce_mean(x, (0, 1, 2))
      variance = tf.reduce_mean(tf.square(x - mean), (0, 1, 2))
    else:
      mean, variance = (self.value(f'{path}/norm/moving_{name}')
                        for name in ('mean', 'variance'))
    x = (x - mean) / tf.sqrt(variance + self.epsilon)
    return (x * self.value(f'{path}/norm/gamma')
            + self.value(f'{path}/norm/beta'))

  def convolved(self, x, path, stride=1, activate=True):
    kernel = self.value(f'{path}/conv/kernel')
    if path.endswith('depthwise'):
      x = tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], 'SAME')
    else:
      x = tf.nn.conv2d(x, kernel, stride, 'SAME')
    x = self.normalised(x, path)
    return x * tf.sigmoid(x) if activate else x

  def block(self, x, block):
    path, inputs = f'block_{block.index}', x
    if block.fused:
      x = self.convolved(x, f'{path}/fused', block.stride)
    else:
      if block.expansion != 1:
        x = self.convolved(x, f'{path}/expand')
      x = self.convolved(x, f'{path}/depthwise', block.stride)
    if block.squeezed_filters:
      dense = lambda x, name: (
          x @ self.value(f'{path}/squeeze_excite/{name}/kernel')
          + self.value(f'{path}/squeeze_excite/{name}/bias'))
      squeezed = dense(tf.reduce_mean(x, (1, 2)), 'reduce')
      scale = tf.sigmoid(dense(squeezed * tf.sigmoid(squeezed), 'expand'))
      x *= scale[:, None, None]
    if not (block.fused and block.expansion == 1):
      x = self.convolved(x, f'{path}/project', activate=False)
    return inputs + x if block.is_residual else x

  def logits(self, images):
    x = ((images - self.architecture.pixel_mean)
         / tf.constant(self.architecture.pixel_std))
    x = self.convolved(x, 'stem', self.architecture.stem_stride)
    for block in self.architecture.blocks:
      x = self.block(x, block)
    pooled = tf.reduce_mean(self.convolved(x, 'head'), (1, 2))
    return (pooled @ self.value('classifier/kernel')
            + self.value('classifier/bias'))


def logits(architecture, values, images, training=False):
  """Logits [batch, classes] without model noise."""
  return _Plain(architecture, values, training).logits(images)
