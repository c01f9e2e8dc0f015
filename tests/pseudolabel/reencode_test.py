import io

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from ns.core import errors
from ns.images import decode
from ns.pseudolabel import reencode


def picture(height, width, channels=3, seed=0):
  """A smooth picture, [height, width, channels] uint8."""
  generator = np.random.default_rng(seed)
  small = generator.integers(0, 256, (4, 4, channels), dtype=np.uint8)
  image = Image.fromarray(small if channels == 3 else small[..., 0])
  pixels = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
  return pixels.reshape(height, width, channels)


def encoded(pixels, kind='PNG'):
  buffer = io.BytesIO()
  Image.fromarray(pixels).save(buffer, format=kind)
  return buffer.getvalue()


def opened(data):
  return Image.open(io.BytesIO(data))


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('as_bytes', [True, False])
def test_jpeg_is_near_and_png_is_equal(channels, as_bytes):
  pixels = picture(20, 30, channels)
  plain = pixels if channels == 3 else pixels[..., 0]
  image = encoded(plain) if as_bytes else pixels
  jpeg = opened(reencode.Reencode().apply(image, 'k'))
  assert (jpeg.format, jpeg.size) == ('JPEG', (30, 20))
  assert np.abs(np.asarray(jpeg).astype(int) - plain).max() < 25
  png = opened(reencode.Reencode(format='png').apply(image, 'k'))
  assert png.format == 'PNG'
  np.testing.assert_array_equal(np.asarray(png), plain)


def test_quality_and_bytes_that_are_the_same_again():
  pixels = picture(64, 64)
  sizes = [len(reencode.Reencode(quality=quality).apply(pixels, 'k'))
           for quality in (10, 50, 95)]
  assert sizes == sorted(set(sizes))
  assert reencode.Reencode().apply(pixels, 'a') == reencode.Reencode().apply(
      pixels, 'b')


@pytest.mark.parametrize('size, expected', [
    (10, (20, 10)), (20, (40, 20)), (50, (40, 20)), (None, (40, 20)),
    (1, (2, 1))])
def test_the_shorter_side_gets_smaller_only(size, expected):
  data = reencode.Reencode(format='png', size=size).apply(picture(20, 40), 'k')
  assert opened(data).size == expected
  if expected == (20, 10):
    np.testing.assert_array_equal(np.asarray(opened(data)), np.asarray(
        Image.fromarray(picture(20, 40)).resize(
            (20, 10), Image.Resampling.BICUBIC)))


@pytest.mark.parametrize('mode', ['RGBA', 'LA', 'P', '1', 'I;16', 'CMYK'])
def test_pixels_are_those_that_a_teacher_sees(mode):
  colours = picture(9, 14)
  picture_ = {
      'RGBA': lambda: Image.fromarray(
          np.dstack([colours, picture(9, 14, 1, seed=1)])),
      'LA': lambda: Image.fromarray(colours[..., :2].copy(), 'LA'),
      'P': lambda: Image.fromarray(colours).quantize(16),
      '1': lambda: Image.fromarray(colours[..., 0] > 128),
      'I;16': lambda: Image.fromarray(colours[..., 0].astype(np.uint16) * 250),
      'CMYK': lambda: Image.fromarray(colours).convert('CMYK')}[mode]()
  assert picture_.mode == mode
  buffer = io.BytesIO()
  picture_.save(buffer, format='JPEG' if mode == 'CMYK' else 'PNG')
  data = buffer.getvalue()
  again = reencode.Reencode(format='png').apply(data, 'k')
  np.testing.assert_array_equal(decode.decode(tf.constant(again)),
                                decode.decode(tf.constant(data)))


def test_palettes_and_transparency_become_colours():
  image = Image.fromarray(picture(8, 8)).convert('P')
  buffer = io.BytesIO()
  image.save(buffer, format='GIF')
  assert opened(reencode.Reencode().apply(buffer.getvalue(), 'k')).mode == 'RGB'


@pytest.mark.parametrize('data', [b'', b'no image', None])
def test_a_broken_image_is_named(data):
  data = encoded(picture(50, 50))[:200] if data is None else data
  with pytest.raises(errors.RunError) as caught:
    reencode.Reencode().apply(data, 'pool/7')
  assert str(caught.value).startswith(
      'The image `pool/7` cannot be decoded to be encoded anew (')
  assert str(caught.value).endswith(
      '); repair it, or leave `Materialise.reencode` out.')


@pytest.mark.parametrize('arguments, sentence', [
    ({'format': 'webp'},
     "`Reencode.format` should be one of 'jpeg', 'png', but is 'webp'."),
    ({'quality': 0},
     '`Reencode.quality` should be a whole number of at least 1, but is 0.'),
    ({'quality': 96}, '`Reencode.quality` should be at most 95, but is 96.'),
    ({'size': 0},
     '`Reencode.size` should be a whole number of at least 1, but is 0.')])
def test_constructor_errors(arguments, sentence):
  with pytest.raises(ValueError) as caught:
    reencode.Reencode(**arguments)
  assert str(caught.value) == sentence
