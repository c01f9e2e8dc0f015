"""Draws against SplitMix64 in plain Python, and where they may not differ."""

import numpy as np
import pytest
import tensorflow as tf

from ns.core import draws

MASK = 2**64 - 1
SEEDS = (0, 1, -1, 1234567, 2**63 - 1, -2**63, 0x0123456789ABCDEF)


def split_mix_64(seed, count):
  """The published generator, with its state (Vigna's splitmix64.c)."""
  state, outputs = seed & MASK, []
  for _ in range(count):
    state = state + 0x9E3779B97F4A7C15 & MASK
    z = state
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    outputs.append(z ^ z >> 31)
  return outputs


def signed(number):
  return number - 2**64 if number >= 2**63 else number


def test_published_outputs_of_seed_1234567():
  published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
  assert draws.bits(1234567, tf.range(3, dtype=tf.int64)).numpy().tolist() == (
      published)
  assert split_mix_64(1234567, 3) == published


def test_bits_equal_plain_python():
  numbers = tf.range(50, dtype=tf.int64)
  drawn = draws.bits(tf.constant(SEEDS)[:, tf.newaxis], numbers)
  assert drawn.dtype == tf.uint64
  np.testing.assert_array_equal(
      drawn, np.array([split_mix_64(s, 50) for s in SEEDS], np.uint64))


def test_members_are_the_outputs_of_the_stream():
  index = tf.constant([[0, 1], [5, 2]], tf.int64)
  for seed in SEEDS:
    outputs = [signed(o) for o in split_mix_64(seed, 6)]
    made = draws.members(seed, index)
    assert made.dtype == tf.int64
    assert made.numpy().tolist() == [[outputs[0], outputs[1]],
                                     [outputs[5], outputs[2]]]


def test_members_of_several_streams():
  made = draws.members(tf.constant(SEEDS), tf.range(7, dtype=tf.int64))
  expected = [signed(split_mix_64(s, 7)[i]) for i, s in enumerate(SEEDS)]
  assert made.numpy().tolist() == expected
  # One number for all of them, as a chain of noises gives its steps.
  made = draws.members(tf.constant(SEEDS), 3)
  assert made.numpy().tolist() == [signed(split_mix_64(s, 4)[3]) for s in SEEDS]


def test_members_far_out():
  state = 5 + (2**62 + 1) * 0x9E3779B97F4A7C15
  expected = split_mix_64(state - 0x9E3779B97F4A7C15, 1)[0]
  assert draws.members(5, 2**62).numpy() == signed(expected)


def test_uniform_is_the_top_24_bits():
  drawn = draws.uniform(tf.constant(SEEDS), 9)
  assert drawn.dtype == tf.float32
  expected = [[(o >> 40) / 2**24 for o in split_mix_64(s, 9)] for s in SEEDS]
  np.testing.assert_array_equal(drawn, np.array(expected, np.float32))


def test_first_numbers_do_not_depend_on_how_many():
  seeds = tf.constant(SEEDS)
  np.testing.assert_array_equal(
      draws.uniform(seeds, 3), draws.uniform(seeds, 10)[:, :3])
  assert draws.uniform(seeds, 0).shape == (7, 0)
  assert draws.uniform(seeds[:0], 4).shape == (0, 4)


def test_numbers_do_not_depend_on_the_place_in_the_batch():
  seeds = draws.members(8, tf.range(20, dtype=tf.int64))
  whole = draws.uniform(seeds, 4).numpy()
  np.testing.assert_array_equal(draws.uniform(seeds[::-1], 4)[::-1], whole)
  parts = [draws.uniform(seeds[i:i + 3], 4) for i in range(0, 20, 3)]
  np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize('jit_compile', [False, True])
def test_same_in_a_graph_and_under_xla(jit_compile):
  seeds = tf.constant(SEEDS)
  index = tf.range(7, dtype=tf.int64)
  compiled = lambda f: tf.function(f, jit_compile=jit_compile)
  np.testing.assert_array_equal(
      compiled(draws.bits)(seeds, index), draws.bits(seeds, index))
  np.testing.assert_array_equal(
      compiled(draws.members)(seeds, index), draws.members(seeds, index))
  np.testing.assert_array_equal(
      compiled(lambda s: draws.uniform(s, 33))(seeds),
      draws.uniform(seeds, 33))


def test_same_in_tf_data():
  seeds = tf.constant(SEEDS)
  dataset = tf.data.Dataset.from_tensor_slices(seeds).batch(4)
  mapped = list(dataset.map(lambda s: draws.uniform(s, 3)))
  np.testing.assert_array_equal(
      np.concatenate(mapped), draws.uniform(seeds, 3))


def test_uniform_is_uniform_and_independent():
  drawn = draws.uniform(
      draws.members(1, tf.range(20000, dtype=tf.int64)), 4).numpy()
  assert drawn.min() >= 0 and drawn.max() < 1
  # Chi-squared of 64 equal bins: mean 63, standard deviation 11.2.
  for numbers in drawn.T:
    counts = np.histogram(numbers, 64, (0, 1))[0]
    expected = len(drawn) / 64
    assert 20 < ((counts - expected)**2 / expected).sum() < 120
  # Between numbers of a member, and between neighbours in the stream.
  columns = np.concatenate([drawn[:-1], drawn[1:]], 1)
  correlation = np.corrcoef(columns.T) - np.eye(8)
  assert abs(correlation).max() < 5 / 20000**0.5


def test_members_of_neighbouring_streams_differ():
  index = tf.range(1000, dtype=tf.int64)
  made = np.concatenate([draws.members(s, index) for s in range(10)])
  assert len(set(made.tolist())) == 10000
