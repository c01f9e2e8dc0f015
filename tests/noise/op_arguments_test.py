"""Every operation's numbers at every magnitude, by the reference's table."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ns.noise import op_arguments
from ns.noise import op_names

MAGNITUDES = tuple(n / 2 for n in range(61))
HEIGHT, WIDTH = 20, 31


def arguments(overflow='wrap'):
  return op_arguments.OpArguments(
      cutout_size=40, translate_size=100, overflow=overflow)


def by_the_table(op, magnitude):
  """As the reference computes it, in the order of its operations."""
  level = magnitude / 10.0
  return {
      'Rotate': level * 30.0,
      'Posterize': max(int(level * 4), 1) if level * 4 < 9 else 1,
      'Solarize': int(level * 256) % 256,
      'SolarizeAdd': int(level * 110),
      'Color': level * 1.8 + 0.1,
      'Contrast': level * 1.8 + 0.1,
      'Brightness': level * 1.8 + 0.1,
      'Sharpness': level * 1.8 + 0.1,
      'ShearX': level * 0.3,
      'ShearY': level * 0.3,
      'TranslateX': level * 100,
      'TranslateY': level * 100,
      'Cutout': 2 * int(level * 40),
  }.get(op, 0)


@pytest.mark.parametrize('op', op_names.NAMES)
def test_argument_at_every_magnitude(op):
  for magnitude in MAGNITUDES:
    assert arguments().unsigned(op, magnitude) == by_the_table(op, magnitude)


def test_clamped_arguments_stop_at_the_ends_of_their_range():
  for magnitude in MAGNITUDES:
    clamp = arguments('clamp')
    assert clamp.unsigned('Solarize', magnitude) == min(
        int(magnitude / 10 * 256), 256)
    assert clamp.unsigned('Posterize', magnitude) == min(
        max(int(magnitude / 10 * 4), 1), 8)


def test_table_has_the_argument_rounded_once_or_the_sine_and_cosine():
  rows = tuple((op, m) for op in op_names.NAMES for m in MAGNITUDES)
  table = op_arguments.table(arguments(), rows)
  assert table.shape == (len(rows), 2) and table.dtype == np.float32
  for (op, magnitude), numbers in zip(rows, table):
    if op == 'Rotate':
      angle = math.radians(3 * magnitude)
      expected = math.sin(angle), math.cos(angle)
      # The angle is rounded to float32 before: up to 1.57 * 2**-24.
      np.testing.assert_allclose(numbers, expected, atol=3e-7)
    else:
      assert tuple(numbers) == (np.float32(by_the_table(op, magnitude)), 0)


def expected_numbers(op, argument, sign, row, column):
  """What `distort` says that an operation takes."""
  signed = np.float32(argument) * sign
  match op:
    case 'ShearX':
      return 1, signed, 0, 0, 1, 0
    case 'ShearY':
      return 1, 0, 0, signed, 1, 0
    case 'TranslateX':
      return 1, 0, signed, 0, 1, 0
    case 'TranslateY':
      return 1, 0, 0, 0, 1, signed
    case 'Cutout':
      return argument, row, column, 0, 0, 0
    case 'Rotate':
      angle = math.radians(argument) * sign
      sine, cosine = math.sin(angle), math.cos(angle)
      right, bottom = WIDTH - 1, HEIGHT - 1
      return (cosine, -sine, (right - cosine * right + sine * bottom) / 2,
              sine, cosine, (bottom - sine * right - cosine * bottom) / 2)
  return argument, 0, 0, 0, 0, 0


@pytest.mark.parametrize('op', op_names.NAMES)
def test_assembled_numbers_at_every_magnitude_and_sign(op):
  place = op_names.NAMES.index(op)
  count = len(MAGNITUDES)
  table = op_arguments.table(arguments(), tuple((op, m) for m in MAGNITUDES))
  sign = np.stack([np.ones(count), -np.ones(count)], 1).astype(np.float32)
  row = np.linspace(0, 0.9, count, dtype=np.float32)[:, None] * [1, 0.5]
  row = row.astype(np.float32)
  numbers = [
      np.full([count, 2], place, np.int32), np.stack([table, table], 1), sign,
      row, row / 2]
  for compiled in (op_arguments.assemble,
                   tf.function(op_arguments.assemble),
                   tf.function(op_arguments.assemble, jit_compile=True)):
    taken = compiled(*map(tf.constant, numbers), HEIGHT, WIDTH).numpy()
    assert taken.shape == (count, 2, 6)
    for at, layer in np.ndindex(count, 2):
      expected = np.float32(expected_numbers(
          op, by_the_table(op, MAGNITUDES[at]), sign[at, layer], row[at, layer],
          row[at, layer] / 2))
      if op == 'Rotate':
        np.testing.assert_allclose(taken[at, layer], expected, atol=2e-5)
      else:
        np.testing.assert_array_equal(taken[at, layer], expected)


def test_nothing_takes_nothing():
  zeros = tf.zeros([3, 2])
  taken = op_arguments.assemble(
      tf.fill([3, 2], -1), tf.ones([3, 2, 2]), zeros + 1, zeros + 1, zeros + 1,
      HEIGHT, WIDTH)
  np.testing.assert_array_equal(taken, tf.zeros([3, 2, 6]))
