"""PNG files that PIL and TensorFlow read back without loss."""

import io

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from ns.images import decode
from ns.images import encode


@pytest.mark.parametrize('shape', [
    (8, 8, 1), (8, 8, 3), (1, 1, 1), (1, 300, 3), (5, 7, 1)])
def test_a_round_trip_loses_nothing(shape):
  pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
  data = encode.png(pixels)
  np.testing.assert_array_equal(decode.decode(tf.constant(data)), pixels)
  image = Image.open(io.BytesIO(data))
  assert image.format == 'PNG'
  assert image.mode == ('L' if shape[2] == 1 else 'RGB')
  np.testing.assert_array_equal(np.asarray(image).reshape(shape), pixels)


def test_equal_pixels_are_equal_bytes():
  pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
  # Also from a view with other strides.
  view = np.repeat(pixels, 2, 1)[:, ::2]
  assert encode.png(pixels) == encode.png(pixels.copy()) == encode.png(view)


@pytest.mark.parametrize('shape, dtype', [
    ((8, 8), np.uint8), ((8, 8, 4), np.uint8), ((2, 8, 8, 1), np.uint8),
    ((8, 8, 0), np.uint8), ((8, 8, 1), np.float32), ((8, 8, 3), np.int64)])
def test_another_shape_or_dtype(shape, dtype):
  with pytest.raises(ValueError) as raised:
    encode.png(np.zeros(shape, dtype))
  assert str(raised.value) == (
      '`pixels` should be [height, width, 1 or 3] uint8, but is '
      f'{list(shape)} {np.dtype(dtype).name}.')
