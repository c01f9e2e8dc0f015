"""Images that are of none of the classes, mixed into a pool on purpose.

The paper's pool is of other images than ImageNet's, and the filter by
confidence is there to drop those that are of no class (arXiv 1911.04252,
section 3.1). Whether it does can be measured where it is known which these are:
`foreign` of a source says so, and a selection counts how many of them are left.
"""

import dataclasses
import functools

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import seeds
from ns.mixture import derived
from ns.mixture import lane
from ns.mixture import pools
from ns.mixture import sources
from ns.mixture import splits
from ns.mixture import subset
from ns.mixture import without_leaks

# In the place of a class among hidden labels.
NO_CLASS = -1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Foreign(derived.Derived):
  """A source of which no image is of one of the classes.

  Attributes:
    source: the images; labels that it has are dropped.
  """
  is_labelled = False
  classes = 0
  class_names = ()

  def __post_init__(self):
    checks.instance(self, 'source', sources.Source)

  @property
  def name(self) -> str:
    return self.source.name

  @property
  def num_examples(self) -> int:
    return self.source.num_examples

  @property
  def shards(self) -> tuple[sources.Shard, ...]:
    return self.source.shards

  def digest(self) -> str:
    return self.source.digest()

  def keys(self, indices: np.ndarray | None = None) -> list[str]:
    return self.source.keys(indices)

  def at(self, indices: np.ndarray):
    return subset.Subset(name=self.name, source=self.source, indices=indices,
                         is_labelled=False).records()

  def columns(self, indices: np.ndarray) -> lane.Columns:
    return subset.Subset(name=self.name, source=self.source, indices=indices,
                         is_labelled=False).columns(None)

  def hidden_labels(self) -> np.ndarray:
    return np.full(self.num_examples, NO_CLASS)

  def foreign(self) -> np.ndarray:
    return np.ones(self.num_examples, bool)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithForeign:
  """A split (`ns.mixture.splits`) with foreign images in its pool.

  What the split leaves out of its pool as leaks (`leakage`), it leaves out of
  the foreign images, too.

  Attributes:
    data: the split.
    images: a source of foreign images, of which labels are dropped.
    share: how much of the pool they are to be; above 0, below 1.
    split_seed: of which are taken, where there are more than needed.
  """
  data: object
  images: sources.Source
  share: float
  split_seed: int = 0

  def __post_init__(self):
    checks.has_methods(self, 'data', 'read', 'write')
    checks.instance(self, 'images', sources.Source)
    checks.number(self, 'share', above=0, below=1)
    checks.integer(self, 'split_seed', at_least=0)
    seeds.Seed(self.split_seed)  # It is below 2**64, too.
    if self.images.name in [source.name for source in self.data.all_sources]:
      raise ValueError(
          '`WithForeign.images` should have a name that no source of '
          f'`WithForeign.data` has, but is {self.images.name!r}.')

  @property
  def all_sources(self) -> tuple[sources.Source, ...]:
    return *self.data.all_sources, self.images

  @property
  def classes(self) -> int:
    return self.data.classes

  @property
  def class_names(self) -> tuple[str, ...]:
    return self.data.class_names

  @property
  def labelled(self) -> sources.Source:
    return self.data.labelled

  @property
  def evaluation_sets(self) -> tuple[sources.Source, ...]:
    return self.data.evaluation_sets

  @property
  def compared(self) -> tuple[sources.Source, ...]:
    return *self.data.compared, self.images

  @property
  def missing(self) -> tuple[sources.Source, ...]:
    """The sources whose files are not here, and are counted as expected."""
    return *getattr(self.data, 'missing', ()), *(
        [self.images] if self.images.missing else [])

  @property
  def leakage(self) -> without_leaks.WithoutLeaks | None:
    return getattr(self.data, 'leakage', None)

  @property
  def leaks(self) -> dict[str, int]:
    return {**self.data.leaks, **without_leaks.left_out(self._images)}

  @functools.cached_property
  def _images(self) -> sources.Source:
    """The foreign images without those that leak, as far as all is here."""
    return self.images if self.missing else without_leaks.applied(
        self.leakage, self.images, self.evaluation_sets, part_of='unlabelled')

  @functools.cached_property
  def unlabelled(self) -> pools.Pools:
    """The pool of the split, then the foreign images."""
    own = self.data.unlabelled
    count = round(self.share / (1 - self.share) * own.num_examples)
    total = self._images.num_examples
    if not 1 <= count <= total:
      raise errors.RunError(
          f'`WithForeign.share` should be of some of the {total:,} images of '
          f'`{self.images.name}`, but {self.share:g} beside the '
          f'{own.num_examples:,} of `{own.name}` is {count:,}.')
    drawn = np.sort(splits.permutation(self.split_seed, total)[:count])
    images = subset.Subset(name=self.images.name, source=self._images,
                           indices=drawn, is_labelled=False)
    return pools.Pools(name=own.name, parts=(own, Foreign(source=images)),
                       class_names=self.class_names)

  @property
  def image_shape(self) -> tuple[int, int, int] | None:
    """(height, width, channels) of all images, None if they may differ."""
    own = self.data.image_shape
    return own and splits.image_shape(self.data.labelled, self.images)

  def read(self) -> None:
    """See `ns.mixture.splits`."""
    self.data.read()
    self.images.read()
    _ = self.unlabelled

  def write(self, path: epath.PathLike) -> None:
    """See `splits.write`."""
    splits.write(path, (self.labelled, self.unlabelled, *self.evaluation_sets))
