"""One lane of a stream: endless examples, each a function of seed and position.

A lane is a fixed sequence of blocks, groups of records that are read into
memory together. An epoch is all blocks in an order drawn from (seed, epoch);
inside a block the records are in an order drawn from (seed, epoch, block). So
the example at any position is known without those before it: whoever starts
there reads one block. An example has a seed of its own, drawn from (seed,
epoch, place in the epoch).

A record that is used several times in an epoch (`copies`) is read once, and its
copies lie evenly spaced over its block: of n examples in the block, about n /
copies apart.

NumPy only: TensorFlow is the business of who reads the records.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import functools

import numpy as np

from ns.core import errors
from ns.core import seeds

# By feature, [records, ...]; encoded bytes as [records] object.
Columns = dict[str, np.ndarray]

COPIES = 'copies'
SEED = 'seed'


def joined(parts: Sequence[Columns]) -> Columns:
  """Columns one after the other; there should be some."""
  if len(parts) == 1:
    return parts[0]
  return {name: np.concatenate([part[name] for part in parts])
          for name in parts[0]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
  """Records that are shuffled among each other.

  Attributes:
    name: of where they are, for messages.
    num_examples: in an epoch, counting copies.
    read: gives the records in a fixed order, each once. Where some are used
      several times, the column `copies` [records] says how often.
  """
  name: str
  num_examples: int
  read: Callable[[], Columns]


class Lane:
  """The examples of some blocks, over and over."""

  def __init__(self, blocks: Sequence[Block], seed: seeds.Seed):
    """There should be at least one example in all, `seed` is the lane's own."""
    self.num_examples = sum(block.num_examples for block in blocks)
    self._blocks = tuple(block for block in blocks if block.num_examples)
    self._seed = seed
    if len(self._blocks) == 1:  # It stays in memory.
      block, = self._blocks
      self._blocks = (
          dataclasses.replace(block, read=functools.cache(block.read)),)

  def examples(self, start: int) -> Iterator[Columns]:
    """The examples from position `start` on, without end.

    Yields:
      A block, or what is left of one, at a time: its columns, and `seed`
      [examples] int64.

    Raises:
      RunError: a block has another number of examples than it should.
    """
    epoch, offset = divmod(start, self.num_examples)
    while True:
      first = 0
      for number in self._order(epoch):
        block = self._blocks[number]
        skipped = max(offset - first, 0)
        if skipped < block.num_examples:
          yield self._shuffled(epoch, number, first, skipped)
        first += block.num_examples
      epoch, offset = epoch + 1, 0

  def _order(self, epoch: int) -> list[int]:
    """The blocks of an epoch; none comes twice in a row, if there are three."""
    order = self._permutation(epoch)
    if epoch and len(order) > 2:
      if order[0] == self._permutation(epoch - 1)[-1]:
        order[:2] = order[1::-1]
    return order

  def _permutation(self, epoch: int) -> list[int]:
    drawn = self._seed.child('order', epoch).bits(len(self._blocks))
    return np.argsort(drawn, kind='stable').tolist()

  def _shuffled(self, epoch: int, number: int, first: int, skipped: int
                ) -> Columns:
    """Block `number`, whose first example has place `first` in the epoch."""
    block = self._blocks[number]
    columns = dict(block.read())
    copies = columns.pop(COPIES, None)
    if copies is None:
      copies = np.ones(len(next(iter(columns.values()))), np.int64)
    if copies.sum() != block.num_examples:
      raise errors.RunError(
          f'`{block.name}` should have {block.num_examples:,} examples, but '
          f'has {copies.sum():,}; it changed since they were counted.')
    drawn = self._seed.child('block', epoch, number).bits(len(copies))
    order = spaced_order(copies, drawn)[skipped:]
    places = self._seed.child('examples', epoch).bits(
        len(order), first + skipped)
    return {**{name: values[order] for name, values in columns.items()},
            SEED: places.view(np.int64)}


def spaced_order(copies: np.ndarray, drawn: np.ndarray) -> np.ndarray:
  """A random order of records in which copies of one lie far apart.

  Record r with c copies and its own uniform u in [0, 1) has them at the places
  (u + 0) / c, …, (u + c - 1) / c of a line, along which the order goes. Where
  no record has a second copy, every order is as likely as any other.

  Args:
    copies: [records] int64, not negative.
    drawn: [records] uint64, random bits.

  Returns:
    [copies.sum()] int64: indices of records.
  """
  uniform = (drawn >> np.uint64(11)) * 2.0**-53
  record = np.repeat(np.arange(len(copies)), copies)
  ends = np.cumsum(copies)
  copy = np.arange(len(record)) - np.repeat(ends - copies, copies)
  place = (uniform[record] + copy) / copies[record]
  return record[np.argsort(place, kind='stable')]
