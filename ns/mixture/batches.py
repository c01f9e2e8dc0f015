"""What a training batch is made of: the mixtures a generation can choose from.

A mixture offers

  labelled_batch: labelled images in a batch.
  batch_size: all images in a batch.
  label_data_sample_prob: with which each labelled image counts in a step.
  uses_pseudo_labels: whether a teacher has to label first.
  labels_in_step: whether a teacher labels in the training step.
  batches(inputs, seed, first_step): a `tf.data.Dataset` of batches from step
    `first_step` on, a pure function of (seed, step).
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from ns.core import checks
from ns.core import errors
from ns.core import manifest
from ns.core import seeds
from ns.mixture import division
from ns.mixture import labels
from ns.mixture import sources
from ns.mixture import views
from ns.noise import sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class PseudoLabelled:
  """Selected pseudo-labelled images, as files.

  Attributes:
    files: their paths, each with its number of examples, counting copies.
    images: how many there are, each counted once.
  """
  files: Sequence[tuple[str, int]]
  images: int

  @classmethod
  def selected(cls, folder, results: Mapping[str, Any]) -> 'PseudoLabelled':
    """As `Select` left them in `folder`, with these results."""
    return cls(files=tuple((str(folder / name), examples) for name, examples
                           in results['records'].items()),
               images=results['used'])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
  """What goes into a mixture.

  Attributes:
    labelled: the labelled images.
    view: what the network sees of an image.
    pseudo_labelled: the teacher's, None in a generation without a teacher.
    unlabelled: the pool, where a teacher labels it in the step.
    teacher_view: what that teacher sees of an image.
    noise: input noise, an object with `apply` (`ns.noise`). One with
      `on_device` is left to the training step: the batches have seeds for it.
    batch_noise: noise that mixes images, an object with `mix`, or None.
    worker, workers: which of how many hosts this is: each makes the part of a
      batch that its lanes give, and the parts in order are the whole batch.
  """
  labelled: sources.Source
  view: views.View
  pseudo_labelled: PseudoLabelled | None = None
  unlabelled: sources.Source | None = None
  teacher_view: views.View | None = None
  noise: Any = sequence.Off()
  batch_noise: Any = None
  worker: int = 0
  workers: int = 1

  @property
  def noise_is_left(self) -> bool:
    """Whether the noise is left to the training step."""
    return getattr(self.noise, 'on_device', False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelled:
  """Labelled images only: how a first teacher is trained.

  Attributes:
    labelled_batch: images in a batch.
    label_smoothing: of the labels; 0.1 in the reference (main.py).
    shuffle_buffer: images that are in memory to be shuffled among each other.
    lanes: parts that the stream has at most, see `ns.mixture.stream`; it has as
      many as divide the batch.
  """
  labelled_batch: int
  label_smoothing: float = 0.1
  shuffle_buffer: int = 16384
  lanes: int = 8
  uses_pseudo_labels = False
  labels_in_step = False
  label_data_sample_prob = 1.0

  def __post_init__(self):
    _check_common(self)

  @property
  def batch_size(self) -> int:
    return self.labelled_batch

  def check_workers(self, num_labelled: int, workers: int) -> None:
    """See `_check_workers`."""
    _check_workers(self, _number_of_lanes(self, num_labelled), workers)

  def batches(self, inputs: Inputs, seed: seeds.Seed, first_step: int = 0):
    """See the module."""
    lanes = _lanes(self, inputs)
    task = labelled_task(self, inputs, seed, lanes, first_step)
    return _with_noise(
        _batched(task, self.labelled_batch // inputs.workers), inputs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixed:
  """What mixtures of both kinds of images have in common.

  Attributes:
    labelled_batch: labelled images in a batch, exactly or on average.
    ratio: pseudo-labelled images for each of them; 3 to 28 in the paper.
    pseudo_labels: `SoftLabels` or `HardLabels`.
    label_smoothing, shuffle_buffer, lanes: as in `Labelled`.
    label_data_sample_prob: with which each labelled image of a batch counts;
      the others have weight 0, but are among those that normalise it. See
      below.

  Where a device has less than one labelled image in a step, as at a ratio of
  28, the reference gives it one and lets it count with a probability p. Of a
  labelled batch of B images, p * B count then, and that is the number that the
  pseudo-labelled ones (ratio * p * B), the epochs, the peak of the learning
  rate and the loss go by:

    loss = (sum over the labelled ones that count
            + sum over the pseudo-labelled ones) / (p * B)

  which is mean + ratio * mean, on average over the draws. The reference divides
  the first sum by B and not by p * B (main.py, lines 507 to 512 and 547 to
  550), so that with p the labelled images count for p times what they should,
  next to the pseudo-labelled ones.
  """
  labelled_batch: int
  ratio: float
  pseudo_labels: Any = labels.SoftLabels()
  label_smoothing: float = 0.1
  shuffle_buffer: int = 16384
  lanes: int = 8
  label_data_sample_prob: float = manifest.added(default=1.0)
  uses_pseudo_labels = True
  labels_in_step = False

  def __post_init__(self):
    _check_common(self)

  @property
  def pseudo_labelled_batch(self) -> int:
    return round(_pseudo_labelled(self, self.labelled_batch))

  def check_pool(self, num_images: int, which: str) -> None:
    """Checks that a batch need not have one image several times.

    Args:
      num_images: how many there are to be pseudo-labelled, or are.
      which: images these are, for the error: 'of the pool', 'selected'.

    Raises:
      RunError: they are too few.
    """
    if num_images < self.pseudo_labelled_batch:
      raise errors.RunError(
          f'`{type(self).__name__}.labelled_batch` times `ratio` should be at '
          f'most the {num_images:,} images {which}, but is '
          f'{self.pseudo_labelled_batch:,}, so that every batch would have '
          'some of them twice.')

  @property
  def batch_size(self) -> int:
    return self.labelled_batch + self.pseudo_labelled_batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExactRatio(Mixed):
  """Labelled and pseudo-labelled images, in the same proportion in every batch.

  A batch is one lane after the other, and each gives labelled images, then
  pseudo-labelled ones. So the part of a replica has that proportion, too, where
  the number of replicas divides that of the lanes. Attributes as of `Mixed`.
  """

  def check_workers(self, num_labelled: int, workers: int) -> None:
    """See `_check_workers`."""
    _check_workers(self, _number_of_lanes(self, num_labelled), workers)

  def batches(self, inputs: Inputs, seed: seeds.Seed, first_step: int = 0):
    """See the module."""
    lanes = _lanes(self, inputs)
    return lane_by_lane(
        self, inputs, lanes, labelled_task(self, inputs, seed, lanes,
                                           first_step),
        _pseudo_task(self, inputs, seed, lanes, first_step))


def lane_by_lane(mixture: Mixed, inputs: Inputs, lanes: int, labelled, others):
  """The batches of a mixture of two Tasks, as of `ExactRatio`.

  Args:
    mixture: says how many of each.
    inputs: for the noise.
    lanes: of the streams of both.
    labelled: a Task.
    others: a Task; a feature that it has alone comes in the lanes' order, too.
  """
  import tensorflow as tf
  of_a_lane = tf.data.Dataset.zip(*(
      _batched(task, size // lanes) for task, size in (
          (labelled, mixture.labelled_batch),
          (others, mixture.pseudo_labelled_batch))))
  joined = of_a_lane.map(lambda first, second: {
      name: (tf.concat([first[name], second[name]], axis=0) if name in first
             else second[name]) for name in second})
  whole = joined.batch(lanes // inputs.workers, drop_remainder=True).map(
      lambda batch: {name: tf.reshape(value, [-1, *value.shape[2:]])
                     for name, value in batch.items()})
  return _with_noise(whole, inputs)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampled(Mixed):
  """A seqio Mixture: each image of a batch is of either kind by chance.

  A restart reads its way to its first step again, up to the noise. Attributes
  as of `Mixed`.
  """

  def check_workers(self, num_labelled: int, workers: int) -> None:
    """Raises RunError if there are several: no host can make its part alone."""
    del num_labelled
    if workers > 1:
      raise errors.RunError(
          f'`{type(self).__name__}` should be trained on by one host, since no '
          'part of its batches can be made without the rest, but there are '
          f'{workers}; bind `@mixture.ExactRatio()`, or one host.')

  def batches(self, inputs: Inputs, seed: seeds.Seed, first_step: int = 0):
    """See the module."""
    import seqio
    self.check_workers(inputs.labelled.num_examples, inputs.workers)
    tasks = [(labelled_task(self, inputs, seed), 1.0),
             (_pseudo_task(self, inputs, seed),
              float(self.ratio * self.label_data_sample_prob))]
    mixture = seqio.Mixture('sampled', tasks,
                            sample_fn=_choose(seed.child('choice')))
    batches = _batched(mixture, self.batch_size)
    return _with_noise(batches.skip(first_step), inputs)


def counted_labelled(mixture) -> float:
  """Labelled images of a batch of `mixture` that count, on average."""
  share = getattr(mixture, 'label_data_sample_prob', 1.0)
  # Whole where it can be, as all of them are.
  return (mixture.labelled_batch if share == 1
          else mixture.labelled_batch * share)


def _choose(seed: seeds.Seed):
  """A `sample_fn` of seqio: which of two kinds, from (seed, place) alone."""
  import tensorflow as tf
  from ns.core import draws

  def sample(datasets, rates, seqio_seed):
    del seqio_seed  # TensorFlow would mix its global seed into it.
    second = float(rates[1]) / float(sum(rates))
    places = tf.data.Dataset.range(tf.int64.max).batch(1024)
    kinds = places.map(lambda place: tf.cast(draws.uniform(
        draws.members(seed.int64, place), 1)[:, 0] < second, tf.int64))
    return tf.data.Dataset.choose_from_datasets(datasets, kinds.unbatch())

  return sample


def _is_whole(number: float) -> bool:
  # 100 x 1.1 is 110.00000000000001.
  return round(number) >= 1 and abs(number - round(number)) < 1e-9


def _pseudo_labelled(mixture, labelled_batch: int) -> float:
  return labelled_batch * mixture.label_data_sample_prob * mixture.ratio


def _check_whole(mixture) -> None:
  batch, share = mixture.labelled_batch, mixture.label_data_sample_prob
  if _is_whole(_pseudo_labelled(mixture, batch)):
    return
  most = batch + 1000
  wholes = [n for n in range(1, most + 1)
            if _is_whole(_pseudo_labelled(mixture, n))]
  factors, values = (('', '') if share == 1 else
                     (' times `label_data_sample_prob`', f' x {share:g}'))
  nearest = sorted(sorted(wholes, key=lambda n: abs(n - batch))[:2])
  way_out = (f'the nearest that come out whole are '
             f'{" and ".join(map(str, nearest))}' if nearest else
             f'none up to {most} comes out whole, so take another ratio')
  raise ValueError(
      f'`{type(mixture).__name__}.labelled_batch`{factors} times `ratio` '
      f'should be a whole number of at least 1, but {batch}{values} x '
      f'{mixture.ratio:g} is {_pseudo_labelled(mixture, batch):g}; of batches, '
      f'{way_out}.')


def _check_common(mixture) -> None:
  checks.integer(mixture, 'labelled_batch', at_least=1)
  checks.number(mixture, 'label_smoothing', at_least=0, below=1)
  checks.integer(mixture, 'shuffle_buffer', at_least=1)
  checks.integer(mixture, 'lanes', at_least=1)
  if isinstance(mixture, Mixed):
    checks.number(mixture, 'ratio', above=0)
    checks.number(mixture, 'label_data_sample_prob', above=0, at_most=1)
    checks.has_methods(mixture, 'pseudo_labels', 'apply')
    _check_whole(mixture)


def _lanes(mixture, inputs: Inputs) -> int:
  """How many lanes the streams have: as many as divide the batch."""
  most = inputs.labelled.num_examples
  if mixture.uses_pseudo_labels:
    most = min(most, len(inputs.pseudo_labelled.files))
  lanes = _number_of_lanes(mixture, most)
  _check_workers(mixture, lanes, inputs.workers)
  return lanes


def _number_of_lanes(mixture, most: int) -> int:
  parts = [mixture.labelled_batch]
  if mixture.uses_pseudo_labels:
    parts.append(mixture.pseudo_labelled_batch)
  return division.number_of_lanes(min(mixture.lanes, most), *parts)


def _check_workers(mixture, lanes: int, workers: int) -> None:
  """Whether each host has as many lanes.

  There are fewer than bound where they do not divide the parts of a batch, or
  are more than the labelled images or the files of pseudo-labelled ones.

  Raises:
    RunError: the number of lanes is no multiple of that of hosts.
  """
  if lanes % workers:
    kind = type(mixture).__name__
    pseudo = (f' and {mixture.pseudo_labelled_batch} pseudo-labelled'
              if mixture.uses_pseudo_labels else '')
    raise errors.RunError(
        f'`{kind}.lanes` = {mixture.lanes} should leave each of the {workers} '
        f'hosts as many lanes as the others, but there are {lanes} lanes: at '
        f'most that number, as many as divide the {mixture.labelled_batch} '
        f'labelled{pseudo} images of a batch, and not more than there are '
        f'images or files; bind `lanes` and `labelled_batch` to multiples of '
        f'{workers}.')


def place(mixture, inputs: Inputs, seed: seeds.Seed, lanes: int,
          batch_size: int, first_step: int):
  """Where a stream of a mixture begins, of which a batch has `batch_size`."""
  from ns.mixture import tasks
  own = lanes // inputs.workers
  return tasks.Place(seed=seed, lanes=lanes, per_lane=batch_size // lanes,
                     own=range(inputs.worker * own, (inputs.worker + 1) * own),
                     shuffle_buffer=mixture.shuffle_buffer,
                     first_step=first_step)


def labelled_task(mixture, inputs: Inputs, seed: seeds.Seed, lanes: int = 1,
                  first_step: int = 0):
  """The Task of a mixture's labelled images."""
  from ns.mixture import tasks
  return tasks.labelled(
      inputs.labelled, view=inputs.view, smoothing=mixture.label_smoothing,
      place=place(mixture, inputs, seed, lanes, mixture.labelled_batch,
                   first_step))


def _pseudo_task(mixture, inputs, seed, lanes=1, first_step=0):
  from ns.mixture import tasks
  mixture.check_pool(inputs.pseudo_labelled.images, 'that are selected')
  return tasks.pseudo_labelled(
      inputs.pseudo_labelled.files, classes=inputs.labelled.classes,
      policy=mixture.pseudo_labels, view=inputs.view,
      place=place(mixture, inputs, seed, lanes, mixture.pseudo_labelled_batch,
                   first_step))


def _batched(task, batch_size: int):
  from ns.mixture import tasks
  # The examples have no end, and every batch has the same static shape.
  examples = tasks.dataset(task, num_epochs=None)
  return examples.batch(batch_size, drop_remainder=True)


def _with_noise(batches, inputs: Inputs):
  """The batches with noise on the images, which need no seeds after that."""
  import tensorflow as tf
  from ns.core import draws
  from ns.core import types
  from ns.mixture import stream

  def add_noise(batch):
    batch = dict(batch)
    image_seeds = batch.pop(types.SEED)
    noise_seeds = draws.members(image_seeds, stream.NOISE)
    if inputs.noise_is_left:
      batch[types.SEED] = noise_seeds
    else:
      batch[types.IMAGE] = inputs.noise.apply(batch[types.IMAGE], noise_seeds)
    if inputs.batch_noise:
      mixed = types.IMAGE, types.LABEL, types.WEIGHT
      batch.update(zip(mixed, inputs.batch_noise.mix(
          *(batch[name] for name in mixed), batch[types.IS_LABELLED],
          draws.members(image_seeds, stream.MIX))))
    return batch

  return batches.map(
      add_noise, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
  ).prefetch(2)
