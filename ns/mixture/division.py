"""A source, or files of records, divided into the lanes and blocks of a stream.

Lane l of n has the shards l, l + n, …; where there are fewer shards than lanes
it has the rows l, l + n, … of each. Consecutive shards of a lane make a block,
as many as come to about `block_examples`; a larger one is cut.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import functools

import numpy as np

from ns.mixture import lane

# A shard, or some rows of it; how many; what reads them.
_Piece = tuple[str, int, Callable[[], lane.Columns]]


def number_of_lanes(most: int, *parts: int) -> int:
  """The largest number up to `most` that divides all `parts` of a batch."""
  return max(n for n in range(1, most + 1) if not any(p % n for p in parts))


def of_source(source, lanes: int, block_examples: int
              ) -> list[list[lane.Block]]:
  """The blocks of each lane of a source (`ns.mixture.sources`)."""
  def pieces(number) -> Iterator[_Piece]:
    divided = len(source.shards) >= lanes
    for shard in source.shards[number::lanes] if divided else source.shards:
      rows = np.arange(0 if divided else number, shard.num_examples,
                       1 if divided else lanes)
      for begin in range(0, len(rows), block_examples):
        part = rows[begin:begin + block_examples]
        yield (f'{source.name}/{shard.name}', len(part),
               functools.partial(source.columns, shard.first + part))

  return [list(_blocks(pieces(number), block_examples))
          for number in range(lanes)]


def of_files(examples: Sequence[tuple[str, int]], lanes: int,
             block_examples: int, read: Callable[[str], lane.Columns]
             ) -> list[list[lane.Block]]:
  """The blocks of each lane of files of records.

  Args:
    examples: path of each file and its examples in an epoch, counting copies;
      at least as many files as lanes.
    lanes: how many.
    block_examples: about how many examples of a lane are shuffled together.
    read: gives the records of a file, with their `copies`.
  """
  pieces = [(path, count, functools.partial(read, path))
            for path, count in examples]
  return [list(_blocks(pieces[number::lanes], block_examples))
          for number in range(lanes)]


def _blocks(pieces, block_examples: int) -> Iterator[lane.Block]:
  """Consecutive pieces as blocks."""
  group, total = [], 0
  for piece in pieces:
    if group and total + piece[1] > block_examples:
      yield _block(group, total)
      group, total = [], 0
    group.append(piece)
    total += piece[1]
  if group:
    yield _block(group, total)


def _block(group: Sequence[_Piece], total: int) -> lane.Block:
  names, _, reads = zip(*group)
  name = names[0] if len(names) == 1 else f'{names[0]} to {names[-1]}'

  def read():
    return lane.joined([each() for each in reads])

  return lane.Block(name=name, num_examples=total, read=read)
