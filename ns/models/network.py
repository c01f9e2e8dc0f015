"""The Keras model of an `EfficientNet`.

Model noise is a function of (noise seed, index of the image in the global
batch): every image draws its own, a rerun draws the same, and it does not
matter how the batch is split over replicas.
"""

import keras
import tensorflow as tf

from ns.core import draws
from ns.models import blocks
from ns.models import efficientnet
from ns.noise import model_noise as model_noise_lib

# What the convolutions compute in; Keras' names.
PRECISIONS = ('float32', 'mixed_bfloat16')

# Initialisers get seeds this far apart, so that no two share one.
_SEEDS_PER_BLOCK = 8


class Network(keras.Model):
  """Stem, blocks, head.

  Call arguments:
    images: [batch, height, width, channels] float32 in [0, 255].
    training: whether to use batch statistics and model noise.
    noise_seed: [] int64, needed when training with noise.
    first_index: [] int64, place of the first image in the global batch.

  Returns: logits [batch, classes] float32.
  """

  def __init__(self, architecture: efficientnet.EfficientNet,
               model_noise: model_noise_lib.ModelNoise, classes: int,
               image_size: int, seed: int = 0, precision: str = 'float32'):
    # Its own policy casts nothing: the images stay float32 until normalised.
    super().__init__(name='network', autocast=False, dtype='float32')
    if precision not in PRECISIONS:
      raise ValueError(
          '`precision` should be one of '
          f'{", ".join(map(repr, PRECISIONS))}, but is {precision!r}.')
    self.architecture = architecture
    self.model_noise = model_noise
    common = dict(norm=architecture.normalization, dtype=precision)
    self.stem = blocks.Convolution(
        architecture.scaled_stem_filters, 3, architecture.stem_stride,
        seed=seed, name='stem', **common)
    self.blocks = [
        blocks.MBConv(block, seed=seed + _SEEDS_PER_BLOCK * (1 + block.index),
                      name=f'block_{block.index}', **common)
        for block in architecture.blocks]
    self.head = blocks.Convolution(
        architecture.scaled_head_filters, 1, 1, seed=seed + 1, name='head',
        **common)
    # Uniform in +-1/sqrt(classes): efficientnet_model.py.
    limit = classes**-0.5
    self.classifier = keras.layers.Dense(
        classes, name='classifier', dtype='float32',
        kernel_initializer=keras.initializers.RandomUniform(
            -limit, limit, seed=seed + 2))
    self.build((None, image_size, image_size, architecture.channels))

  def build(self, input_shape):
    if self.built:
      return
    shape = tuple(input_shape)
    self.stem.build(shape)
    shape = self.stem.convolution.compute_output_shape(shape)
    for layer in self.blocks:
      layer.build(shape)
      stride = layer.block.stride
      shape = (shape[0], -(-shape[1] // stride), -(-shape[2] // stride),
               layer.block.filters)
    self.head.build(shape)
    self.classifier.build((None, self.architecture.scaled_head_filters))
    self.built = True

  def freeze(self, blocks: int) -> None:
    """Fixes the stem and the first blocks: `fix_layer_num` of the reference.

    Their variables are no longer trainable, and they run as in evaluation: with
    the moving statistics, which no longer move, and without stochastic depth
    (efficientnet_model.py, lines 383 to 482). The head is never fixed.

    Args:
      blocks: how many blocks; 0 fixes the stem alone.
    """
    most = len(self.blocks)
    if (isinstance(blocks, bool) or not isinstance(blocks, int)
        or not 0 <= blocks <= most):
      raise ValueError(f'`blocks` should be a whole number from 0 to {most}, '
                       f'the number of blocks, but is {blocks!r}.')
    for layer in (self.stem, *self.blocks[:blocks]):
      layer.trainable = False

  def call(self, images, training=False, noise_seed=None, first_index=0):
    mean = tf.constant(self.architecture.pixel_mean)
    std = tf.constant(self.architecture.pixel_std)
    features = self.stem((images - mean) / std, training=training)
    seeds = (self._image_seeds(images, noise_seed, first_index) if training
             else None)
    for layer in self.blocks:
      features = layer(features, training=training,
                       scale=self._block_scale(layer.block, seeds))
    features = self.head(features, training=training)
    # From here on in float32, whatever the blocks compute in.
    pooled = tf.reduce_mean(tf.cast(features, tf.float32), axis=(1, 2))
    return self.classifier(self._dropout(pooled, seeds))

  def _image_seeds(self, images, noise_seed, first_index):
    noise = self.model_noise
    if not noise.dropout and not noise.stochastic_depth:
      return None
    if noise_seed is None:
      raise ValueError('`noise_seed` should be given when a network with '
                       f'{noise} is called with `training=True`.')
    index = tf.range(tf.shape(images)[0], dtype=tf.int64)
    return draws.members(noise_seed, index + tf.cast(first_index, tf.int64))

  def _block_scale(self, block, seeds):
    """0 for the images that skip the block, else 1 / (share that does not)."""
    rate = self.model_noise.block_rate(block.index, len(self.blocks))
    if seeds is None or not rate or not block.is_residual:
      return None
    uniform = draws.uniform(draws.members(seeds, block.index), 1)[:, 0]
    return tf.where(uniform < rate, 0.0, 1 / (1 - rate))

  def _dropout(self, features, seeds):
    rate = self.model_noise.dropout
    if seeds is None or not rate:
      return features
    uniform = draws.uniform(draws.members(seeds, len(self.blocks)),
                            features.shape[-1])
    return tf.where(uniform < rate, 0.0, features / (1 - rate))
