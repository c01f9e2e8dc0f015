"""What a training batch is made of: the mixtures a generation can choose from.

A mixture offers

  labelled_batch: labelled images in a batch.
  pseudo_labelled_batch: the others, which a teacher labels.
  batch_size: all images in a batch.
  label_data_sample_prob: with which each labelled image counts in a step.
  uses_pseudo_labels: whether a teacher has to label first.
  labels_in_step: whether a teacher labels in the training step.
  batches(inputs, seed, first_step): a `tf.data.Dataset` of batches from step
    `first_step` on, a pure function of (seed, step).
"""

import dataclasses
from typing import Any

from ns.core import checks
from ns.core import errors
from ns.core import manifest
from ns.core import seeds
from ns.mixture import inputs as inputs_lib
from ns.mixture import labels
from ns.mixture import proportions


class InLanes:
  """A mixture whose streams' lanes the hosts share out."""

  def check_workers(self, num_labelled: int, workers: int) -> None:
    """See `proportions.lanes_of_hosts`."""
    proportions.lanes_of_hosts(self, workers, num_labelled)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelled(InLanes):
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
  pseudo_labelled_batch = 0
  uses_pseudo_labels = False
  labels_in_step = False
  label_data_sample_prob = 1.0

  def __post_init__(self):
    _check(self)

  @property
  def batch_size(self) -> int:
    return self.labelled_batch

  def batches(self, inputs: inputs_lib.Inputs, seed: seeds.Seed,
              first_step: int = 0):
    """See the module."""
    from ns.mixture import assembly
    made = assembly.Assembly.in_lanes(self, inputs, seed, first_step)
    return made.of_one(made.labelled())


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
    _check(self)
    checks.number(self, 'ratio', above=0)
    checks.number(self, 'label_data_sample_prob', above=0, at_most=1)
    checks.has_methods(self, 'pseudo_labels', 'apply')
    proportions.check_ratio(self)

  @property
  def pseudo_labelled_batch(self) -> int:
    return round(proportions.pseudo_labelled(self, self.labelled_batch))

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
class ExactRatio(InLanes, Mixed):
  """Labelled and pseudo-labelled images, in the same proportion in every batch.

  A batch is pieces that are alike, as many as there can be: labelled images,
  then pseudo-labelled ones. So the part of a replica has that proportion, too,
  where it comes out whole; another number of replicas is refused. Attributes as
  of `Mixed`.
  """

  def batches(self, inputs: inputs_lib.Inputs, seed: seeds.Seed,
              first_step: int = 0):
    """See the module."""
    from ns.mixture import assembly
    made = assembly.Assembly.in_lanes(self, inputs, seed, first_step,
                                      len(inputs.pseudo_labelled.files))
    return made.in_pieces(made.labelled(), made.pseudo_labelled())


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

  def batches(self, inputs: inputs_lib.Inputs, seed: seeds.Seed,
              first_step: int = 0):
    """See the module."""
    from ns.mixture import assembly
    self.check_workers(inputs.labelled.num_examples, inputs.workers)
    made = assembly.Assembly(mixture=self, inputs=inputs, seed=seed)
    mixed = assembly.sampled(
        made.labelled(), made.pseudo_labelled(),
        float(self.ratio * self.label_data_sample_prob), seed.child('choice'))
    return made.of_one(mixed, skipped=first_step)


def _check(mixture) -> None:
  """Checks the fields that all mixtures have."""
  checks.integer(mixture, 'labelled_batch', at_least=1)
  checks.number(mixture, 'label_smoothing', at_least=0, below=1)
  checks.integer(mixture, 'shuffle_buffer', at_least=1)
  checks.integer(mixture, 'lanes', at_least=1)
