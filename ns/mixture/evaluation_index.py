"""The images of all evaluation sets, to find what is the same or similar.

In memory it has 300 bytes or so of every evaluation image, and its tables.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import dataclasses
import functools
import threading
from typing import Any

import numpy as np

from ns.core import types
from ns.mixture import fingerprinting
from ns.mixture import hash_index
from ns.mixture import sources

# Candidates whose fingerprints are compared together.
_AT_ONCE = 1 << 16


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pairs:
  """Images that are the same or similar.

  Attributes:
    queries: [pairs] int64, the place of an image among those asked for.
    entries: [pairs] int64, the place of one in the index.
    are_exact: [pairs] bool: equal contents; may be False for equal pixels that
      are encoded differently.
    distances: [pairs] int64, the bits in which their hashes differ.
    differences: [pairs] float32, see `ns.mixture.fingerprints`.
    are_mirrored: [pairs] bool: one is similar to the other mirrored.
  """
  queries: np.ndarray
  entries: np.ndarray
  are_exact: np.ndarray
  distances: np.ndarray
  differences: np.ndarray
  are_mirrored: np.ndarray

  def __len__(self) -> int:
    return len(self.queries)

  def __getitem__(self, rows) -> 'Pairs':
    return Pairs(**{field.name: getattr(self, field.name)[rows]
                    for field in dataclasses.fields(self)})


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationIndex:
  """All evaluation images, each a place from 0.

  Attributes:
    sets: the evaluation sets, one after the other.
    seen: of the images of all of them.
    max_distance: bits in which hashes of similar images may differ.
    max_difference: how much their fingerprints may.
  """
  sets: Sequence[sources.Source]
  seen: fingerprinting.Seen
  max_distance: int
  max_difference: float

  @functools.cached_property
  def ends(self) -> np.ndarray:
    """[sets + 1] int64: where each set begins, and the number of images."""
    return np.cumsum([0, *(source.num_examples for source in self.sets)])

  def prepare(self) -> None:
    """Makes the tables, which several threads may then use."""
    _ = (self.ends, self._hashes, self._by_content, self._by_flat,
         self._pixels, self._lock)

  def search(self, asked: fingerprinting.Seen) -> Pairs:
    """All pairs of an asked and an evaluation image, in their order.

    Those of images with equal contents, of flat ones with equal pixels, and of
    similar ones.
    """
    same = self._same(asked)
    near = self.near(asked)
    order = np.lexsort((~np.r_[same.are_exact, near.are_exact],
                        np.r_[same.entries, near.entries],
                        np.r_[same.queries, near.queries]))
    both = Pairs(**{
        field.name: np.concatenate(
            [getattr(same, field.name), getattr(near, field.name)])[order]
        for field in dataclasses.fields(Pairs)})
    # What is exact is similar, too; it comes first.
    again = (both.queries[1:] == both.queries[:-1]) & (
        both.entries[1:] == both.entries[:-1])
    return both[np.flatnonzero(~np.r_[np.zeros(min(1, len(both)), bool),
                                      again])]

  def _same(self, asked) -> Pairs:
    found = []
    for query, content in enumerate(asked.contents):
      if asked.are_good[query]:
        found += [(query, entry) for entry in self._by_content.get(content, ())]
    for query, content in asked.flat.items():
      found += [(query, entry) for entry in self._by_flat.get(content, ())]
    queries, entries = np.array(sorted(set(found)), np.int64).reshape(-1, 2).T
    zeros = np.zeros(len(queries), np.int64)
    return Pairs(queries=queries, entries=entries, distances=zeros,
                 are_exact=np.ones(len(queries), bool),
                 differences=zeros.astype(np.float32),
                 are_mirrored=np.zeros(len(queries), bool))

  def near(self, asked: fingerprinting.Seen) -> Pairs:
    """All pairs of an asked and a similar evaluation image."""
    comparable = np.flatnonzero(asked.are_good & ~asked.prints.are_flat)
    prints = asked.prints[comparable]
    plain = self._similar(prints, False)
    mirrored = self._similar(prints.mirrored, True)
    pairs = {field.name: np.concatenate(
        [getattr(plain, field.name), getattr(mirrored, field.name)])
             for field in dataclasses.fields(Pairs)}
    # The better one of both, the plain one if they are equal.
    order = np.lexsort((pairs['are_mirrored'], pairs['differences'],
                        pairs['entries'], pairs['queries']))
    queries, entries = pairs['queries'][order], pairs['entries'][order]
    first = np.ones(len(order), bool)
    first[1:] = (queries[1:] != queries[:-1]) | (entries[1:] != entries[:-1])
    best = Pairs(**pairs)[order[first]]
    return dataclasses.replace(best, queries=comparable[best.queries])

  def _similar(self, prints, are_mirrored: bool) -> Pairs:
    queries, entries, distances = self._hashes.search(prints.hashes)
    entries = self._comparable[entries]
    ours = self.seen.prints
    differences = np.concatenate([np.empty(0, np.float32), *(
        prints[queries[some]].differences(ours[entries[some]])
        for some in np.split(np.arange(len(queries)), range(
            _AT_ONCE, len(queries), _AT_ONCE)))])
    rows = np.flatnonzero(differences <= np.float32(self.max_difference))
    return Pairs(
        queries=queries[rows], entries=entries[rows],
        distances=distances[rows], differences=differences[rows],
        are_exact=np.zeros(len(rows), bool),
        are_mirrored=np.full(len(rows), are_mirrored))

  def pixel_digests(self, entries: Iterable[int]) -> dict[int, bytes]:
    """The digest of the pixels of entries, which are read again if need be."""
    wanted = sorted(set(map(int, entries)))
    with self._lock:
      missing = [entry for entry in wanted if entry not in self._pixels]
      for number, source in enumerate(self.sets):
        first, end = self.ends[number:number + 2]
        own = np.array([entry - first for entry in missing
                        if first <= entry < end], np.int64)
        if len(own):
          for index, image in zip(own, source.columns(own)[types.IMAGE]):
            self._pixels[int(index + first)] = fingerprinting.pixel_digest(
                image)
      return {entry: self._pixels[entry] for entry in wanted}

  def keys(self, entries: np.ndarray) -> list[tuple[str, str]]:
    """The name of the set, and the key in it, of each entry."""
    named = {}
    for number, source in enumerate(self.sets):
      first, end = self.ends[number:number + 2]
      own = np.unique(entries[(entries >= first) & (entries < end)])
      named.update(zip(own.tolist(), ((source.name, key) for key in (
          source.keys(own - first) if len(own) else ()))))
    return [named[entry] for entry in entries.tolist()]

  @functools.cached_property
  def _lock(self) -> threading.Lock:
    return threading.Lock()

  @functools.cached_property
  def _pixels(self) -> dict[int, bytes]:
    return {}

  @functools.cached_property
  def _comparable(self) -> np.ndarray:
    return np.flatnonzero(self.seen.are_good & ~self.seen.prints.are_flat)

  @functools.cached_property
  def _hashes(self) -> hash_index.HashIndex:
    return hash_index.HashIndex(
        self.seen.prints.hashes[self._comparable], self.max_distance)

  @functools.cached_property
  def _by_content(self) -> dict[bytes, list[int]]:
    return _places((content, place) for place, content in enumerate(
        self.seen.contents) if self.seen.are_good[place])

  @functools.cached_property
  def _by_flat(self) -> dict[bytes, list[int]]:
    return _places((content, place)
                   for place, content in self.seen.flat.items())


def _places(pairs: Iterable[tuple[bytes, int]]) -> dict[Any, list[int]]:
  found = {}
  for content, place in pairs:
    found.setdefault(content, []).append(place)
  return found
