"""One lane of a stream: endless examples, each a function of seed and position.

A lane is a fixed sequence of blocks, groups of records that are read into
memory together. An epoch is all blocks in an order drawn from (seed, epoch);
inside a block the records are in an order drawn from (seed, epoch, block). So
the example at any position is known without those before it: whoever starts
there reads one block. An example has a seed of its own, drawn from (seed,
epoch, place in the epoch).

A record that is used several times in an epoch (`copies`) is read once, and its
copies lie evenly spaced over its block: of n examples in the block, about n /
copies apart. Where a block comes twice in a row, from one epoch to the next,
what ended the first time is kept out of the beginning of the second, so that no
step has an image twice. That leaves its end as it was drawn, which is all that
the next time depends on.

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

  def __init__(self, blocks: Sequence[Block], seed: seeds.Seed,
               per_step: int = 1):
    """Of at least one example.

    Args:
      blocks: of the lane.
      seed: the lane's own.
      per_step: examples that are used together; an image is among them once, as
        far as a block has enough others.
    """
    self._per_step = per_step
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

  def _drawn(self, epoch: int, number: int, copies: np.ndarray) -> np.ndarray:
    drawn = self._seed.child('block', epoch, number).bits(len(copies))
    return spaced_order(copies, drawn)

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
    order = self._drawn(epoch, number, copies)
    if epoch and not first and number == self._order(epoch - 1)[-1]:
      order = begun_with_others(
          order, self._drawn(epoch - 1, number, copies), self._per_step - 1)
    order = order[skipped:]
    places = self._seed.child('examples', epoch).bits(
        len(order), first + skipped)
    return {**{name: values[order] for name, values in columns.items()},
            SEED: places.view(np.int64)}


def begun_with_others(order: np.ndarray, before: np.ndarray, count: int
                      ) -> np.ndarray:
  """An order whose beginning has none of what ended the order before.

  A record that would is exchanged with one between the beginning and the end.

  Args:
    order: [examples] int64, indices of records.
    before: [examples] int64, the order that it follows.
    count: how many make the beginning, and how many the end.

  Returns:
    [examples] int64: `order`, with what was exchanged; as it was where there is
    nothing to exchange with.
  """
  end = len(order) - count
  if not 0 < count < end:
    return order
  order, ended = order.copy(), before[-count:]

  def is_alone(place: int) -> bool:
    near = order[max(0, place - count):place + count + 1]
    return np.count_nonzero(near == order[place]) == 1

  free = count + np.flatnonzero(~np.isin(order[count:end], ended))
  for place in np.flatnonzero(np.isin(order[:count], ended)):
    for other in free:
      order[[place, other]] = order[[other, place]]
      if (is_alone(place) and is_alone(other)
          and order[place] not in ended):
        break
      order[[place, other]] = order[[other, place]]
  return order


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
