"""Some examples of a source, with or without their labels."""

import dataclasses
import functools
import hashlib

import numpy as np

from ns.core import graphs
from ns.mixture import derived
from ns.mixture import lane
from ns.mixture import sources


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Subset(derived.Derived):
  """Some examples of another source.

  Its shards are those of the source, as far as it has some of them, so that no
  file is read for two; where any example costs the same, they are even.

  Attributes:
    name: of the subset; the keys are those of the source.
    source: where the examples are.
    indices: [num_examples] int64, rising.
    is_labelled: whether `records` give the labels; if not they are dropped
      here, and only a report gets them (`hidden_labels`).
  """
  name: str
  indices: np.ndarray
  is_labelled: bool

  @property
  def num_examples(self) -> int:
    return len(self.indices)

  @functools.cached_property
  def shards(self) -> tuple[sources.Shard, ...]:
    if self.is_random_access:
      return sources.even_shards(self.num_examples)
    theirs = self.source.shards
    bounds = np.searchsorted(self.indices, [
        *(shard.first for shard in theirs), self.source.num_examples]).tolist()
    return tuple(
        sources.Shard(name=shard.name, first=low, num_examples=high - low)
        for shard, low, high in zip(theirs, bounds, bounds[1:]) if high > low)

  def keys(self, indices: np.ndarray | None = None) -> list[str]:
    return self.source.keys(self._theirs(indices))

  def digest(self) -> str:
    part = hashlib.sha256(self.indices.astype('<i8').tobytes()).hexdigest()
    return hashlib.sha256(
        f'{self.source.digest()}{part}{self.is_labelled}'.encode()).hexdigest()

  @property
  def class_ids(self) -> np.ndarray:
    """[num_examples] int64, of a labelled subset."""
    if not self.is_labelled:
      raise ValueError(f'`{self.name}` is not labelled.')
    return self.source.class_ids[self.indices]

  def hidden_labels(self) -> np.ndarray | None:
    hidden = self.source.hidden_labels()
    return None if hidden is None else hidden[self.indices]

  def foreign(self) -> np.ndarray | None:
    foreign = self.source.foreign()
    return None if foreign is None else foreign[self.indices]

  def at(self, indices: np.ndarray):
    records = self.source.at(self._theirs(indices))
    if self.is_labelled or 'label' not in records.element_spec:
      return records
    return graphs.mapped(
        records, lambda record: {name: value for name, value in record.items()
                                 if name != 'label'})

  def columns(self, indices: np.ndarray) -> lane.Columns:
    columns = self.source.columns(self._theirs(indices))
    if not self.is_labelled:
      columns.pop('label', None)
    return columns

  def _theirs(self, indices: np.ndarray | None) -> np.ndarray:
    return self.indices[sources.all_or(indices, self.num_examples)]
