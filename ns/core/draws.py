"""Random numbers as tensors, computed from seeds and nothing else.

The generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom
Number Generators, OOPSLA 2014): output i of seed s is mix(s + (i + 1) * gamma).
An output depends on its seed and its number only. So the draws of an example do
not depend on its place in the batch, on the batch's size or on the replica, a
whole batch is drawn by one vectorised expression, and XLA gives the same
numbers.

A seed gives a seed to each of its members (`members`), which may have members
in turn, and random numbers (`uniform`). One seed serves one of the two.
Seeds are held as int64, with the bits of the unsigned number.
"""

import tensorflow as tf

_GAMMA = 0x9E3779B97F4A7C15
_MULTIPLY_1 = 0xBF58476D1CE4E5B9
_MULTIPLY_2 = 0x94D049BB133111EB


def _mix(state: tf.Tensor) -> tf.Tensor:
  shift = lambda x, bits: tf.bitwise.right_shift(x, tf.constant(bits, x.dtype))
  state = (state ^ shift(state, 30)) * tf.constant(_MULTIPLY_1, tf.uint64)
  state = (state ^ shift(state, 27)) * tf.constant(_MULTIPLY_2, tf.uint64)
  return state ^ shift(state, 31)


def bits(seeds: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
  """Output `number` (from 0) of each seed.

  Args:
    seeds: any shape, int64.
    number: int64, broadcast against `seeds`.

  Returns:
    [...] uint64.
  """
  seeds = tf.bitcast(tf.convert_to_tensor(seeds, tf.int64), tf.uint64)
  number = tf.bitcast(tf.convert_to_tensor(number, tf.int64), tf.uint64)
  one = tf.constant(1, tf.uint64)
  return _mix(seeds + (number + one) * tf.constant(_GAMMA, tf.uint64))


def members(seed: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
  """The seeds of the members `index` of the stream with `seed`.

  Args:
    seed: [] or the shape of `index`, int64: the stream's (`Seed.int64`).
    index: any shape, int64, not negative.

  Returns:
    The shape of `index`, int64.
  """
  return tf.bitcast(bits(seed, index), tf.int64)


def uniform(seeds: tf.Tensor, count: int) -> tf.Tensor:
  """`count` numbers in [0, 1) for each seed.

  Args:
    seeds: [batch] int64.
    count: how many numbers for each; the first ones do not depend on it.

  Returns:
    [batch, count] float32, multiples of 2**-24.
  """
  number = tf.range(count, dtype=tf.int64)
  numbers = bits(seeds[:, tf.newaxis], number[tf.newaxis])
  top = tf.bitwise.right_shift(numbers, tf.constant(40, tf.uint64))
  # Through int32, because not every backend casts uint64 to float.
  return tf.cast(tf.cast(top, tf.int32), tf.float32) * 2.0**-24
