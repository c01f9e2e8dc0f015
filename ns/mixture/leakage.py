"""Which images are in an evaluation set, too: the same, or similar.

The evaluation images are few, and their fingerprints fit into memory
(`ns.mixture.evaluation_index`). Those of the pools are looked at once, a shard
at a time, each of which becomes a part of the list (`ns.mixture.leakage_list`);
a search that was interrupted goes on with the parts that are missing.

  found = leakage.Search().run(
      [run.data.unlabelled, run.data.labelled], run.data.evaluation_sets,
      folder)

Paper, section 3.1: images that are in ImageNet's validation set were left out
of the unlabelled ones; how is not said there.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

from etils import epath

from ns.core import checks
from ns.core import manifest
from ns.core import progress
from ns.mixture import hash_index
from ns.mixture import leakage_job
from ns.mixture import sources


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
    job = leakage_job.Job.of(self, compared, evaluation_sets, folder, within)
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
