"""The blocks of an EfficientNet as Keras layers.

A block is: expansion, spatial convolution, squeeze and excitation, projection,
and the input added where the shape allows. In a *fused* block one convolution
does the first two. Every convolution is followed by batch normalisation; the
activation is swish. Padding is TensorFlow's 'same'.

Initialisers follow the reference's efficientnet_model.py: normal with variance
2 / (height * width * output filters) for convolutions, where a depthwise
kernel counts as one output filter.
"""

import functools

import keras
import tensorflow as tf

from ns.models import batch_norm
from ns.models import depthwise
from ns.models import efficientnet
from ns.models import normalization
from ns.models import swish


def seeded_normal(fan_out: int, seed: int) -> keras.initializers.Initializer:
  """Normal of variance 2 / fan_out, from a seed of its own."""
  return keras.initializers.RandomNormal(stddev=(2 / fan_out)**0.5, seed=seed)


class Convolution(keras.layers.Layer):
  """Convolution or depthwise convolution, normalised, optionally activated.

  Call arguments: inputs [batch, height, width, channels] float32, training.
  Once it is not trainable, it runs as in evaluation.
  """

  def __init__(self, filters: int | None, kernel: int, stride: int, *,
               seed: int, norm: batch_norm.BatchNorm, activate: bool = True,
               **kwargs):
    """`filters=None` is for a depthwise convolution."""
    super().__init__(**kwargs)
    policy = self.dtype_policy
    common = dict(strides=stride, padding='same', use_bias=False, name='conv',
                  dtype=policy)
    fan_out = kernel * kernel * (filters or 1)
    initializer = seeded_normal(fan_out, seed)
    if filters:
      self.convolution = keras.layers.Conv2D(
          filters, kernel, kernel_initializer=initializer, **common)
    else:
      self.convolution = keras.layers.DepthwiseConv2D(
          kernel, depthwise_initializer=initializer, **common)
    self.normalization = normalization.BatchNormalization(
        norm, name='norm', dtype=policy)
    self.is_depthwise = filters is None
    self.stride = stride
    self.activate = activate

  def build(self, input_shape):
    self.convolution.build(input_shape)
    self.normalization.build(
        self.convolution.compute_output_shape(input_shape))

  def call(self, inputs, training=False):
    training = training and self.trainable
    if self.is_depthwise and training:
      outputs = depthwise.convolve(
          inputs, tf.convert_to_tensor(self.convolution.kernel), self.stride)
    else:
      outputs = self.convolution(inputs)
    outputs = self.normalization(outputs, training=training)
    return swish.swish(outputs, training) if self.activate else outputs


class SqueezeExcite(keras.layers.Layer):
  """Activates, and scales each channel by a function of the image's means.

  Call arguments: inputs [batch, height, width, channels] float32, before their
  activation; training.
  """

  def __init__(self, squeezed: int, filters: int, seed: int, **kwargs):
    super().__init__(**kwargs)
    self.squeezed = squeezed
    self.filters = filters
    dense = lambda units, name, seed: keras.layers.Dense(
        units, kernel_initializer=seeded_normal(units, seed), name=name,
        dtype=self.dtype_policy)
    self.reduce = dense(squeezed, 'reduce', seed)
    self.expand = dense(filters, 'expand', seed + 1)

  def build(self, input_shape):
    self.reduce.build((input_shape[0], self.filters))
    self.expand.build((input_shape[0], self.squeezed))

  def call(self, inputs, training=False):
    weights = [tf.convert_to_tensor(variable) for variable in (
        self.reduce.kernel, self.reduce.bias, self.expand.kernel,
        self.expand.bias)]
    return swish.excite(inputs, weights, training and self.trainable)


class MBConv(keras.layers.Layer):
  """One block, of either kind.

  Call arguments: inputs [batch, height, width, channels] float32; training;
  scale: None, or [batch] float32, the factor on the block's own part, 0 where
  stochastic depth skips it. Once it is not trainable, it runs as in evaluation.
  """

  def __init__(self, block: efficientnet.Block, *, seed: int,
               norm: batch_norm.BatchNorm, **kwargs):
    super().__init__(**kwargs)
    self.block = block
    steps = []
    policy = self.dtype_policy
    convolution = functools.partial(Convolution, norm=norm, dtype=policy)
    hidden = block.hidden_filters
    # A fused block without expansion is one convolution, with activation.
    single = block.fused and block.expansion == 1
    has_squeeze = bool(block.squeezed_filters) and not single
    # Squeeze and excitation activates what comes before it.
    activate = not has_squeeze
    if block.fused:
      steps.append(convolution(
          block.filters if single else hidden, block.kernel, block.stride,
          seed=seed, activate=activate, name='fused'))
    else:
      if block.expansion != 1:
        steps.append(convolution(hidden, 1, 1, seed=seed, name='expand'))
      steps.append(convolution(None, block.kernel, block.stride, seed=seed + 1,
                               activate=activate, name='depthwise'))
    if has_squeeze:
      steps.append(SqueezeExcite(block.squeezed_filters, hidden, seed + 2,
                                 name='squeeze_excite', dtype=policy))
    if not single:
      steps.append(convolution(block.filters, 1, 1, seed=seed + 4,
                               activate=False, name='project'))
    self.steps = steps

  def build(self, input_shape):
    for step in self.steps:
      step.build(input_shape)
      if isinstance(step, Convolution):
        input_shape = step.convolution.compute_output_shape(input_shape)

  def call(self, inputs, training=False, scale=None):
    outputs = inputs
    for step in self.steps:
      outputs = step(outputs, training=training)
    if not self.block.is_residual:
      return outputs
    if scale is not None and self.trainable:
      outputs *= scale[:, tf.newaxis, tf.newaxis, tf.newaxis]
    return inputs + outputs
