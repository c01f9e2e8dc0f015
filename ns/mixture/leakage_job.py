"""A search for leaks in a folder: its parts, and the list they become.

While it goes on, the folder has `scratch/evaluation.npz`, the fingerprints of
the evaluation images, and `scratch/SET/SHARD.parquet`, the parts. Each gets its
name when it is whole, and says of what it is; so it does not matter which
process makes it, nor when one dies. At the end there is the list alone.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

from etils import epath
import numpy as np

from ns.core import manifest
from ns.core import progress
from ns.mixture import evaluation_index
from ns.mixture import fingerprinting
from ns.mixture import leakage_list
from ns.mixture import leakage_part
from ns.mixture import leakage_tally
from ns.mixture import prints_file
from ns.mixture import sources


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
  """A search in a folder: which parts it has, and how one is made.

  Attributes:
    search: how is compared, a `leakage.Search`.
    compared: what, the evaluation sets among them.
    evaluation_sets: with what; the sets that are compared with themselves, too.
    header: of the list.
    folder: where it and its parts go.
  """
  search: Any
  compared: Sequence[leakage_part.Compared]
  evaluation_sets: Sequence[sources.Source]
  header: leakage_list.Header
  folder: str

  @classmethod
  def of(cls, search, compared: Sequence[sources.Source],
         evaluation_sets: Sequence[sources.Source], folder: epath.PathLike,
         within: Sequence[sources.Source] = ()) -> 'Job':
    """That of the arguments of `Search.run`."""
    names = [each.name for each in (*compared, *evaluation_sets)]
    if twice := [name for name in names if names.count(name) > 1]:
      raise ValueError('The sets that are compared should have distinct names, '
                       f'but {len(twice)} are {twice[0]!r}.')
    end = len(evaluation_sets)
    own = {source.name: end + number for number, source in enumerate(within)}
    pairs = [leakage_part.Compared(source=source, first=0, end=end,
                                   own=own.get(source.name))
             for source in compared]
    pairs += [leakage_part.Compared(source=source, first=number + 1, end=end)
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
    return epath.Path(self.folder) / leakage_list.NAME

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
                 compared: leakage_part.Compared, shard: sources.Shard,
                 advance=None, path: epath.PathLike | None = None) -> None:
    """Compares the images of a shard.

    Args:
      index: of the evaluation sets.
      compared: whose shard it is.
      shard: the shard.
      advance: is told how many more images are done.
      path: of the part; where it belongs if None.
    """
    part = leakage_part.of(index, compared, shard, advance,
                           most=self.search.most_per_image,
                           threads=self.search.threads)
    name = compared.source.name
    leakage_list.write(path or self.part_path(name, shard.name),
                       self.header.only(name), part.told, [part.columns])

  def join(self) -> dict[str, Any]:
    """Makes the list of its parts, which are removed; what it came to."""
    paths = [(each.source.name, self.part_path(each.source.name, shard.name))
             for each in self.compared for shard in each.source.shards]
    tally, broken = leakage_tally.Tally(self.header), {}
    for name, path in paths:
      told = leakage_list.heading(path).told
      tally.add(leakage_list.read(path))
      entry = broken.setdefault(name, {'count': 0, 'keys': []})
      entry['count'] += told['broken']
      entry['keys'] = (entry['keys'] + told['broken_keys'])[:leakage_part.NAMED]
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
      named = source.keys(bad[:leakage_part.NAMED]) if len(bad) else []
      found[source.name] = {'count': len(bad), 'keys': named}
    return found


def _see_all(evaluation_sets, threads: int | None) -> fingerprinting.Seen:
  """What is known of all evaluation images."""
  parts = []
  for source in evaluation_sets:
    with progress.Progress(f'{source.name}: looking at', source.num_examples,
                           'images') as shown:
      for shard in source.shards:
        for seen in leakage_part.mapped(
            lambda batch: fingerprinting.see(batch.images),
            fingerprinting.batches(source, shard), threads):
          parts.append(seen)
          shown.advance(len(seen.contents))
  return fingerprinting.joined(parts)
