"""Batch normalisation, over one replica, groups of them, or all.

Over one replica it is TensorFlow's fused operation; Keras' layer computes
moments and arithmetic apart, which makes training of a whole network half again
as slow on a CPU. Over several replicas the statistics are averages of what each
replica sends, summed by `all_reduce` in a table with a row for each group: one
collective for all groups, which every strategy offers, and none under a
condition. The reference takes the variance as E[x^2] - E[x]^2, which loses all
digits where the mean is large; here the means are agreed on first, then the
squared distances from them, at the price of a second, equally small collective.
"""

import keras
import tensorflow as tf

from ns.models import batch_norm


class BatchNormalization(keras.layers.Layer):
  """Batch normalisation over all axes but the last.

  The moving statistics follow the reference in that the variance is the biased
  one (its layer is not fused; the fused operation returns the unbiased one,
  which is scaled back). They move by the average over all replicas, whichever
  make the batch statistics, and so are the same on each of them.

  Call arguments: inputs [batch, height, width, channels] float32 (bfloat16
  under that policy; parameters and statistics stay float32), training. Replicas
  have batches of one size. Once the layer is not trainable, it runs as in
  evaluation.
  Returns: the normalised inputs, of the same shape and dtype.
  """

  def __init__(self, norm: batch_norm.BatchNorm = batch_norm.BatchNorm(),
               **kwargs):
    super().__init__(**kwargs)
    self.norm = norm

  def build(self, input_shape):
    add = lambda name, initializer, trainable: self.add_weight(
        name=name, shape=(input_shape[-1],), initializer=initializer,
        trainable=trainable, dtype='float32', autocast=False)
    self.gamma = add('gamma', 'ones', True)
    self.beta = add('beta', 'zeros', True)
    self.moving_mean = add('moving_mean', 'zeros', False)
    self.moving_variance = add('moving_variance', 'ones', False)

  def call(self, inputs, training=False):
    if not training or not self.trainable:
      return self._fused(inputs, self.moving_mean, self.moving_variance)[0]
    replica = (None if tf.distribute.in_cross_replica_context()
               else tf.distribute.get_replica_context())
    replicas = replica.num_replicas_in_sync if replica else 1
    group_size = self.norm.group_size(replicas)
    if group_size == 1:
      outputs, mean, variance = self._fused(inputs)
      count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
      statistics = tf.stack([mean, variance * (count - 1) / count])
      if replicas > 1:
        statistics = replica.all_reduce(
            tf.distribute.ReduceOp.MEAN, tf.stop_gradient(statistics))
      mean, variance = tf.unstack(statistics)
    else:
      groups = _Groups(replica, group_size)
      outputs, mean, variance = self._grouped(inputs, groups)
    for moving, batch in ((self.moving_mean, mean),
                          (self.moving_variance, variance)):
      moving.assign(moving + (batch - moving) * (1 - self.norm.momentum))
    return outputs

  def _fused(self, inputs, mean=None, variance=None):
    """Outputs, mean and variance: those given, or the batch's, unbiased."""
    none = tf.zeros([0])
    return tf.raw_ops.FusedBatchNormV3(
        x=inputs, scale=self.gamma, offset=self.beta,
        mean=none if mean is None else mean,
        variance=none if variance is None else variance,
        epsilon=self.norm.epsilon, is_training=mean is None)[:3]

  def _grouped(self, inputs, groups):
    """Outputs, and the averages over all groups of mean and variance."""
    axes = list(range(inputs.shape.rank - 1))
    exact = tf.cast(inputs, tf.float32)
    mean, means = groups.average(tf.reduce_mean(exact, axes))
    centred = exact - mean
    variance, variances = groups.average(
        tf.reduce_mean(tf.square(centred), axes))
    scale = tf.math.rsqrt(variance + self.norm.epsilon) * self.gamma
    outputs = tf.cast(centred * scale + self.beta, inputs.dtype)
    return outputs, tf.reduce_mean(means, 0), tf.reduce_mean(variances, 0)


class _Groups:
  """Replicas in groups of a size, those that follow each other."""

  def __init__(self, replica, size: int):
    self.replica = replica
    self.size = size

  def average(self, value):
    """Over the replicas of this one's group.

    Args:
      value: [channels] float32, this replica's.

    Returns:
      The average [channels], and those of all groups [groups, channels].
    """
    groups = self.replica.num_replicas_in_sync // self.size
    mine = tf.one_hot(self.replica.replica_id_in_sync_group // self.size,
                      groups)[:, tf.newaxis]
    table = self.replica.all_reduce(
        tf.distribute.ReduceOp.SUM, mine * value / self.size)
    # Not a `gather`, whose gradient would be sparse, and not summed up.
    return tf.reduce_sum(mine * table, 0), table
