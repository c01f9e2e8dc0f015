"""Sets of images as a team has them: labelled, pools, validation and test."""

from collections.abc import Sequence
import dataclasses
import functools

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import seeds
from ns.mixture import pools as pools_lib
from ns.mixture import sources
from ns.mixture import splits
from ns.mixture import subset as subset_lib
from ns.mixture import without_leaks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sets:
  """Sources that are what they are declared to be; see `ns.mixture.splits`.

  Attributes:
    train: the source of the labelled images.
    pools: sources of unlabelled images; labels that they have are dropped, and
      only serve to report how many pseudo-labels were right.
    validation: a labelled source; or how many of the labelled images are held
      out, a whole number; or which share of them, below 1.
    test: the source that figures are reported on, if there is one.
    split_seed: of what is held out.
    leakage: leaves out images that are in an evaluation set, too; None for
      none.
  """
  train: sources.Source
  pools: Sequence[sources.Source]
  validation: sources.Source | int | float
  test: sources.Source | None = None
  split_seed: int = 0
  leakage: without_leaks.WithoutLeaks | None = None

  def __post_init__(self):
    checks.instance(self, 'train', sources.Source)
    checks.instance(self, 'pools', list, tuple)
    object.__setattr__(self, 'pools', tuple(self.pools))
    if not all(isinstance(pool, sources.Source) for pool in self.pools):
      raise TypeError(
          '`Sets.pools` should be a list of sources, such as '
          f'`[@mixture.ImageFiles()]`, but is {list(self.pools)!r}.')
    if not isinstance(self.validation, sources.Source):
      if isinstance(self.validation, float):
        checks.number(self, 'validation', above=0, below=1)
      else:
        checks.integer(self, 'validation', at_least=1)
    if self.test is not None:
      checks.instance(self, 'test', sources.Source)
    checks.integer(self, 'split_seed', at_least=0)
    seeds.Seed(self.split_seed)  # It is below 2**64, too.
    if self.leakage is not None:
      checks.instance(self, 'leakage', without_leaks.WithoutLeaks)
    for source in self._labelled_sources:
      if not source.is_labelled:
        raise ValueError(f'`{source.name}` should have labels, but has none.')
    names = [pool.name for pool in self.pools]
    if twice := [name for name in names if names.count(name) > 1]:
      raise ValueError('`Sets.pools` should have distinct names, but '
                       f'{len(twice)} are {twice[0]!r}.')

  @property
  def all_sources(self) -> tuple[sources.Source, ...]:
    return *self._labelled_sources, *self.pools

  @property
  def classes(self) -> int:
    return len(self.class_names)

  @property
  def class_names(self) -> tuple[str, ...]:
    splits.check_classes(*self._labelled_sources)
    return self.train.class_names

  @property
  def image_shape(self) -> tuple[int, int, int] | None:
    """(height, width, channels) of all images, None if they may differ."""
    return splits.image_shape(*self._labelled_sources, *self.pools)

  @property
  def missing(self) -> tuple[sources.Source, ...]:
    """The sources whose files are not here, and are counted as expected."""
    return tuple(source for source in (*self._labelled_sources, *self.pools)
                 if source.missing)

  @property
  def _labelled_sources(self) -> tuple[sources.Source, ...]:
    return tuple(source for source in (
        self.train, self.validation, self.test)
                 if isinstance(source, sources.Source))

  def read(self) -> None:
    """Looks at all files, as far as that is cheap.

    Raises:
      RunError: a file is missing or was changed, too many images are broken, or
        a class has no labelled image.
    """
    for source in self.all_sources:
      source.read()
    splits.check_classes(*self._labelled_sources)
    missing = np.setdiff1d(np.arange(self.classes), self.labelled.class_ids)
    if len(missing):
      manifest = getattr(self.train, 'manifest_path', None)
      way_out = (f'; where it has some now, remove `{manifest}` to look '
                 'through the source again' if manifest else '')
      raise errors.RunError(
          f'Every class should have a labelled image in `{self.train.name}`, '
          f'but {len(missing)} have none outside the validation set, the first '
          f'of them `{self.class_names[missing[0]]}`{way_out}.')

  @functools.cached_property
  def labelled(self) -> sources.Source:
    return self._without_leaks(self.compared[0])

  @functools.cached_property
  def unlabelled(self) -> sources.Source:
    return self._without_leaks(self.compared[1])

  @functools.cached_property
  def compared(self) -> tuple[sources.Source, ...]:
    """Labelled and unlabelled, with what `leakage` leaves out."""
    return (self._subset('labelled', self.train, self._indices['labelled']),
            pools_lib.Pools(name='unlabelled', parts=self.pools,
                            class_names=self.class_names))

  @property
  def leaks(self) -> dict[str, int]:
    """How many images of each set are left out, since they leak."""
    return without_leaks.left_out(self.labelled, self.unlabelled)

  @property
  def evaluation_sets(self) -> tuple[subset_lib.Subset, ...]:
    """For validation, which decisions may read, and for test, only reported."""
    if isinstance(self.validation, sources.Source):
      sets = [self._subset('validation', self.validation)]
    else:
      sets = [self._subset('validation', self.train,
                           self._indices['validation'])]
    if self.test is not None:
      sets.append(self._subset('test', self.test))
    return tuple(sets)

  def write(self, path: epath.PathLike) -> None:
    """See `splits.write`."""
    splits.write(path, (self.labelled, self.unlabelled, *self.evaluation_sets))

  def _without_leaks(self, source: sources.Source) -> sources.Source:
    # What is not here cannot be told to be what the list is of.
    return source if self.missing else without_leaks.applied(
        self.leakage, source, self.evaluation_sets)

  def _subset(self, name, source, indices=None) -> subset_lib.Subset:
    return subset_lib.Subset(
        name=name, source=source, is_labelled=True,
        indices=sources.all_or(indices, source.num_examples))

  @functools.cached_property
  def _indices(self) -> dict[str, np.ndarray]:
    """A permutation, its head for validation."""
    total = self.train.num_examples
    if isinstance(self.validation, sources.Source):
      return {'labelled': np.arange(total)}
    held_out = (round(total * self.validation)
                if isinstance(self.validation, float) else self.validation)
    if not 0 < held_out < total:
      raise errors.RunError(
          f'`Sets.validation` should hold out some of the {total} images of '
          f'`{self.train.name}` and leave some, but is {self.validation}.')
    order = splits.permutation(self.split_seed, total)
    return {'validation': np.sort(order[:held_out]),
            'labelled': np.sort(order[held_out:])}
