"""Which images are labelled, unlabelled, for validation and for test.

A split offers `labelled`, `unlabelled` (the pool), `evaluation_sets`, which are
sources (`ns.mixture.sources`); `classes` and `class_names`; `image_shape`;
`read()`, after which nothing of the data can be missing or broken; and
`write(path)`, which says where every image went.
"""

import dataclasses
import functools

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import files
from ns.core import seeds
from ns.mixture import sources


@dataclasses.dataclass(frozen=True, kw_only=True)
class FewLabels:
  """Hides most labels of a labelled source, to see what the method gains.

  Attributes:
    train: the source that is split into labelled, validation and unlabelled.
    test: the source that figures are reported on.
    labelled_per_class: labelled images of each class.
    validation: images held out for decisions, drawn over all classes.
    split_seed: of the split alone; the same seed gives the same split,
      whatever the seed of the run.
  """
  train: sources.Idx
  test: sources.Idx
  labelled_per_class: int
  validation: int
  split_seed: int = 0

  def __post_init__(self):
    checks.instance(self, 'train', sources.Idx)
    checks.instance(self, 'test', sources.Idx)
    checks.integer(self, 'labelled_per_class', at_least=1)
    checks.integer(self, 'validation', at_least=1)
    checks.integer(self, 'split_seed', at_least=0)
    seeds.Seed(self.split_seed)  # It is below 2**64, too.
    if self.train.classes != self.test.classes:
      raise ValueError(
          f'`FewLabels.test` should have the {self.train.classes} classes of '
          f'`train`, but has {self.test.classes}.')

  @property
  def classes(self) -> int:
    return self.train.classes

  @property
  def class_names(self) -> tuple[str, ...]:
    return self.train.class_names

  def read(self) -> None:
    """Reads all images and labels into memory.

    Raises:
      RunError: a file is missing or broken.
    """
    for source in self.train, self.test:
      source.read()

  @property
  def labelled(self) -> sources.Subset:
    return self._subset('labelled', is_labelled=True)

  @property
  def unlabelled(self) -> sources.Subset:
    return self._subset('unlabelled', is_labelled=False)

  @property
  def evaluation_sets(self) -> tuple[sources.Subset, ...]:
    """For validation, which decisions may read, and for test, only reported."""
    # By its labels, so that they are seen to be there, one for each image.
    test = sources.Subset(
        name='test', source=self.test, is_labelled=True,
        indices=np.arange(len(self.test.class_ids)))
    return self._subset('validation', is_labelled=True), test

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """(height, width, channels) of all images."""
    # Grey images may be of rank 3, without channels.
    shapes = [(*source.image_shape[1:], 1)[:3]
              for source in (self.train, self.test)]
    if shapes[0] != shapes[1]:
      raise errors.RunError(
          f'The images of `{self.test.name}` should be of the shape of those '
          f'of `{self.train.name}`, {shapes[0]}, but are of {shapes[1]}.')
    return shapes[0]

  def write(self, path: epath.PathLike) -> None:
    """Writes which split every image is in: Parquet, columns key and split."""
    import pyarrow
    from pyarrow import parquet
    subsets = self.labelled, self.unlabelled, *self.evaluation_sets
    table = pyarrow.table({
        'key': [key for subset in subsets for key in subset.keys],
        'split': [s.name for s in subsets for _ in range(s.num_examples)]})
    with files.written_aside(path) as aside:
      parquet.write_table(table, str(aside))

  def _subset(self, name: str, is_labelled: bool) -> sources.Subset:
    return sources.Subset(name=name, source=self.train,
                          indices=self._indices[name], is_labelled=is_labelled)

  @functools.cached_property
  def _indices(self) -> dict[str, np.ndarray]:
    """The split: a permutation, its head for validation, then k a class."""
    labels = self.train.class_ids
    if self.validation >= len(labels):
      raise errors.RunError(
          f'`FewLabels.validation` should leave some of the {len(labels)} '
          f'images of `{self.train.name}`, but is {self.validation}.')
    seed = seeds.Seed(self.split_seed).child('split').value
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(labels))
    validation, rest = np.split(order, [self.validation])
    labelled = []
    for class_id in range(self.classes):
      members = rest[labels[rest] == class_id]
      if len(members) < self.labelled_per_class:
        raise errors.RunError(
            f'`FewLabels.labelled_per_class` is {self.labelled_per_class}, but '
            f'class {class_id} of `{self.train.name}` has only {len(members)} '
            'images outside the validation set.')
      labelled.append(members[:self.labelled_per_class])
    labelled = np.concatenate(labelled)
    return {'validation': np.sort(validation), 'labelled': np.sort(labelled),
            'unlabelled': np.setdiff1d(rest, labelled)}
