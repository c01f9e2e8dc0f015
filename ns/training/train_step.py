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
from ns.core import types
from ns.models import weights
from ns.objective import soft_cross_entropy
from ns.objective import weight_decay
from ns.training import parts
from ns.training import replicas as replicas_lib

# What is told of each step, and more where a teacher labels in it.
METRICS = ('loss', 'labelled_accuracy', 'pseudo_agreement')
TEACHER_METRICS = ('teacher_confidence', 'pseudo_kept')


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
  """All that a step changes, and the teacher.

  Attributes:
    network: being trained.
    average: a network with the moving average of its variables.
    optimizer: a Keras optimizer with its slots.
    teacher: a network that labels in the step, which no step changes; or None.
  """
  network: Any
  average: Any
  optimizer: Any
  teacher: Any = None

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
      teacher = job.teacher.build() if job.teacher is not None else None
    return cls(network=network, average=average, optimizer=optimizer,
               teacher=teacher)


def check(how, job) -> None:
  """Raises a `RunError` if the replicas cannot take such steps."""
  replicas_lib.check(how, job.name, job, job.strategy.num_replicas_in_sync)


def compiled(how, job, state: State):
  """The step as a function of (batch, step, learning rate).

  It takes the whole batch, of several hosts this one's part of it, and gives
  the metrics of the whole, [] float32 each: `loss` without weight decay,
  `labelled_accuracy`, and for mixtures `pseudo_agreement`, the share of
  pseudo-labelled images on which network and teacher agree. With a teacher in
  the step, `teacher_confidence`, its mean, and `pseudo_kept`, the share of
  those of which it is sure enough.
  """
  take_steps = compiled_steps(how, job, state)

  def take_step(batch, step, rate):
    metrics = take_steps([batch], step, [rate])
    return {name: values[0] for name, values in metrics.items()}

  return take_step


def compiled_steps(how, job, state: State):
  """Steps in a row as one function of (batches, first step, learning rates).

  They are one call of the device, which loops over them: the host has nothing
  to do between two of them. A call of one step has no loop. Each number of
  batches is compiled once.

  Returns:
    A function of a list of batches, the step that the first is for, and a
    learning rate for each; it gives the metrics of each step, [steps] float32,
    as of `compiled`.
  """
  take_step = _whole_step(how, job, state)
  strategy = job.strategy

  @tf.function(jit_compile=how.jit_compile or None, autograph=False)
  def take_one(batch, step, rates):
    return {name: value[tf.newaxis]
            for name, value in take_step(batch, step, rates[0]).items()}

  @tf.function(jit_compile=how.jit_compile or None, autograph=False)
  def take_all(batches, step, rates):
    count = rates.shape[0]

    def body(index, found):
      metrics = take_step(batches, step + tf.cast(index, tf.int64),
                          rates[index], index)
      return index + 1, {name: found[name].write(index, value)
                         for name, value in metrics.items()}

    arrays = {name: tf.TensorArray(tf.float32, count, element_shape=[])
              for name in METRICS + TEACHER_METRICS * bool(job.teacher)}
    _, found = tf.while_loop(lambda index, _: index < count, body,
                             (tf.constant(0), arrays), parallel_iterations=1)
    return {name: array.stack() for name, array in found.items()}

  def take_steps(batches, step, rates):
    step, rates = tf.constant(step, tf.int64), tf.constant(rates, tf.float32)
    if len(batches) == 1:
      return take_one(parts.of_batch(batches[0], strategy), step, rates)
    return take_all(parts.of_stacked(batches, strategy), step, rates)

  return take_steps


def _whole_step(how, job, state: State):
  """A step of all replicas; of stacked batches it takes that at `index`."""
  noise_seed = job.seed.child('model_noise').int64
  strategy = job.strategy
  replicas = strategy.num_replicas_in_sync
  divisor = how.loss.images(job.counted_labelled,
                            job.batch_size - job.labelled_batch)
  decayed = weight_decay.decayed(state.network)

  def replica_step(batch, step, rate, index):
    if index is not None:
      batch = {name: values[index] for name, values in batch.items()}
    weight, told = batch[types.WEIGHT], {}
    if job.teacher is not None:
      batch, told = job.teacher.label(state.teacher, batch)
    images = batch[types.IMAGE]
    if job.noise is not None:
      images = job.noise.apply(images, batch[types.SEED])
    images = tf.cast(images, tf.float32)
    network, variables = state.network, state.network.trainable_variables
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    first_index = replica * tf.shape(images)[0]
    counts = batch[types.WEIGHT] * _is_sampled(job, batch, step, first_index)
    with tf.GradientTape() as tape:
      logits = network(images, training=True, first_index=first_index,
                       noise_seed=draws.members(noise_seed, step))
      loss = soft_cross_entropy.batch_loss(
          logits, batch[types.LABEL], counts, divisor)
      # The optimizer adds up the gradients of all replicas.
      total = loss + weight_decay.penalty(decayed, how.weight_decay) / replicas
    gradients = tape.gradient(total, variables)
    state.optimizer.learning_rate.assign(rate)
    state.optimizer.apply(gradients, variables)
    how.average.update(state.average, network, step)
    return {'loss': loss, **_agreement(logits, batch, weight),
            **{name: tf.reduce_sum(values * weight)
               for name, values in told.items()}}

  def take_step(batch, step, rate, index=None):
    found = strategy.run(replica_step, args=(batch, step, rate, index))
    sums = {name: strategy.reduce(tf.distribute.ReduceOp.SUM, part, axis=None)
            for name, part in found.items()}
    share = lambda name, kind: tf.math.divide_no_nan(sums[name], sums[kind])
    metrics = {'loss': sums['loss'],
               'labelled_accuracy': share('labelled_agree', 'labelled'),
               'pseudo_agreement': share('pseudo_agree', 'pseudo')}
    if job.teacher is not None:
      metrics |= {'teacher_confidence': share('confidence', 'pseudo'),
                  'pseudo_kept': share('kept', 'pseudo')}
    return metrics

  return take_step


def _is_sampled(job, batch, step, first_index):
  """1 for the images that count in this step, [batch] float32.

  A labelled one does with `label_data_sample_prob`, drawn by its place in the
  global batch.
  """
  if job.label_data_sample_prob == 1:
    return 1.0
  seed = draws.members(job.seed.child('label_sample').int64, step)
  is_labelled = batch[types.IS_LABELLED]
  places = tf.range(tf.shape(is_labelled)[0]) + first_index
  drawn = draws.uniform(draws.members(seed, tf.cast(places, tf.int64)), 1)[:, 0]
  return tf.where(is_labelled > 0, tf.cast(
      drawn < job.label_data_sample_prob, tf.float32), 1.0)


def _agreement(logits, batch, weight):
  """How many images there are of each kind, and on how many it is right.

  `weight` is that of before a teacher in the step was asked: all are counted,
  whatever it is sure of.
  """
  agrees = tf.cast(tf.argmax(logits, -1) == tf.argmax(batch[types.LABEL], -1),
                   tf.float32)
  labelled = batch[types.IS_LABELLED] * weight
  pseudo = (1 - batch[types.IS_LABELLED]) * weight
  return {'labelled': tf.reduce_sum(labelled),
          'labelled_agree': tf.reduce_sum(agrees * labelled),
          'pseudo': tf.reduce_sum(pseudo),
          'pseudo_agree': tf.reduce_sum(agrees * pseudo)}
