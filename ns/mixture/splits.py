"""Which images are labelled, unlabelled, for validation and for test.

A split offers `labelled`, `unlabelled` (the pool), `evaluation_sets`, which are
sources (`ns.mixture.sources`); `all_sources`, those that it is made of;
`classes` and `class_names`; `image_shape`; `read()`, after which nothing of the
data can be missing or broken; and `write(path)`, which says where every image
went. `compared` are its sets with what leaks into an evaluation set
(`ns.mixture.leakage`), and `leaks` says how many of those are left out.
"""

from collections.abc import Sequence
import dataclasses
import functools
import json

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import files
from ns.core import seeds
from ns.mixture import file_source
from ns.mixture import sources
from ns.mixture import subset as subset_lib
from ns.mixture import without_leaks

_MAX_LISTED = 10**6


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
    leakage: leaves out images that are in an evaluation set, too; None for
      none.
  """
  train: sources.Source
  test: sources.Source
  labelled_per_class: int
  validation: int
  split_seed: int = 0
  leakage: without_leaks.WithoutLeaks | None = None

  def __post_init__(self):
    checks.instance(self, 'train', sources.Source)
    checks.instance(self, 'test', sources.Source)
    checks.integer(self, 'labelled_per_class', at_least=1)
    checks.integer(self, 'validation', at_least=1)
    checks.integer(self, 'split_seed', at_least=0)
    seeds.Seed(self.split_seed)  # It is below 2**64, too.
    if self.leakage is not None:
      checks.instance(self, 'leakage', without_leaks.WithoutLeaks)
    for source in self.train, self.test:
      if not source.is_labelled:
        raise ValueError(f'`{source.name}` should have labels, but has none.')

  @property
  def all_sources(self) -> tuple[sources.Source, ...]:
    return self.train, self.test

  @property
  def classes(self) -> int:
    check_classes(self.train, self.test)
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

  @functools.cached_property
  def labelled(self) -> sources.Source:
    return without_leaks.applied(
        self.leakage, self.compared[0], self.evaluation_sets)

  @functools.cached_property
  def unlabelled(self) -> sources.Source:
    return without_leaks.applied(
        self.leakage, self.compared[1], self.evaluation_sets)

  @functools.cached_property
  def compared(self) -> tuple[sources.Source, ...]:
    """Labelled and unlabelled, with what `leakage` leaves out."""
    return (self._subset('labelled', is_labelled=True),
            self._subset('unlabelled', is_labelled=False))

  @property
  def leaks(self) -> dict[str, int]:
    """How many images of each set are left out, since they leak."""
    return without_leaks.left_out(self.labelled, self.unlabelled)

  @property
  def evaluation_sets(self) -> tuple[subset_lib.Subset, ...]:
    """For validation, which decisions may read, and for test, only reported."""
    # By its labels, so that they are seen to be there, one for each image.
    test = subset_lib.Subset(
        name='test', source=self.test, is_labelled=True,
        indices=np.arange(len(self.test.class_ids)))
    return self._subset('validation', is_labelled=True), test

  @property
  def image_shape(self) -> tuple[int, int, int] | None:
    """(height, width, channels) of all images, None if they may differ."""
    return image_shape(self.train, self.test)

  def write(self, path: epath.PathLike) -> None:
    """Writes which split every image is in: Parquet, columns key and split."""
    write(path, (self.labelled, self.unlabelled, *self.evaluation_sets))

  def _subset(self, name: str, is_labelled: bool) -> subset_lib.Subset:
    return subset_lib.Subset(
        name=name, source=self.train, indices=self._indices[name],
        is_labelled=is_labelled)

  @functools.cached_property
  def _indices(self) -> dict[str, np.ndarray]:
    """The split: a permutation, its head for validation, then k a class."""
    labels = self.train.class_ids
    if self.validation >= len(labels):
      raise errors.RunError(
          f'`FewLabels.validation` should leave some of the {len(labels)} '
          f'images of `{self.train.name}`, but is {self.validation}.')
    order = permutation(self.split_seed, len(labels))
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


def permutation(split_seed: int, count: int) -> np.ndarray:
  """[count] int64: the order in which a seed draws images."""
  seed = seeds.Seed(split_seed).child('split').value
  return np.random.Generator(np.random.Philox(seed)).permutation(count)


def check_classes(labelled: sources.Source, *others: sources.Source) -> None:
  """Raises RunError unless all have the same classes, as far as named."""
  for source in others:
    names = labelled.class_names, source.class_names
    named = all(each != tuple(map(str, range(len(each)))) for each in names)
    if len(names[0]) != len(names[1]) or named and names[0] != names[1]:
      raise errors.RunError(
          f'The classes of `{source.name}` should be those of '
          f'`{labelled.name}`, {_shown(names[0])}, but are {_shown(names[1])}; '
          'bind `class_names`, or look at the sources.')


def left_out(data) -> dict[str, dict[str, float]]:
  """What a split's sources leave out as broken, by their names.

  Returns:
    Of each source that left out something: `count`, of images or files; the
    `share` of all, and `max_share`, which it may be at most.
  """
  found = {}
  for source in getattr(data, 'all_sources', ()):
    if isinstance(source, file_source.FileSource) and source.excluded():
      found[source.name] = {
          'count': len(source.excluded()),
          'share': source.made.share_excluded(),
          'max_share': source.max_excluded}
  return found


def _shown(names: Sequence[str]) -> str:
  more = ', …' if len(names) > 4 else ''
  return f'{len(names)} ({", ".join(map(repr, names[:4]))}{more})'


def image_shape(*all_sources: sources.Source) -> tuple[int, int, int] | None:
  """The shape of the images of all, None if it is not known of one.

  Raises:
    RunError: they are of different shapes.
  """
  first = all_sources[0]
  shapes = [source.image_shape for source in all_sources]
  if None in shapes:
    return None
  for source, shape in zip(all_sources, shapes):
    if shape != shapes[0]:
      raise errors.RunError(
          f'The images of `{source.name}` should be of the shape of those of '
          f'`{first.name}`, {shapes[0]}, but are of {shape}.')
  return shapes[0]


def write(path: epath.PathLike, parts: Sequence[sources.Source]) -> None:
  """Writes which part every image is in: Parquet, columns key and split.

  Of a part above a million images there is no row. Of all there are name,
  number and digest as JSON, as `parts` in the file's metadata.
  """
  import pyarrow
  from pyarrow import parquet
  schema = pyarrow.schema(
      [('key', pyarrow.string()), ('split', pyarrow.string())],
      {'parts': json.dumps([
          {'name': part.name, 'num_examples': part.num_examples,
           'digest': part.digest()} for part in parts])})
  with files.written_aside(path) as aside, files.opened(aside, 'wb') as file:
    with parquet.ParquetWriter(file, schema) as writer:
      for part in parts:
        if part.num_examples <= _MAX_LISTED:
          writer.write_table(pyarrow.table(
              {'key': part.keys(), 'split': [part.name] * part.num_examples},
              schema))
