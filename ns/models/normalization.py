"""Batch normalisation through TensorFlow's fused operation.

Keras' layer computes moments and arithmetic apart, which makes training of a
whole network half again as slow on a CPU.
"""

import keras
import tensorflow as tf

from ns.models import batch_norm


class BatchNormalization(keras.layers.Layer):
  """Batch normalisation over all axes but the last.

  The moving statistics follow the reference: momentum 0.99 and epsilon 1e-3
  (efficientnet_builder.py), and the biased variance (its layer is not fused;
  the fused operation returns the unbiased one, which is scaled back).

  Call arguments: inputs [batch, height, width, channels] float32 (bfloat16
  under that policy; parameters and statistics stay float32), training.
  Returns: the normalised inputs, of the same shape and dtype.
  """

  def __init__(self, norm: batch_norm.BatchNorm = batch_norm.BatchNorm(),
               **kwargs):
    super().__init__(**kwargs)
    self.momentum = norm.momentum
    self.epsilon = norm.epsilon

  def build(self, input_shape):
    add = lambda name, initializer, trainable: self.add_weight(
        name=name, shape=(input_shape[-1],), initializer=initializer,
        trainable=trainable, dtype='float32', autocast=False)
    self.gamma = add('gamma', 'ones', True)
    self.beta = add('beta', 'zeros', True)
    self.moving_mean = add('moving_mean', 'zeros', False)
    self.moving_variance = add('moving_variance', 'ones', False)

  def call(self, inputs, training=False):
    if not training:
      outputs, _, _ = tf.compat.v1.nn.fused_batch_norm(
          inputs, self.gamma, self.beta, mean=self.moving_mean,
          variance=self.moving_variance, epsilon=self.epsilon,
          is_training=False)
      return outputs
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True)
    count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
    variance *= (count - 1) / count
    for moving, batch in ((self.moving_mean, mean),
                          (self.moving_variance, variance)):
      moving.assign(moving + (batch - moving) * (1 - self.momentum))
    return outputs
