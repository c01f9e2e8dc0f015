"""TensorFlow 1's bicubic, computed again and by hand."""

import numpy as np
import pytest
import tensorflow as tf

from ns.images import resize
from tests.images import samples


def weight(distance):
  """Cubic convolution with a = -0.75, as in any textbook."""
  x, a = abs(distance), -0.75
  if x <= 1:
    return (a + 2) * x**3 - (a + 3) * x**2 + 1
  return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def matrix(length, size):
  """[size, length]: what each pixel gives to each place, in double."""
  result = np.zeros((size, length))
  for i in range(size):
    place = i * length / size
    first = int(np.floor(place))
    rest = np.round((place - first) * 1024) / 1024  # TensorFlow has a table.
    for k in range(-1, 3):
      result[i, np.clip(first + k, 0, length - 1)] += weight(rest - k)
  return result


@pytest.mark.parametrize('height, width, size', [
    (17, 23, 32), (40, 30, 12), (1, 1, 5), (2, 90, 7), (64, 64, 32),
    (5, 5, 5)])
@pytest.mark.parametrize('channels', [1, 3])
def test_by_matrices(height, width, size, channels):
  pixels = samples.noise(height, width, channels)
  exact = np.einsum('yi,xj,ijc->yxc', matrix(height, size),
                    matrix(width, size), pixels.astype(float))
  exact = np.clip(exact, 0, 255)
  result = resize.bicubic(tf.constant(pixels), size)
  assert result.shape == (size, size, channels) and result.dtype == tf.uint8
  # Cut off, not rounded: only a whole number may fall on either side.
  clear = abs(exact - np.round(exact)) > 1e-3
  np.testing.assert_array_equal(
      result.numpy()[clear], np.floor(exact)[clear])
  assert abs(result.numpy() - exact).max() < 1.001


def test_by_hand():
  # From 4 pixels to 2: every second one, as they stand. A kernel that widens,
  # or one between centres, would mix them.
  row = np.array([10, 20, 30, 40], np.uint8)
  pixels = np.tile(row[np.newaxis, :, np.newaxis], (4, 1, 1))
  np.testing.assert_array_equal(
      resize.bicubic(tf.constant(pixels), 2)[..., 0], [[10, 30]] * 2)
  # From 2 pixels to 4: half way, -0.09375 and 0.59375 on either side.
  pixels = np.array([[0, 100], [0, 100]], np.uint8)[..., np.newaxis]
  result = resize.bicubic(tf.constant(pixels), 4)[..., 0]
  # 50, and 100 * (0.59375 + 0.59375 - 0.09375) = 109.375.
  np.testing.assert_array_equal(result, [[0, 50, 100, 109]] * 4)


def test_overshoots_are_cut():
  pixels = np.repeat([0, 255, 0, 0, 255, 255], 6).reshape(6, 6).T
  result = resize.bicubic(
      tf.constant(pixels[..., np.newaxis].astype(np.uint8)), 64).numpy()
  raw = tf.raw_ops.ResizeBicubic(
      images=pixels[np.newaxis, ..., np.newaxis].astype(np.float32),
      size=[64, 64])[0].numpy()
  assert raw.min() < -10 and raw.max() > 265
  np.testing.assert_array_equal(result, np.clip(raw, 0, 255).astype(np.uint8))
