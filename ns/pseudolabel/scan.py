"""The filtered predictions of a pool, a block of rows at a time.

A pool is read several times, each time by a function of one block that some
threads apply; Arrow and numpy leave Python's lock for most of it.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import itertools
import os
from typing import Any

import numpy as np

from ns.core import errors
from ns.core import termination
from ns.pseudolabel import store

# Rows of a block: groups of rows of a file, as many as fit, or one.
_BLOCK_ROWS = 2**17
# More wait for Python's lock.
_THREADS = min(4, len(os.sched_getaffinity(0)) if hasattr(
    os, 'sched_getaffinity') else os.cpu_count() or 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
  """Consecutive groups of rows of one shard.

  Attributes:
    shard: the place of the shard among those of the pool.
    groups: which groups of its file.
    first: the place of the first row in the pool.
    kept_before: how many rows of the pool before it the filter keeps.
  """
  shard: int
  groups: range
  first: int
  kept_before: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
  """What is read of a block.

  Attributes:
    all_labels: [rows] int32, of all rows.
    broken: [broken] int64, the rows whose images do not decode; their labels
      mean nothing.
    highest: of all confidences, 0 where there are none.
    kept: [kept] int64, the rows that the filter keeps.
    labels: [kept] int32, of these, as all that follow.
    confidences: [kept] float32.
    places: [kept] int64, in the pool.
    read_keys: of some of the kept rows, as a `pyarrow.Array` of strings.
  """
  all_labels: np.ndarray
  broken: np.ndarray
  highest: float
  kept: np.ndarray
  labels: np.ndarray
  confidences: np.ndarray
  places: np.ndarray
  read_keys: Callable[[np.ndarray], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scan:
  """Predictions in `folder`, read as often as they are asked for.

  Attributes:
    folder: where `Labelling.run` wrote.
    shards: of the source, all of them.
    classes: how many.
    min_confidences: [classes] float32, what the filter asks of each class.
    bounds: of other scores, `ScoreBound`s.
  """
  folder: str
  shards: Sequence
  classes: int
  min_confidences: np.ndarray
  bounds: Sequence = ()

  @property
  def num_images(self) -> int:
    return sum(shard.num_examples for shard in self.shards)

  def blocks(self, shard: int, first: int) -> list[Block]:
    """The blocks of a shard whose first row is at the place `first`.

    How many rows are kept before is not known yet: `kept_before` is 0.

    Raises:
      RunError: the file is missing or damaged, or lacks a score.
    """
    blocks, begin, rows = [], 0, 0
    with self._opened(shard) as file:
      self._check_scores(file, shard)
      for group, number in enumerate(file.group_rows):
        if rows and rows + number > _BLOCK_ROWS:
          blocks.append(Block(shard=shard, groups=range(begin, group),
                              first=first, kept_before=0))
          begin, first, rows = group, first + rows, 0
        rows += number
      if rows:
        blocks.append(Block(shard=shard,
                            groups=range(begin, len(file.group_rows)),
                            first=first, kept_before=0))
    return blocks

  def read(self, block: Block) -> Rows:
    """The rows of a block.

    Raises:
      RunError: the file is damaged, or has labels or confidences out of range.
    """
    columns = ['label', 'confidence',
               *dict.fromkeys(bound.score for bound in self.bounds)]
    with self._opened(block.shard) as file:
      values = {name: column.to_numpy(zero_copy_only=False) for name, column
                in file.groups(block.groups, columns).items()}
    labels, confidences = values['label'], values['confidence']
    self._check_ranges(block.shard, labels, confidences)
    least = self.min_confidences
    kept = confidences >= (least[0] if (least == least[0]).all()
                           else least[labels])
    good = confidences > 0  # 0 is of an image that does not decode.
    kept &= good
    for bound in self.bounds:
      kept &= bound.within(values[bound.score])
    kept = np.flatnonzero(kept)

    def read_keys(rows: np.ndarray):
      import pyarrow as pa
      with self._opened(block.shard) as file:
        keys = file.groups(block.groups, ['key'])['key']
      return keys.take(pa.array(kept[rows]))

    broken = np.empty(0, np.int64) if good.all() else np.flatnonzero(~good)
    return Rows(all_labels=labels, broken=broken,
                highest=float(confidences.max(initial=0)), kept=kept,
                labels=labels[kept], confidences=confidences[kept],
                places=kept + block.first,
                read_keys=read_keys)

  def _path(self, shard: int) -> str:
    return store.predictions_path(self.folder, self.shards[shard].name)

  def _opened(self, shard: int):
    return store.opened(self._path(shard), classes=self.classes)

  def _check_scores(self, file, shard) -> None:
    missing = [bound.score for bound in self.bounds
               if bound.score not in file.header.scores]
    if missing:
      raise errors.RunError(
          f'`{self._path(shard)}` should have the score `{missing[0]}` that '
          '`Select.bounds` names, but has '
          f'{", ".join(file.header.scores) or "none"} besides the confidence; '
          'label the pool again with that score.')

  def _check_ranges(self, shard, labels, confidences) -> None:
    if len(labels) and not (
        0 <= labels.min() and labels.max() < self.classes
        # Written so that what is not a number is bad too.
        and confidences.min() >= 0 and confidences.max() <= 1.01):
      raise errors.RunError(
          f'`{self._path(shard)}` should have labels below {self.classes} and '
          'confidences from 0 to 1, but has others; label the pool again.')


def mapped(function: Callable, items: Sequence) -> Iterator:
  """Yields `function(item)` of the items in order, computed by some threads.

  It ends between two of them where the program is asked to end.

  Few results wait at a time, so these may be large and the items many.
  """
  if _THREADS == 1 or len(items) < 2:
    for item in items:
      termination.check()
      yield function(item)
    return
  with futures.ThreadPoolExecutor(_THREADS) as pool:
    left = iter(items)
    waiting = [pool.submit(function, item)
               for item in itertools.islice(left, 2 * _THREADS)]
    try:
      while waiting:
        termination.check()
        result = waiting.pop(0).result()
        waiting.extend(pool.submit(function, item)
                       for item in itertools.islice(left, 1))
        yield result
    finally:
      for future in waiting:
        future.cancel()
