"""The selection of images: decided, counted and written, without the images."""

from collections.abc import Sequence
import dataclasses
import hashlib

import numpy as np

from ns.core import errors
from ns.core import seeds as seeds_lib
from ns.pseudolabel import decision as decisions
from ns.pseudolabel import header as headers
from ns.pseudolabel import scan as scans
from ns.pseudolabel import store
from ns.pseudolabel import truth as truths

# What is counted, by class and in all; what is true is counted of the images of
# the first three. Images that do not decode are in none of them.
KINDS = ('pool', 'kept', 'used', 'copies')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
  """A selection.

  Attributes:
    scan: of the pool.
    blocks: of the pool.
    decision: has `copies(block, rows)`, see `decision.Decision`.
    per_class: [classes] int64 for each of `KINDS`.
    marked: for each of `Truth.names` how many of `pool`, `kept` and `used`.
    broken: how many images do not decode.
    most_copies: how often the image is used that is used most often.
    used: [shards] int64, images used.
    digests: [shards], of which images are used and how often.
  """
  scan: scans.Scan
  blocks: Sequence[scans.Block]
  decision: object
  per_class: dict[str, np.ndarray]
  marked: dict[str, dict[str, int]]
  broken: int
  most_copies: int
  used: np.ndarray
  digests: Sequence[bytes]

  def copies(self, shard: int) -> np.ndarray:
    """[rows] int64: how often each image of a shard is used."""
    copies = np.zeros(self.scan.shards[shard].num_examples, np.int64)
    for block in self.blocks:
      if block.shard == shard:
        rows = self.scan.read(block)
        first = rows.places - _first(self.scan.shards, shard)
        copies[first] = self.decision.copies(block, rows)
    return copies

  def part(self, shards: Sequence[int]) -> 'Choice':
    """This, without what only other shards need."""
    return dataclasses.replace(
        self, blocks=[block for block in self.blocks
                      if block.shard in set(shards)])


def choose(scan: scans.Scan, balance, seed: seeds_lib.Seed,
           header: headers.Header, path: str, truth: truths.Truth,
           name: str, rule: str) -> Choice:
  """Decides which images are used, and writes the selection to `path`.

  Args:
    scan: of the pool.
    balance: see `ns.pseudolabel.balance`; one that offers `copies` alone has
      keys, labels and confidences of the kept images in memory. One that offers
      `decide(scan, surveyed, seed)` gives the decision itself.
    seed: for the balance.
    header: of the predictions.
    path: where the selection goes.
    truth: what is known of the images, which decides on nothing.
    name: of the source, for errors.
    rule: what the filter asks, for errors.

  Raises:
    RunError: there are no images, none passes the filter, or none is used.
  """
  decides = hasattr(balance, 'decide')
  streams = hasattr(balance, 'rule') and hasattr(balance, 'thresholds')
  surveyed = decisions.survey(scan, balance.thresholds if streams else (0.0,))
  if not scan.num_images:
    raise errors.RunError(f'The pool `{name}` has no image to select; look at '
                          'its path.')
  if not surveyed.kept:
    raise errors.RunError(
        f'No image of `{name}` reaches {rule}: the highest confidence of '
        f'{scan.num_images} is {surveyed.highest:.4g}; lower it or train a '
        'better teacher.')
  if decides:
    decision = balance.decide(scan, surveyed, seed)
  elif streams:
    decision = decisions.decide(scan, surveyed, balance.rule(surveyed.counts),
                                seed)
  else:
    decision = _in_memory(scan, surveyed, balance, seed)
  return _written(scan, surveyed, decision, header, path, truth, balance)


@dataclasses.dataclass(frozen=True)
class _InMemory:
  """Copies of all kept images; offers `copies` as a `Decision` does."""
  kept_copies: np.ndarray

  def copies(self, block: scans.Block, rows: scans.Rows) -> np.ndarray:
    first = block.kept_before
    return self.kept_copies[first:first + len(rows.kept)]


def _in_memory(scan, surveyed, balance, seed) -> _InMemory:
  def of(block):
    rows = scan.read(block)
    keys = rows.read_keys(np.arange(len(rows.kept)))
    return (rows.labels, rows.confidences,
            keys.to_numpy(zero_copy_only=False).astype(object))
  labels, confidences, keys = map(
      np.concatenate, zip(*scans.mapped(of, surveyed.blocks)))
  copies = balance.copies(labels, confidences, classes=scan.classes, seed=seed,
                          keys=keys)
  return _InMemory(np.asarray(copies).astype(np.int64))


def _written(scan, surveyed, decision, header, path, truth, balance
             ) -> Choice:
  def of(block):
    rows = scan.read(block)
    copies = decision.copies(block, rows)
    used = np.flatnonzero(copies)
    columns = (rows.read_keys(used), rows.labels[used], rows.confidences[used],
               copies[used]) if len(used) else None
    return columns, _counts(block, rows, copies, used, scan.classes, truth)

  per_class = {kind: np.zeros(scan.classes, np.int64) for kind in KINDS}
  marked = {name: dict.fromkeys(KINDS[:3], 0) for name in truth.names}
  broken = most_copies = 0
  used = np.zeros(len(scan.shards), np.int64)
  digests = [hashlib.blake2b(digest_size=16) for _ in scan.shards]
  with store.writing_selection(path, header) as writer:
    for block, (columns, counts) in zip(
        surveyed.blocks, scans.mapped(of, surveyed.blocks)):
      if columns is not None:
        writer.write(*columns)
        used[block.shard] += len(columns[1])
      digests[block.shard].update(counts['digest'])
      for kind in KINDS:
        per_class[kind] += counts[kind]
      for name, numbers in counts['marked'].items():
        for kind, number in numbers.items():
          marked[name][kind] += number
      broken += counts['broken']
      most_copies = max(most_copies, counts['most_copies'])
    if not used.any():
      raise errors.RunError(
          f'`Select.balance` should leave images, but {balance!r} gives none '
          f'of {surveyed.kept} a copy; bind another balance.')
  return Choice(scan=scan, blocks=surveyed.blocks, decision=decision,
                per_class=per_class, marked=marked, broken=broken,
                most_copies=most_copies, used=used,
                digests=[digest.digest() for digest in digests])


def _counts(block, rows, copies, used, classes, truth) -> dict:
  count = lambda labels: np.bincount(labels, minlength=classes)
  counts = {
      'pool': count(rows.all_labels) - count(rows.all_labels[rows.broken]),
      'kept': count(rows.labels),
      'used': count(rows.labels[used]),
      'copies': np.bincount(rows.labels, copies, minlength=classes
                            ).astype(np.int64)}
  number = lambda mark: int(np.count_nonzero(mark))
  counts['marked'] = {
      name: {'pool': number(mark) - number(mark[rows.broken]),
             'kept': number(mark[rows.kept]),
             'used': number(mark[rows.kept[used]])}
      for name, mark in truth.marks(block.first, rows.all_labels).items()}
  counts['broken'] = len(rows.broken)
  counts['most_copies'] = int(copies.max(initial=0))
  digest = hashlib.blake2b(digest_size=16)
  digest.update(rows.places[used].tobytes())
  digest.update(copies[used].tobytes())
  return {**counts, 'digest': digest.digest()}


def _first(shards, place: int) -> int:
  return sum(shard.num_examples for shard in shards[:place])
