"""An endless shuffled stream that is a pure function of (seed, position).

Epoch e is the source's records in an order drawn from (seed, e), and its
example i carries a random seed of its own, drawn from (seed, e, i). So a stream
started at any position gives what the stream from 0 gives there: a restart
computes its position, and nothing needs to be saved.
"""

import tensorflow as tf

from ns.core import draws
from ns.core import seeds
from ns.core import types

# The members of an example's seed: what its random numbers are for.
CROP, NOISE, MIX = range(3)


def endless(records: tf.data.Dataset, num_examples: int, buffer_size: int,
            seed: seeds.Seed, start: int = 0) -> tf.data.Dataset:
  """The stream of `records` from position `start` on.

  Args:
    records: dicts, in a fixed order; encoded images rather than pixels where
      there is a choice, for the shuffle buffer holds them.
    num_examples: how many `records` has: an epoch.
    buffer_size: examples to shuffle among; the whole epoch if as many.
    seed: of the stream.
    start: examples to pass over.

  Returns:
    The records, each with `seed` [] int64.
  """
  first_epoch, offset = divmod(start, num_examples)

  def one_epoch(epoch):
    epoch_seed = draws.members(seed.int64, epoch)
    shuffled = _shuffled(records, buffer_size, epoch_seed)
    members = draws.members(epoch_seed, tf.range(num_examples, dtype=tf.int64))
    numbered = tf.data.Dataset.from_tensor_slices(members)
    return tf.data.Dataset.zip(shuffled, numbered)

  epochs = tf.data.Dataset.range(first_epoch, tf.int64.max)
  return epochs.flat_map(one_epoch).skip(offset).map(
      lambda record, member: {**record, types.SEED: member},
      num_parallel_calls=1)


def _shuffled(records: tf.data.Dataset, buffer_size: int,
              seed: tf.Tensor) -> tf.data.Dataset:
  """The records in an order that depends on `seed` [] int64 alone.

  `Dataset.shuffle` would mix in TensorFlow's global seed and keep 31 bits.
  """
  spec = records.element_spec
  leaves = tf.nest.flatten(spec)
  shuffled = tf.raw_ops.ShuffleDatasetV3(
      input_dataset=tf.data.experimental.to_variant(records),
      buffer_size=buffer_size, seed=draws.members(seed, 0),
      seed2=draws.members(seed, 1), reshuffle_each_iteration=False,
      seed_generator=tf.raw_ops.DummySeedGenerator(),
      output_types=[leaf.dtype for leaf in leaves],
      output_shapes=[leaf.shape for leaf in leaves])
  return tf.data.experimental.from_variant(shuffled, spec)
