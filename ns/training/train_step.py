"""One step of training: forward, backward, update, average. No I/O."""

import dataclasses
from typing import Any

import tensorflow as tf

from ns.core import draws
from ns.core import types
from ns.objective import soft_cross_entropy
from ns.objective import weight_decay


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
  """All that a step changes.

  Attributes:
    network: being trained.
    average: a network with the moving average of its variables.
    optimizer: a Keras optimizer with its slots.
  """
  network: Any
  average: Any
  optimizer: Any

  @classmethod
  def create(cls, training, job) -> 'State':
    """New weights, from the job's seed."""
    with job.strategy.scope():
      seed = job.seed.child('weights').value % 2**31
      network, average = job.build(seed), job.build(seed)
      optimizer = training.optimizer.build(network.trainable_variables)
    return cls(network=network, average=average, optimizer=optimizer)


def compiled(training, job, state: State):
  """The step as a function of (batch, step, learning rate).

  It gives the batch's metrics, [] float32 each: `loss` without weight decay,
  `labelled_accuracy`, and for mixtures `pseudo_agreement`, the share of
  pseudo-labelled images on which network and teacher agree.
  """
  noise_seed = job.seed.child('model_noise').int64

  def replica_step(batch, step, rate):
    images = tf.cast(batch[types.IMAGE], tf.float32)
    network, variables = state.network, state.network.trainable_variables
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    with tf.GradientTape() as tape:
      logits = network(images, training=True,
                       first_index=replica * tf.shape(images)[0],
                       noise_seed=draws.members(noise_seed, step))
      loss = soft_cross_entropy.batch_loss(
          logits, batch[types.LABEL], batch[types.WEIGHT], job.labelled_batch)
      total = loss + weight_decay.penalty(variables, training.weight_decay)
    gradients = tape.gradient(total, variables)
    state.optimizer.learning_rate.assign(rate)
    state.optimizer.apply(gradients, variables)
    training.average.update(state.average, network, step)
    return {'loss': loss, **_agreement(logits, batch)}

  @tf.function
  def take_step(batch, step, rate):
    return job.strategy.run(replica_step, args=(batch, step, rate))

  return lambda batch, step, rate: take_step(
      batch, tf.constant(step, tf.int64), tf.constant(rate, tf.float32))


def _agreement(logits, batch):
  """The share of each kind of image whose top class is its label's."""
  agrees = tf.cast(tf.argmax(logits, -1) == tf.argmax(batch[types.LABEL], -1),
                   tf.float32)
  labelled = batch[types.IS_LABELLED] * batch[types.WEIGHT]
  pseudo = (1 - batch[types.IS_LABELLED]) * batch[types.WEIGHT]
  share = lambda kind: tf.math.divide_no_nan(
      tf.reduce_sum(agrees * kind), tf.reduce_sum(kind))
  return {'labelled_accuracy': share(labelled),
          'pseudo_agreement': share(pseudo)}
