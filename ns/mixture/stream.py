"""An endless stream of shuffled examples, a pure function of (seed, step).

A stream is a fixed number of lanes (`ns.mixture.lane`), each with shards of its
own, and in every step each lane gives as many examples, lanes in order. So what
comes in a step does not depend on the steps before it, nor on how many hosts
share the lanes, and a restart computes its position and reads one block a lane.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures

import tensorflow as tf

from ns.core import seeds
from ns.mixture import lane as lanes_lib

# The members of an example's seed: what its random numbers are for.
CROP, NOISE, MIX = range(3)


def dataset(lanes: Sequence[Sequence[lanes_lib.Block]], spec, seed: seeds.Seed,
            *, per_lane: int, first_step: int = 0,
            own: Sequence[int] | None = None) -> tf.data.Dataset:
  """The stream from step `first_step` on.

  Args:
    lanes: the blocks of each lane.
    spec: a `tf.TensorSpec` by feature of one record.
    seed: of the stream.
    per_lane: examples that a lane gives in a step.
    first_step: steps to pass over.
    own: the lanes that are wanted, those of one host; None for all.

  Returns:
    The records one by one, each with `seed` [] int64.
  """
  own = range(len(lanes)) if own is None else own

  def steps():
    own_lanes = [
        lanes_lib.Lane(lanes[number], seed.child('lane', number), per_lane)
        for number in own]
    sources = [_chunks(_ahead(lane.examples(first_step * per_lane)), per_lane)
               for lane in own_lanes]
    return map(lanes_lib.joined, zip(*sources))

  signature = {name: tf.TensorSpec((None, *part.shape), part.dtype)
               for name, part in spec.items()}
  signature[lanes_lib.SEED] = tf.TensorSpec((None,), tf.int64)
  return tf.data.Dataset.from_generator(
      steps, output_signature=signature).unbatch()


def _chunks(blocks: Iterable[lanes_lib.Columns], count: int
            ) -> Iterator[lanes_lib.Columns]:
  """The examples of all blocks, `count` at a time."""
  parts, missing = [], count
  for block in blocks:
    begin, end = 0, len(block[lanes_lib.SEED])
    while end - begin >= missing:
      parts.append({name: values[begin:begin + missing]
                    for name, values in block.items()})
      yield lanes_lib.joined(parts)
      begin, parts, missing = begin + missing, [], count
    if begin < end:
      parts.append({name: values[begin:] for name, values in block.items()})
      missing -= end - begin


def _ahead(items: Iterable) -> Iterator:
  """The items; while one is used, another thread makes the next."""
  iterator = iter(items)
  with futures.ThreadPoolExecutor(1) as executor:
    following = executor.submit(next, iterator)
    while True:
      item = following.result()  # There is always another one.
      following = executor.submit(next, iterator)
      yield item
