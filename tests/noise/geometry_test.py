"""Moves of pixels against TensorFlow's own op, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf

from ns.noise import geometry

HEIGHT, WIDTH = 23, 31


def stock(images, matrices, fill):
  """`ImageProjectiveTransformV3`, whose matrices have two zeros more."""
  return tf.raw_ops.ImageProjectiveTransformV3(
      images=images, transforms=np.pad(matrices, [(0, 0), (0, 2)]),
      output_shape=[HEIGHT, WIDTH], fill_value=float(fill),
      interpolation='NEAREST', fill_mode='CONSTANT')


def pictures(count, channels=3):
  rng = np.random.default_rng(count)
  return rng.integers(
      0, 256, (count, HEIGHT, WIDTH, channels)).astype(np.uint8)


def around_halves():
  """Translations to, just before and just after every half pixel."""
  halves = np.arange(-33, 34, 0.5, np.float32)
  pixels = np.concatenate([
      halves, np.nextafter(halves, np.float32(-99)),
      np.nextafter(halves, np.float32(99)), halves * 1e6])
  matrices = np.tile(np.float32([1, 0, 0, 0, 1, 0]), (2 * len(pixels), 1))
  matrices[:len(pixels), 2] = pixels
  matrices[len(pixels):, 5] = pixels
  return matrices


def at_random(count=300):
  rng = np.random.default_rng(0)
  matrices = rng.normal(0, 1, (count, 6)).astype(np.float32)
  matrices[:, [2, 5]] *= 20
  # Quarters and halves: places that lie between two pixels.
  matrices[::2] = np.round(matrices[::2] * 4) / 4
  return matrices


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('matrices', [around_halves(), at_random()],
                         ids=['halves', 'random'])
def test_equals_tensorflows_op(matrices, channels):
  images = pictures(len(matrices), channels)
  expected = stock(images, matrices, 77)
  result = geometry.transform(images, tf.constant(matrices), 77)
  np.testing.assert_array_equal(result, expected)
  for compiled in (tf.function(geometry.transform),
                   tf.function(geometry.transform, jit_compile=True)):
    np.testing.assert_array_equal(
        compiled(tf.constant(images), tf.constant(matrices), 77), expected)


@pytest.mark.parametrize('zeros', ['b', 'd', 'bd'])
def test_zeros_are_left_out(zeros):
  matrices = at_random()
  for name in zeros:
    matrices[:, 'abcdef'.index(name)] = 0
  images = pictures(len(matrices))
  np.testing.assert_array_equal(
      geometry.transform(images, tf.constant(matrices), zeros=zeros),
      stock(images, matrices, 128))


def test_a_turn_of_a_sine_is_that_of_its_angle():
  degrees = np.float32([0, 13, -40, 90, 171])
  radians = np.float64(degrees * np.float32(np.pi / 180))
  turned = geometry.turn(
      tf.constant(np.sin(radians), tf.float32),
      tf.constant(np.cos(radians), tf.float32), HEIGHT, WIDTH)
  np.testing.assert_array_equal(
      turned, geometry.rotation(tf.constant(degrees), HEIGHT, WIDTH))


def test_the_middle_stays():
  sine, cosine = np.float32(0.6), np.float32(0.8)
  x, y = geometry.middle_stays(sine, cosine, 11, 21)
  # The middle is (10, 5): 0.8 * 10 - 0.6 * 5 + x = 10, 0.6 * 10 + 0.8 * 5 + y.
  assert [float(x), float(y)] == pytest.approx([5, -5])
