"""A mixture at work: its Tasks from a step on, put together into batches."""

import dataclasses
import math

import seqio
import tensorflow as tf

from ns.core import draws
from ns.core import graphs
from ns.core import seeds
from ns.core import types
from ns.mixture import inputs as inputs_lib
from ns.mixture import proportions
from ns.mixture import stream
from ns.mixture import tasks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Assembly:
  """The Tasks of a mixture, and the batches that they make.

  Attributes:
    mixture: says how many images of each kind, and how they are labelled.
    inputs: what goes in.
    seed: of the streams.
    lanes: of each stream.
    first_step: where the streams begin.
  """
  mixture: object
  inputs: inputs_lib.Inputs
  seed: seeds.Seed
  lanes: int = 1
  first_step: int = 0

  @classmethod
  def in_lanes(cls, mixture, inputs: inputs_lib.Inputs, seed: seeds.Seed,
               first_step: int, *most: int) -> 'Assembly':
    """With as many lanes as the hosts can share out.

    Args:
      mixture: as of the attributes, and so are the next three.
      inputs: what goes in.
      seed: of the streams.
      first_step: where they begin.
      *most: how many images, or files of them, the other stream has.

    Raises:
      RunError: see `proportions.lanes_of_hosts`.
    """
    return cls(mixture=mixture, inputs=inputs, seed=seed, first_step=first_step,
               lanes=proportions.lanes_of_hosts(
                   mixture, inputs.workers, inputs.labelled.num_examples,
                   *most))

  def labelled(self) -> seqio.Task:
    """The labelled images."""
    return tasks.labelled(
        self.inputs.labelled, view=self.inputs.view,
        smoothing=self.mixture.label_smoothing,
        place=self._place(self.mixture.labelled_batch))

  def pseudo_labelled(self) -> seqio.Task:
    """The images that are selected.

    Raises:
      RunError: they are fewer than a batch has.
    """
    selected = self.inputs.pseudo_labelled
    self.mixture.check_pool(selected.images, 'that are selected')
    return tasks.pseudo_labelled(
        selected.files, classes=self.inputs.labelled.classes,
        policy=self.mixture.pseudo_labels, view=self.inputs.view,
        place=self._place(self.mixture.pseudo_labelled_batch))

  def unlabelled(self) -> seqio.Task:
    """The pool, for a teacher that labels in the step."""
    return tasks.unlabelled(
        self.inputs.unlabelled, classes=self.inputs.labelled.classes,
        view=self.inputs.view, teacher_view=self.inputs.teacher_view,
        place=self._place(self.mixture.pseudo_labelled_batch))

  def _place(self, batch_size: int) -> tasks.Place:
    """Where a stream begins of which a batch has so many images."""
    own = self.lanes // self.inputs.workers
    first = self.inputs.worker * own
    return tasks.Place(
        seed=self.seed, lanes=self.lanes, per_lane=batch_size // self.lanes,
        own=range(first, first + own),
        shuffle_buffer=self.mixture.shuffle_buffer, first_step=self.first_step)

  def of_one(self, task: seqio.Task | seqio.Mixture, skipped: int = 0
             ) -> tf.data.Dataset:
    """Batches of one Task or Mixture, `skipped` of which are passed over."""
    batches = _batched(task, self.mixture.batch_size // self.inputs.workers)
    return self._with_noise(batches.skip(skipped) if skipped else batches)

  def in_pieces(self, labelled: seqio.Task, others: seqio.Task
                ) -> tf.data.Dataset:
    """Batches of two Tasks: of each piece labelled images, then the others.

    There are as many pieces as can be alike. So hosts or replicas that divide
    both kinds of images into equal parts get them by cutting the batch. A
    feature that the others have alone stays in their order.
    """
    workers = self.inputs.workers
    sizes = (self.mixture.labelled_batch // workers,
             self.mixture.pseudo_labelled_batch // workers)
    pieces = math.gcd(*sizes)

    def joined(first, second):
      return {name: _in_pieces(first[name], second[name], pieces)
              if name in first else second[name] for name in second}

    return self._with_noise(graphs.mapped(
        tf.data.Dataset.zip(*map(_batched, (labelled, others), sizes)),
        joined))

  def _with_noise(self, batches: tf.data.Dataset) -> tf.data.Dataset:
    """The batches with noise on the images, which need no seeds after that."""
    inputs = self.inputs

    def add_noise(batch):
      batch = dict(batch)
      image_seeds = batch.pop(types.SEED)
      noise_seeds = draws.members(image_seeds, stream.NOISE)
      if inputs.noise_is_left:
        batch[types.SEED] = noise_seeds
      else:
        batch[types.IMAGE] = inputs.noise.apply(
            batch[types.IMAGE], noise_seeds)
      if inputs.batch_noise:
        mixed = types.IMAGE, types.LABEL, types.WEIGHT
        batch.update(zip(mixed, inputs.batch_noise.mix(
            *(batch[name] for name in mixed), batch[types.IS_LABELLED],
            draws.members(image_seeds, stream.MIX))))
      return batch

    return graphs.mapped(
        batches, add_noise, num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True).prefetch(2)


def sampled(first: seqio.Task, second: seqio.Task, ratio: float,
            seed: seeds.Seed) -> seqio.Mixture:
  """A Mixture of two Tasks, `ratio` examples of the second for each other one.

  Which of the two an example is of comes from (seed, place) alone.
  """
  share = ratio / (1.0 + ratio)

  def choose(datasets, rates, seqio_seed):
    del rates, seqio_seed  # TensorFlow would mix its global seed into it.
    places = tf.data.Dataset.range(tf.int64.max).batch(1024)
    kinds = graphs.mapped(places, lambda place: tf.cast(draws.uniform(
        draws.members(seed.int64, place), 1)[:, 0] < share, tf.int64))
    return tf.data.Dataset.choose_from_datasets(datasets, kinds.unbatch())

  return seqio.Mixture('sampled', [(first, 1.0), (second, ratio)],
                       sample_fn=choose)


def _batched(task: seqio.Task | seqio.Mixture, batch_size: int
             ) -> tf.data.Dataset:
  # The examples have no end, and every batch has the same static shape.
  examples = tasks.dataset(task, num_epochs=None)
  return examples.batch(batch_size, drop_remainder=True)


def _in_pieces(first: tf.Tensor, second: tf.Tensor, pieces: int) -> tf.Tensor:
  """Of each piece those of the first, then those of the second."""
  shape = first.shape[1:]
  return tf.reshape(tf.concat([
      tf.reshape(part, [pieces, -1, *shape]) for part in (first, second)],
                              axis=1), [-1, *shape])
