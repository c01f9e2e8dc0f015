"""Several sources as one, without their labels."""

from collections.abc import Sequence
import dataclasses
import functools
import hashlib

import numpy as np

from ns.core import errors
from ns.mixture import lane
from ns.mixture import sources
from ns.mixture import subset as subset_lib


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pools(sources.Source):
  """Sources one after the other, of which the labels are dropped.

  Attributes:
    name: of all together; the keys are those of the sources.
    parts: the sources, with distinct names.
    class_names: what a teacher tells apart in them. Only where these are those
      of every source can a report compare with their labels.
  """
  name: str
  parts: Sequence[sources.Source]
  class_names: tuple[str, ...]
  is_labelled = False

  @property
  def classes(self) -> int:
    return len(self.class_names)

  @property
  def num_examples(self) -> int:
    return int(self._ends[-1])

  @property
  def is_random_access(self) -> bool:
    return all(source.is_random_access for source in self.parts)

  @property
  def image_shape(self) -> tuple[int, int, int] | None:
    shapes = {source.image_shape for source in self.parts}
    return shapes.pop() if len(shapes) == 1 else None

  @property
  def image_bytes(self) -> float | None:
    known = [source.image_bytes for source in self.parts]
    if None in known or not self.num_examples:
      return None
    return sum(size * source.num_examples for size, source in zip(
        known, self.parts)) / self.num_examples

  @functools.cached_property
  def shards(self) -> tuple[sources.Shard, ...]:
    found = {}
    for source, first in zip(self.parts, self._ends):
      for shard in source.shards:
        name = f'{source.name}-{shard.name}'
        if name in found:
          raise errors.RunError(
              f'The shards of `{self.name}` should have distinct names, but '
              f'two are `{name}`, of which the second is `{shard.name}` of '
              f'`{source.name}`; give that source another name.')
        found[name] = dataclasses.replace(
            shard, name=name, first=int(first) + shard.first)
    return tuple(found.values())

  def keys(self, indices: np.ndarray | None = None) -> list[str]:
    indices = sources.all_or(indices, self.num_examples)
    return [key for source, theirs in self._pieces(indices)
            for key in source.keys(theirs)]

  def digest(self) -> str:
    text = ''.join(source.digest() for source in self.parts)
    return hashlib.sha256(f'{text}{len(self.class_names)}'.encode()).hexdigest()

  def hidden_labels(self) -> np.ndarray | None:
    found = [source.hidden_labels()
             if source.class_names == self.class_names or _is_foreign(source)
             else None for source in self.parts]
    if not found or any(labels is None for labels in found):
      return None
    return np.concatenate(found)

  def foreign(self) -> np.ndarray | None:
    found = [source.foreign() for source in self.parts]
    if all(foreign is None for foreign in found):
      return None
    return np.concatenate([
        np.zeros(source.num_examples, bool) if foreign is None else foreign
        for source, foreign in zip(self.parts, found)])

  def read(self) -> None:
    for source in self.parts:
      source.read()

  def at(self, indices: np.ndarray):
    datasets = [part.records() for part in self._subsets(indices)]
    joined = datasets[0]
    for dataset in datasets[1:]:
      joined = joined.concatenate(dataset)
    return joined

  def columns(self, indices: np.ndarray) -> lane.Columns:
    return lane.joined([part.columns(np.arange(part.num_examples))
                        for part in self._subsets(indices)])

  def _subsets(self, indices: np.ndarray) -> list[subset_lib.Subset]:
    if not self.parts:
      raise errors.RunError(f'`{self.name}` has no images to read.')
    # Of none of them there is still what an image is like.
    pieces = list(self._pieces(indices)) or [(self.parts[0], indices[:0])]
    return [subset_lib.Subset(name=source.name, source=source, indices=theirs,
                              is_labelled=False)
            for source, theirs in pieces]

  @functools.cached_property
  def _ends(self) -> np.ndarray:
    return np.cumsum([0, *(source.num_examples for source in self.parts)])

  def _pieces(self, indices: np.ndarray):
    """Of each source that has some: it, and their indices in it."""
    bounds = np.searchsorted(indices, self._ends)
    for source, first, low, high in zip(
        self.parts, self._ends, bounds, bounds[1:]):
      if low < high:
        yield source, indices[low:high] - first


def _is_foreign(source: sources.Source) -> bool:
  foreign = source.foreign()
  return foreign is not None and foreign.all()
