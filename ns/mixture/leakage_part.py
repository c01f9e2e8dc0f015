"""A part of a list of leaks: what is found of the images of a shard."""

import collections
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import os
from typing import Any

import numpy as np

from ns.mixture import evaluation_index
from ns.mixture import fingerprinting
from ns.mixture import leakage_list
from ns.mixture import sources

# Broken images that a part names.
NAMED = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Compared:
  """A source that is compared with some of the sets of the index.

  Attributes:
    source: whose images are compared.
    first: the number of the first set that it is compared with.
    end: that of the set after the last one.
    own: the number that it has itself, if its images are compared with each
      other.
  """
  source: sources.Source
  first: int
  end: int
  own: int | None = None

  def allows(self, index: evaluation_index.EvaluationIndex, first: int,
             pairs: evaluation_index.Pairs) -> np.ndarray:
    """[pairs] bool: which are to be noted; the first query is image `first`."""
    entries, ends = pairs.entries, index.ends
    allowed = (entries >= ends[self.first]) & (entries < ends[self.end])
    if self.own is not None:
      # Each pair once, and none of an image with itself.
      allowed |= (entries > ends[self.own] + first + pairs.queries) & (
          entries < ends[self.own + 1])
    return allowed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
  """What is found of a shard.

  Attributes:
    columns: as of `leakage_list`.
    told: how many images it has, and which do not decode.
  """
  columns: dict[str, Any]
  told: dict[str, Any]


def of(index: evaluation_index.EvaluationIndex, compared: Compared,
       shard: sources.Shard, advance: Callable[[int], None] | None = None, *,
       most: int, threads: int | None = None) -> Part:
  """Compares the images of a shard.

  Args:
    index: of the evaluation sets.
    compared: whose shard it is.
    shard: the shard.
    advance: is told how many more images are done.
    most: pairs of one image and one evaluation set.
    threads: that decode and compare; None for one a core.
  """
  found, broken, images = [], [], 0
  for some in mapped(lambda batch: _compare(index, batch, compared, most),
                     fingerprinting.batches(compared.source, shard), threads):
    found.append(some)
    broken += some.broken
    images += some.images
    if advance:
      advance(some.images)
  return Part(
      columns=_columns(compared.source.name, index, found),
      told={'images': images, 'broken': len(broken),
            'broken_keys': broken[:NAMED]})


def mapped(function: Callable[[Any], Any], items: Iterator[Any],
           threads: int | None) -> Iterator[Any]:
  """`function` of each, in order, some at a time."""
  threads = threads or os.cpu_count() or 1
  with futures.ThreadPoolExecutor(threads) as pool:
    waiting = collections.deque()
    for item in items:
      waiting.append(pool.submit(function, item))
      if len(waiting) > 2 * threads:
        yield waiting.popleft().result()
    while waiting:
      yield waiting.popleft().result()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
  """What is found of a batch; `keys` and `digests` are those of the pairs."""
  images: int
  broken: list[str]
  first: int
  pairs: evaluation_index.Pairs
  keys: list[str]
  digests: dict[int, bytes]


def _compare(index, batch, compared: Compared, most: int) -> _Found:
  seen = fingerprinting.see(batch.images)
  pairs = index.search(seen)
  pairs = pairs[compared.allows(index, batch.first, pairs)]
  pairs = pairs[_closest(pairs, np.searchsorted(
      index.ends, pairs.entries, side='right'), most)]
  # Equal pixels may be encoded differently.
  maybe = np.unique(pairs.queries[~pairs.are_exact & ~pairs.are_mirrored])
  return _Found(
      images=len(batch.keys), first=batch.first, pairs=pairs,
      broken=[batch.keys[row].decode()
              for row in np.flatnonzero(~seen.are_good)],
      keys=[batch.keys[row].decode() for row in pairs.queries],
      digests={row: fingerprinting.pixel_digest(batch.images[row])
               for row in maybe.tolist()})


def _closest(pairs, sets: np.ndarray, most: int) -> np.ndarray:
  """The rows of at most so many pairs of an image and a set, in their order."""
  order = np.lexsort((pairs.entries, pairs.differences, ~pairs.are_exact, sets,
                      pairs.queries))
  groups = np.stack([pairs.queries, sets])[:, order]
  starts = np.ones(len(order), bool)
  starts[1:] = (groups[:, 1:] != groups[:, :-1]).any(0)
  ranks = np.arange(len(order)) - np.maximum.accumulate(
      np.where(starts, np.arange(len(order)), 0))
  return np.sort(order[ranks < most])


def _columns(name: str, index, found: Sequence[_Found]) -> dict[str, Any]:
  """The columns of a part."""
  theirs = index.pixel_digests(
      entry for some in found
      for query, entry in zip(some.pairs.queries.tolist(),
                              some.pairs.entries.tolist())
      if query in some.digests)
  columns = collections.defaultdict(list)
  for some in found:
    pairs = some.pairs
    exact = pairs.are_exact | np.array([
        not mirrored and query in some.digests
        and some.digests[query] == theirs[entry]
        for query, entry, mirrored in zip(
            pairs.queries.tolist(), pairs.entries.tolist(),
            pairs.are_mirrored.tolist())], bool)
    names = index.keys(pairs.entries)
    begins = index.ends[np.searchsorted(
        index.ends, pairs.entries, side='right') - 1]
    columns['set'] += [name] * len(pairs)
    columns['key'] += some.keys
    columns['index'] += (pairs.queries + some.first).tolist()
    columns['evaluation_set'] += [each for each, _ in names]
    columns['evaluation_key'] += [key for _, key in names]
    columns['evaluation_index'] += (pairs.entries - begins).tolist()
    columns['kind'] += [leakage_list.KINDS[not each] for each in exact]
    columns['distance'] += pairs.distances.tolist()
    columns['difference'] += pairs.differences.tolist()
    columns['mirrored'] += pairs.are_mirrored.tolist()
  return dict(columns)
