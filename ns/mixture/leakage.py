"""Which images are in an evaluation set, too: the same, or similar.

The evaluation images are few, and their fingerprints fit into memory
(`ns.mixture.evaluation_index`). Those of the pools are looked at once, a shard
at a time, each of which becomes a part of the list (`ns.mixture.leakage_list`);
a search that was interrupted goes on with the parts that are missing.

  found = leakage.Search().run(
      [run.data.unlabelled, run.data.labelled], run.data.evaluation_sets,
      folder)

Paper, section 3.1: images that are in ImageNet's validation set were left out
of the unlabelled ones. No part of how is said there.
"""

import collections
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import os
from typing import Any

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import manifest
from ns.core import progress
from ns.mixture import evaluation_index
from ns.mixture import fingerprinting
from ns.mixture import hash_index
from ns.mixture import leakage_list
from ns.mixture import prints_file
from ns.mixture import sources

NAME = 'leakage.parquet'

# Broken images that a part names.
_NAMED = 20


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
class Search:
  """How images are compared. docs/leakage.md has what the limits find.

  Attributes:
    max_distance: bits of 64 in which the hashes of similar images may differ;
      with more, more candidates are looked at.
    max_difference: how much their fingerprints may differ, as a share.
    most_per_image: pairs that are noted of one image and one evaluation set,
      the most similar ones.
    threads: that decode and compare; None for one a core.
  """
  max_distance: int = 11
  max_difference: float = 0.15
  most_per_image: int = 10
  threads: int | None = manifest.execution(default=None)

  def __post_init__(self):
    checks.integer(self, 'max_distance', at_least=0)
    if self.max_distance > hash_index.MAX_DISTANCE:
      raise ValueError(
          '`Search.max_distance` should be at most '
          f'{hash_index.MAX_DISTANCE} bits, but is {self.max_distance}.')
    checks.number(self, 'max_difference', at_least=0, at_most=1)
    checks.integer(self, 'most_per_image', at_least=1)
    if self.threads is not None:
      checks.integer(self, 'threads', at_least=1)

  def run(self, compared: Sequence[sources.Source],
          evaluation_sets: Sequence[sources.Source], folder: epath.PathLike,
          within: Sequence[sources.Source] = ()) -> dict[str, Any]:
    """Compares all, and writes the list into a folder.

    Args:
      compared: pools and labelled sets.
      evaluation_sets: these are compared with each other, too.
      folder: where the list goes, and until it is whole its parts.
      within: some of `compared`, whose images are compared with each other,
        too; the memory that this takes grows with them.

    Returns:
      What it came to, as `told` in the list.

    Raises:
      RunError: a file of a source is missing or was changed.
    """
    job = Job.of(self, compared, evaluation_sets, folder, within)
    if (found := job.finished()) is not None:
      return found
    index = job.index()
    for each in job.compared:
      source, shards = each.source, each.source.shards
      todo = [shard for shard in shards
              if not job.has_part(source.name, shard.name)]
      done = source.num_examples - sum(s.num_examples for s in todo)
      if not todo:
        continue
      with progress.Progress(f'{source.name}: comparing', source.num_examples,
                             'images', initial=done) as shown:
        for shard in todo:
          job.write_part(index, each, shard, shown.advance)
    return job.join()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
  """A search in a folder: which parts it has, and how one is made.

  Attributes:
    search: how is compared.
    compared: what, the evaluation sets among them.
    evaluation_sets: with what; the sets that are compared with themselves, too.
    header: of the list.
    folder: where it and its parts go.
  """
  search: Search
  compared: Sequence[Compared]
  evaluation_sets: Sequence[sources.Source]
  header: leakage_list.Header
  folder: str

  @classmethod
  def of(cls, search: Search, compared: Sequence[sources.Source],
         evaluation_sets: Sequence[sources.Source], folder: epath.PathLike,
         within: Sequence[sources.Source] = ()) -> 'Job':
    """That of the arguments of `Search.run`."""
    names = [each.name for each in (*compared, *evaluation_sets)]
    if twice := [name for name in names if names.count(name) > 1]:
      raise ValueError('The sets that are compared should have distinct names, '
                       f'but {len(twice)} are {twice[0]!r}.')
    end = len(evaluation_sets)
    own = {source.name: end + number for number, source in enumerate(within)}
    pairs = [Compared(source=source, first=0, end=end,
                      own=own.get(source.name)) for source in compared]
    pairs += [Compared(source=source, first=number + 1, end=end)
              for number, source in enumerate(evaluation_sets[:-1])]
    pairs = [pair for pair in pairs if pair.source.num_examples]
    evaluation_sets = *evaluation_sets, *within
    header = leakage_list.Header(
        search=manifest.canonical(search),
        sets=[leakage_list.described(pair.source) for pair in pairs],
        evaluation_sets=[leakage_list.described(source)
                         for source in evaluation_sets])
    return cls(search=search, compared=pairs, header=header,
               evaluation_sets=tuple(evaluation_sets), folder=str(folder))

  @property
  def path(self) -> epath.Path:
    """Of the list."""
    return epath.Path(self.folder) / NAME

  def finished(self) -> dict[str, Any] | None:
    """What it came to, if the list is there already."""
    if leakage_list.matches(self.path, self.header):
      return leakage_list.heading(self.path).told
    return None

  def look_at_evaluation_sets(self) -> None:
    """Makes the file of their fingerprints, if it is not there."""
    self._seen()

  def index(self) -> evaluation_index.EvaluationIndex:
    """The index of the evaluation images, read if an earlier start made it."""
    index = evaluation_index.EvaluationIndex(
        sets=self.evaluation_sets, seen=self._seen(),
        max_distance=self.search.max_distance,
        max_difference=self.search.max_difference)
    index.prepare()
    return index

  def _seen(self) -> fingerprinting.Seen:
    path = epath.Path(self.folder) / manifest.SCRATCH / 'evaluation.npz'
    digests = [each.digest for each in self.header.evaluation_sets]
    seen = prints_file.read(path, digests)
    if seen is None:
      seen = _see_all(self.evaluation_sets, self.search.threads)
      prints_file.write(path, digests, seen)
    return seen

  def part_path(self, name: str, shard: str) -> epath.Path:
    return (epath.Path(self.folder) / manifest.SCRATCH / name
            / f'{shard}.parquet')

  def has_part(self, name: str, shard: str) -> bool:
    return leakage_list.matches(
        self.part_path(name, shard), self.header.only(name))

  def write_part(self, index: evaluation_index.EvaluationIndex,
                 compared: Compared, shard: sources.Shard, advance=None,
                 path: epath.PathLike | None = None) -> None:
    """Compares the images of a shard.

    Args:
      index: of the evaluation sets.
      compared: whose shard it is.
      shard: the shard.
      advance: is told how many more images are done.
      path: of the part; where it belongs if None.
    """
    found, broken, images = [], [], 0
    source = compared.source

    def compare(batch):
      return _compare(index, batch, compared, self.search.most_per_image)

    for some in _mapped(compare, fingerprinting.batches(source, shard),
                        self.search.threads):
      found.append(some)
      broken += some.broken
      images += some.images
      if advance:
        advance(some.images)
    path = path or self.part_path(source.name, shard.name)
    leakage_list.write(
        path, self.header.only(source.name),
        {'images': images, 'broken': len(broken),
         'broken_keys': broken[:_NAMED]}, [_table(source.name, index, found)])

  def join(self) -> dict[str, Any]:
    """Makes the list of its parts, which are removed; what it came to."""
    paths = [(each.source.name, self.part_path(each.source.name, shard.name))
             for each in self.compared for shard in each.source.shards]
    tally, broken = leakage_list.Tally(self.header), {}
    for name, path in paths:
      told = leakage_list.heading(path).told
      tally.add(leakage_list.read(path))
      entry = broken.setdefault(name, {'count': 0, 'keys': []})
      entry['count'] += told['broken']
      entry['keys'] = (entry['keys'] + told['broken_keys'])[:_NAMED]
    broken |= self._broken_evaluation_images()
    told = {'found': tally.rows(), 'broken': {
        name: entry for name, entry in broken.items() if entry['count']}}
    leakage_list.write(self.path, self.header, told, (
        leakage_list.read(path) for _, path in paths))
    (epath.Path(self.folder) / manifest.SCRATCH).rmtree()
    return told

  def _broken_evaluation_images(self) -> dict[str, dict[str, Any]]:
    are_good = self._seen().are_good
    ends = np.cumsum([each.num_examples for each in self.evaluation_sets])
    found = {}
    for source, good in zip(self.evaluation_sets, np.split(are_good, ends)):
      bad = np.flatnonzero(~good)
      found[source.name] = {'count': len(bad), 'keys': source.keys(bad[:_NAMED])
                            if len(bad) else []}
    return found


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


def _table(name: str, index, found: Sequence[_Found]) -> dict[str, Any]:
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


def _see_all(evaluation_sets, threads: int | None) -> fingerprinting.Seen:
  """What is known of all evaluation images."""
  parts = []
  for source in evaluation_sets:
    with progress.Progress(f'{source.name}: looking at', source.num_examples,
                           'images') as shown:
      for shard in source.shards:
        for seen in _mapped(lambda batch: fingerprinting.see(batch.images),
                            fingerprinting.batches(source, shard), threads):
          parts.append(seen)
          shown.advance(len(seen.contents))
  return fingerprinting.joined(parts)


def _mapped(function, items: Iterator[Any], threads: int | None
            ) -> Iterator[Any]:
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
