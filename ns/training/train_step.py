"""One step of training: forward, backward, update, average. No I/O.

A step may run on several replicas, each with its part of the batch. What they
compute adds up to what one device would: each divides the loss by the labelled
images of the whole batch and takes its share of the weight decay, the optimizer
adds up the gradients, and model noise goes by the place in the whole batch.
Only batch normalisation sees the difference, unless its statistics are of all
replicas (`models.BatchNorm.replicas`).
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import tensorflow as tf

from ns.core import draws
from ns.core import errors
from ns.core import types
from ns.models import weights
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
  def create(cls, how, job,
             prepare: Callable[[Any], None] = lambda network: None) -> 'State':
    """New weights from the job's seed, or the job's initial weights.

    Args:
      how: a `Training` or a `FineTune`.
      job: a `Job`.
      prepare: changes the network that is to be trained, e.g. freezes a part.
    """
    precision = ({} if how.precision == 'float32'
                 else {'precision': how.precision})
    with job.strategy.scope():
      seed = job.seed.child('weights').value % 2**31
      network, average = job.build(seed, **precision), job.build(seed)
      if job.initial_weights is not None:
        weights.load(network, job.initial_weights)
        weights.load(average, job.initial_weights)
      prepare(network)
      optimizer = how.optimizer.build(network.trainable_variables)
    return cls(network=network, average=average, optimizer=optimizer)


def check(how, job) -> None:
  """Raises a `RunError` if the replicas cannot take such steps."""
  replicas = job.strategy.num_replicas_in_sync
  kind = type(how).__name__
  if how.jit_compile and replicas > 1:
    raise errors.RunError(
        f'`{kind}.jit_compile` should be False on {replicas} replicas, since '
        'XLA compiles no step that adds up over several devices here, but is '
        'True; leave it out, or train on one device.')
  for name in 'labelled_batch', 'batch_size':
    images = getattr(job, name)
    if images % replicas:
      raise errors.RunError(
          f'The `{name}` of {job.name} should be a multiple of the {replicas} '
          f'replicas, but is {images}; bind another `labelled_batch`, or use '
          'another number of devices.')


def compiled(how, job, state: State):
  """The step as a function of (batch, step, learning rate).

  It takes the whole batch and gives its metrics, [] float32 each: `loss`
  without weight decay, `labelled_accuracy`, and for mixtures
  `pseudo_agreement`, the share of pseudo-labelled images on which network and
  teacher agree.
  """
  noise_seed = job.seed.child('model_noise').int64
  strategy = job.strategy
  replicas = strategy.num_replicas_in_sync
  decayed = weight_decay.decayed(state.network)

  def replica_step(batch, step, rate):
    images = batch[types.IMAGE]
    if job.noise is not None:
      images = job.noise.apply(images, batch[types.SEED])
    images = tf.cast(images, tf.float32)
    network, variables = state.network, state.network.trainable_variables
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    with tf.GradientTape() as tape:
      logits = network(images, training=True,
                       first_index=replica * tf.shape(images)[0],
                       noise_seed=draws.members(noise_seed, step))
      loss = soft_cross_entropy.batch_loss(
          logits, batch[types.LABEL], batch[types.WEIGHT], job.labelled_batch)
      # The optimizer adds up the gradients of all replicas.
      total = loss + weight_decay.penalty(decayed, how.weight_decay) / replicas
    gradients = tape.gradient(total, variables)
    state.optimizer.learning_rate.assign(rate)
    state.optimizer.apply(gradients, variables)
    how.average.update(state.average, network, step)
    return {'loss': loss, **_agreement(logits, batch)}

  @tf.function(jit_compile=how.jit_compile or None)
  def take_step(batch, step, rate):
    parts = strategy.run(replica_step, args=(batch, step, rate))
    sums = {name: strategy.reduce(tf.distribute.ReduceOp.SUM, part, axis=None)
            for name, part in parts.items()}
    share = lambda kind: tf.math.divide_no_nan(
        sums[f'{kind}_agree'], sums[kind])
    return {'loss': sums['loss'], 'labelled_accuracy': share('labelled'),
            'pseudo_agreement': share('pseudo')}

  return lambda batch, step, rate: take_step(
      _parts(batch, strategy), tf.constant(step, tf.int64),
      tf.constant(rate, tf.float32))


def _parts(batch, strategy):
  """The batch as each replica's part of it, in order."""
  replicas = strategy.num_replicas_in_sync
  if replicas == 1:
    return batch
  parts = {name: tf.split(value, replicas) for name, value in batch.items()}
  return strategy.experimental_distribute_values_from_function(
      lambda context: {name: values[context.replica_id_in_sync_group]
                       for name, values in parts.items()})


def _agreement(logits, batch):
  """How many images there are of each kind, and on how many it is right."""
  agrees = tf.cast(tf.argmax(logits, -1) == tf.argmax(batch[types.LABEL], -1),
                   tf.float32)
  labelled = batch[types.IS_LABELLED] * batch[types.WEIGHT]
  pseudo = (1 - batch[types.IS_LABELLED]) * batch[types.WEIGHT]
  return {'labelled': tf.reduce_sum(labelled),
          'labelled_agree': tf.reduce_sum(agrees * labelled),
          'pseudo': tf.reduce_sum(pseudo),
          'pseudo_agree': tf.reduce_sum(agrees * pseudo)}
