"""KeepSelection: new labels for the images of an earlier selection."""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import seeds
from ns.pseudolabel import choice as choices
from ns.pseudolabel import header as headers
from ns.pseudolabel import materialise as materialise_lib
from ns.pseudolabel import scan as scans
from ns.pseudolabel import selecting
from ns.pseudolabel import truth as truths

# Shards whose copies are in memory, among which some threads work.
_SHARDS = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeepSelection:
  """Takes the new labels of selected images, which stay as often as they were.

  The reference's reassign (predict_label.py): labels, confidences and
  distributions are another teacher's, and nothing is filtered or balanced anew,
  so that the classes are no more of one size than the new labels make them. For
  a generation with `relabel`; the other choice there is a `Select` as usual.

  Attributes:
    materialise: how the images are written.
  """
  materialise: materialise_lib.Materialise = materialise_lib.Materialise()

  def __post_init__(self):
    checks.instance(self, 'materialise', materialise_lib.Materialise)

  @property
  def needs_selection(self) -> bool:
    """Whether the images have to come from an earlier selection."""
    return True

  def run(self, predictions_folder: str, source, folder: str,
          seed: seeds.Seed, classes: int, num_shards: int = 8,
          on_progress: Callable[[int, int], None] | None = None) -> dict:
    """Writes `selection.parquet` and the student's records.

    Args:
      source: an earlier selection (`ns.mixture.selected`).
      seed: of no use.
      predictions_folder, folder, classes, num_shards, on_progress: as of
        `Select.run`.

    Returns:
      As of `Select.run`. An image that does not decode any more is left out.

    Raises:
      RunError: predictions are missing or not of this source and these classes,
        or the source is no selection.
    """
    del seed
    if not hasattr(source, 'copies'):
      raise errors.RunError(
          f'`KeepSelection` should be for an earlier selection, but '
          f'`{source.name}` is none; bind `Generation.relabel`, or a `Select`.')

    def choose(header: headers.Header, path: str) -> choices.Choice:
      scan = scans.Scan(
          folder=predictions_folder, shards=tuple(source.shards),
          classes=classes, min_confidences=np.zeros(classes, np.float32))
      return choices.choose(
          scan, _AsBefore(source=source), seeds.Seed(0), header, path,
          truths.of(source, scan.num_images), source.name, 'any confidence')

    return selecting.run(choose, self.materialise, predictions_folder, source,
                         folder, classes, num_shards, on_progress)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _AsBefore:
  """A decision, as of `decision.Decision`: the copies that there were."""
  source: Any

  def decide(self, scan, surveyed, seed) -> '_AsBefore':
    del scan, surveyed, seed
    return self

  def copies(self, block: scans.Block, rows: scans.Rows) -> np.ndarray:
    """[kept] int64."""
    shard = self.source.shards[block.shard]
    return _copies(self.source, shard)[rows.places - shard.first]


@functools.lru_cache(_SHARDS)
def _copies(source, shard) -> np.ndarray:
  return source.copies(shard)
