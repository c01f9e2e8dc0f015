"""A source without some of its examples."""

import dataclasses
import functools
import hashlib

import numpy as np

from ns.mixture import derived
from ns.mixture import lane
from ns.mixture import sources


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Without(derived.Derived):
  """Another source, some examples of which are left out.

  The others keep their order, and the shards are those of the source. Memory
  depends on what is left out, not on how large the source is.

  Attributes:
    source: where the examples are; the name and the keys are its own.
    left_out: [examples] int64, rising: their indices in the source.
  """
  left_out: np.ndarray

  @property
  def name(self) -> str:
    return self.source.name

  @property
  def is_labelled(self) -> bool:
    return self.source.is_labelled

  @property
  def num_examples(self) -> int:
    return self.source.num_examples - len(self.left_out)

  @functools.cached_property
  def shards(self) -> tuple[sources.Shard, ...]:
    found = []
    for shard in self.source.shards:
      first, end = self._ours(shard.first), self._ours(
          shard.first + shard.num_examples)
      if first < end:
        found.append(dataclasses.replace(
            shard, first=first, num_examples=end - first))
    return tuple(found)

  def keys(self, indices: np.ndarray | None = None) -> list[str]:
    return self.source.keys(self._theirs(indices))

  def digest(self) -> str:
    part = hashlib.sha256(self.left_out.astype('<i8').tobytes()).hexdigest()
    return hashlib.sha256(
        f'{self.source.digest()} without {part}'.encode()).hexdigest()

  @property
  def class_ids(self) -> np.ndarray:
    """[num_examples] int64, of a labelled source."""
    return np.delete(self.source.class_ids, self.left_out)

  def hidden_labels(self) -> np.ndarray | None:
    hidden = self.source.hidden_labels()
    return None if hidden is None else np.delete(hidden, self.left_out)

  def foreign(self) -> np.ndarray | None:
    foreign = self.source.foreign()
    return None if foreign is None else np.delete(foreign, self.left_out)

  def at(self, indices: np.ndarray):
    return self.source.at(self._theirs(indices))

  def columns(self, indices: np.ndarray) -> lane.Columns:
    return self.source.columns(self._theirs(indices))

  def _ours(self, index: int) -> int:
    """How many examples there are before one of the source."""
    return index - int(np.searchsorted(self.left_out, index))

  def _theirs(self, indices: np.ndarray | None) -> np.ndarray:
    indices = sources.all_or(indices, self.num_examples)
    # Before the example that is left out with number j are `left_out[j] - j`.
    before = self.left_out - np.arange(len(self.left_out))
    return indices + np.searchsorted(before, indices, side='right')
