"""Bytes that PIL wrote, read back as pixels."""

import io

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from ns.images import decode


def noise(*shape):
  return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def encoded(image, kind, **kwargs):
  buffer = io.BytesIO()
  image.save(buffer, kind, **kwargs)
  return tf.constant(buffer.getvalue())


@pytest.mark.parametrize('channels', [0, 1])
def test_a_grey_png(channels):
  pixels = noise(5, 7)
  result = decode.decode(encoded(Image.fromarray(pixels), 'PNG'), channels)
  assert result.dtype == tf.uint8
  np.testing.assert_array_equal(result, pixels[..., np.newaxis])


def test_a_grey_png_in_colour():
  pixels = noise(5, 7)
  result = decode.decode(encoded(Image.fromarray(pixels), 'PNG'), 3)
  np.testing.assert_array_equal(result, np.stack([pixels] * 3, -1))


@pytest.mark.parametrize('channels', [0, 3])
def test_a_colour_png(channels):
  pixels = noise(5, 7, 3)
  result = decode.decode(encoded(Image.fromarray(pixels), 'PNG'), channels)
  np.testing.assert_array_equal(result, pixels)


def test_a_palette_is_looked_up():
  image = Image.fromarray(noise(5, 7, 3)).quantize(4)
  np.testing.assert_array_equal(
      decode.decode(encoded(image, 'PNG')), image.convert('RGB'))


@pytest.mark.parametrize('channels', [1, 3])
def test_a_jpeg_is_near_what_pil_decodes(channels):
  ramp = np.add.outer(np.arange(16), np.arange(24)) * 6
  pixels = np.stack([ramp, 230 - ramp, ramp // 2], -1).astype(np.uint8)
  pixels = pixels[..., 0] if channels == 1 else pixels
  jpeg = encoded(Image.fromarray(pixels), 'JPEG', quality=95, subsampling=0)
  result = decode.decode(jpeg).numpy()
  assert result.shape == (16, 24, channels)
  expected = np.asarray(Image.open(io.BytesIO(jpeg.numpy())))
  # TensorFlow takes libjpeg's fast transform, PIL the accurate one.
  assert abs(result.astype(int) - expected.reshape(result.shape)).max() <= 4
  assert abs(result.astype(int) - pixels.reshape(result.shape)).max() <= 8


def test_pixels_pass_through():
  pixels = tf.constant(noise(5, 7, 1))
  assert decode.decode(pixels) is pixels
  assert decode.decode(pixels, 1) is pixels


def test_in_tf_data_the_rank_is_known():
  images = [Image.fromarray(noise(side, 4, 3)) for side in (2, 3)]
  rows = tf.data.Dataset.from_tensor_slices(
      [encoded(image, 'PNG') for image in images])
  dataset = rows.map(decode.decode)
  assert dataset.element_spec == tf.TensorSpec([None, None, None], tf.uint8)
  for image, pixels in zip(images, dataset, strict=True):
    np.testing.assert_array_equal(pixels, image)


@pytest.mark.parametrize('cut, sentence', [
    (slice(0, 0), 'Input is empty'),
    (slice(1, None), 'Unknown image file format'),
    (slice(0, 60), 'Invalid PNG data'),
])
def test_what_is_no_image(cut, sentence):
  png = encoded(Image.fromarray(noise(5, 7, 3)), 'PNG').numpy()
  with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
    decode.decode(tf.constant(png[cut]))
