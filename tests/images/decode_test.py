"""Bytes that PIL wrote, read back as pixels."""

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from ns.images import decode
from tests.images import samples


def encoded(image, kind, **kwargs):
  return tf.constant(samples.encoded(image, kind, **kwargs))


@pytest.mark.parametrize('channels', [0, 1])
def test_a_grey_png(channels):
  pixels = samples.noise(5, 7)
  result = decode.decode(encoded(Image.fromarray(pixels), 'PNG'), channels)
  assert result.dtype == tf.uint8
  np.testing.assert_array_equal(result, pixels[..., np.newaxis])


def test_a_grey_png_in_colour():
  pixels = samples.noise(5, 7)
  result = decode.decode(encoded(Image.fromarray(pixels), 'PNG'), 3)
  np.testing.assert_array_equal(result, np.stack([pixels] * 3, -1))


@pytest.mark.parametrize('channels', [0, 3])
def test_a_colour_png(channels):
  pixels = samples.noise(5, 7, 3)
  result = decode.decode(encoded(Image.fromarray(pixels), 'PNG'), channels)
  np.testing.assert_array_equal(result, pixels)


def test_a_palette_is_looked_up():
  image = Image.fromarray(samples.noise(5, 7, 3)).quantize(4)
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
  expected = np.asarray(samples.opened(jpeg.numpy()))
  # TensorFlow takes libjpeg's fast transform, PIL the accurate one.
  assert abs(result.astype(int) - expected.reshape(result.shape)).max() <= 4
  assert abs(result.astype(int) - pixels.reshape(result.shape)).max() <= 8


def test_pixels_pass_through():
  pixels = tf.constant(samples.noise(5, 7, 1))
  assert decode.decode(pixels) is pixels
  assert decode.decode(pixels, 1) is pixels


def test_in_tf_data_the_rank_is_known():
  images = [Image.fromarray(samples.noise(side, 4, 3)) for side in (2, 3)]
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
  png = encoded(Image.fromarray(samples.noise(5, 7, 3)), 'PNG').numpy()
  with pytest.raises(tf.errors.InvalidArgumentError, match=sentence):
    decode.decode(tf.constant(png[cut]))

@pytest.mark.parametrize('mode', ['RGB', 'L', 'CMYK'])
@pytest.mark.parametrize('subsampling', [0, 1, 2])
@pytest.mark.parametrize('progressive', [False, True])
def test_jpegs_are_near_what_pil_decodes(mode, subsampling, progressive):
  image = samples.photograph(61, 47).convert(mode)
  jpeg = samples.encoded(image, 'JPEG', quality=92, subsampling=subsampling,
                         progressive=progressive)
  for channels, to in ((1, 'L'), (3, 'RGB')):
    result = decode.decode(tf.constant(jpeg), channels).numpy().astype(int)
    assert result.shape == (47, 61, channels)
    expected = np.asarray(samples.opened(jpeg).convert(to)).astype(int)
    error = abs(result - expected.reshape(result.shape))
    # TensorFlow takes libjpeg's fast transform, PIL the accurate one.
    assert error.max() <= 6 and error.mean() < 1.5


def test_a_cmyk_jpeg_has_the_colours_of_its_image():
  for cmyk, colour in (((0, 0, 0, 0), (255, 255, 255)),
                       ((255, 0, 0, 0), (0, 255, 255)),
                       ((0, 255, 0, 0), (255, 0, 255)),
                       ((0, 0, 0, 255), (0, 0, 0)),
                       ((0, 0, 0, 128), (127, 127, 127))):
    image = Image.new('CMYK', (16, 16), cmyk)
    result = decode.decode(
        tf.constant(samples.encoded(image, 'JPEG', quality=100)), 3)
    assert abs(result.numpy().astype(int) - colour).max() <= 3


def on_white(image):
  white = Image.new('RGB', image.size, (255, 255, 255))
  white.paste(image.convert('RGB'), mask=image.getchannel('A'))
  return white


@pytest.mark.parametrize('kind, kwargs', [
    ('PNG', {}), ('WEBP', {'lossless': True, 'exact': True})])
def test_transparency_is_shown_on_white(kind, kwargs):
  pixels = samples.noise(9, 11, 4)
  pixels[:3, :, 3], pixels[3:6, :, 3] = 0, 255
  image = Image.fromarray(pixels, 'RGBA')
  data = tf.constant(samples.encoded(image, kind, **kwargs))
  colour = decode.decode(data, 3).numpy()
  np.testing.assert_array_equal(colour, on_white(image))
  assert (colour[:3] == 255).all()  # The colours hidden there stay hidden.
  np.testing.assert_array_equal(colour[3:6], pixels[3:6, :, :3])
  np.testing.assert_array_equal(decode.decode(data), colour)
  np.testing.assert_array_equal(
      decode.decode(data, 1)[..., 0], on_white(image).convert('L'))


@pytest.mark.parametrize('fourth', [0, 255, None])
def test_the_fourth_byte_of_a_bmp_is_no_alpha(fourth):
  pixels = samples.noise(5, 7, 3)
  data = samples.bmp_of_32_bits(
      pixels, samples.noise(5, 7) if fourth is None
      else np.full((5, 7), fourth, np.uint8))
  np.testing.assert_array_equal(samples.opened(data).convert('RGB'), pixels)
  for channels in (0, 3):
    np.testing.assert_array_equal(
        decode.decode(tf.constant(data), channels), pixels)
  np.testing.assert_array_equal(
      decode.decode(tf.constant(data), 1)[..., 0],
      Image.fromarray(pixels).convert('L'))


@pytest.mark.parametrize('head', [40, 108, 124])
@pytest.mark.parametrize('colours', [2, 5, 256])
def test_the_palette_of_a_bmp(colours, head):
  palette = samples.noise(colours, 3)
  indices = np.minimum(samples.noise(9, 11), colours - 1)
  data = samples.bmp_of_palette(indices, palette, head)
  np.testing.assert_array_equal(
      samples.opened(data).convert('RGB'), palette[indices])
  for channels in (0, 3):
    np.testing.assert_array_equal(
        decode.decode(tf.constant(data), channels), palette[indices])
  np.testing.assert_array_equal(
      decode.decode(tf.constant(data), 1)[..., 0],
      Image.fromarray(palette[indices]).convert('L'))


@pytest.mark.parametrize('greys', [
    np.arange(256), np.arange(256)[::-1], np.array([7, 200, 3])])
def test_a_palette_of_greys(greys):
  indices = np.minimum(samples.noise(9, 11), len(greys) - 1)
  data = samples.bmp_of_palette(
      indices, np.repeat(greys[:, np.newaxis], 3, 1).astype(np.uint8))
  np.testing.assert_array_equal(
      samples.opened(data).convert('L'), greys[indices])
  for channels in (0, 1, 3):
    np.testing.assert_array_equal(
        decode.decode(tf.constant(data), channels),
        np.repeat(greys[indices][..., np.newaxis], channels or 1, -1))


def test_an_index_beyond_the_palette_is_black():
  indices = np.array([[0, 1, 200]], np.uint8)
  data = samples.bmp_of_palette(indices, np.full([2, 3], [5, 6, 7], np.uint8))
  expected = [[[5, 6, 7], [5, 6, 7], [0, 0, 0]]]
  np.testing.assert_array_equal(samples.opened(data).convert('RGB'), expected)
  np.testing.assert_array_equal(decode.decode(tf.constant(data)), expected)


def test_one_transparent_colour_is_shown_as_any_other():
  for pixels in (samples.noise(5, 7), samples.noise(5, 7, 3)):
    named = pixels[2, 3].tolist()
    data = samples.encoded(
        Image.fromarray(pixels), 'PNG',
        transparency=tuple(named) if pixels.ndim == 3 else named)
    assert b'tRNS' in data
    np.testing.assert_array_equal(
        decode.decode(tf.constant(data)), pixels.reshape(5, 7, -1))


def test_grey_with_transparency():
  pixels = samples.noise(9, 11, 2)
  image = Image.fromarray(pixels, 'LA')
  expected = np.asarray(on_white(image))
  data = tf.constant(samples.encoded(image, 'PNG'))
  np.testing.assert_array_equal(decode.decode(data), expected[..., :1])
  np.testing.assert_array_equal(decode.decode(data, 1), expected[..., :1])
  np.testing.assert_array_equal(decode.decode(data, 3), expected)


def test_a_transparent_palette():
  image = Image.fromarray(samples.noise(5, 7, 3)).quantize(4)
  data = samples.encoded(image, 'PNG', transparency=2)
  result = decode.decode(tf.constant(data), 3).numpy()
  expected = np.asarray(image.convert('RGB')).copy()
  hidden = np.asarray(image) == 2
  assert hidden.any()
  expected[hidden] = 255
  np.testing.assert_array_equal(result, expected)


def test_sixteen_bits_keep_the_upper_eight():
  pixels = np.random.default_rng(0).integers(0, 65536, (5, 7))
  data = samples.encoded(Image.fromarray(pixels.astype(np.uint16)), 'PNG')
  for channels in (0, 1, 3):
    result = decode.decode(tf.constant(data), channels).numpy()
    np.testing.assert_array_equal(
        result, np.repeat(pixels[..., np.newaxis] >> 8, channels or 1, -1))


@pytest.mark.parametrize('channels, mode', [(1, 'L'), (3, 'RGB')])
@pytest.mark.parametrize('kind', ['PNG', 'BMP', 'GIF', 'WEBP'])
@pytest.mark.parametrize('of', ['RGB', 'L', '1'])
def test_lossless_files_are_what_pil_reads(kind, of, channels, mode):
  if of == '1' and kind == 'BMP':
    pytest.skip('TensorFlow reads no BMP of one bit')
  image = samples.photograph(13, 9).convert(of)
  data = samples.encoded(
      image, kind, **({'lossless': True} if kind == 'WEBP' else {}))
  result = decode.decode(tf.constant(data), channels).numpy()
  expected = np.asarray(samples.opened(data).convert('RGB').convert(mode))
  np.testing.assert_array_equal(result, expected.reshape(result.shape))


def test_a_gif_gives_its_first_frame():
  frames = [samples.photograph(13, 9, seed).quantize(8) for seed in (1, 2)]
  data = samples.encoded(frames[0], 'GIF', save_all=True,
                         append_images=frames[1:])
  assert samples.opened(data).n_frames == 2
  np.testing.assert_array_equal(
      decode.decode(tf.constant(data)), frames[0].convert('RGB'))


@pytest.mark.parametrize('mode', ['RGB', 'RGBA'])
def test_a_webp_that_moves_is_no_image(mode):
  """TensorFlow writes beyond its memory, and ends sooner or later."""
  frames = [Image.fromarray(samples.noise(40, 60, 3, seed=seed)).convert(mode)
            for seed in range(4)]
  data = samples.encoded(frames[0], 'WEBP', save_all=True, lossless=True,
                         append_images=frames[1:])
  assert data[12:16] == b'VP8X' and data[20] & 2  # It says that it moves.
  for _ in range(20):
    with pytest.raises(tf.errors.InvalidArgumentError):
      decode.decode(tf.constant(data))


@pytest.mark.parametrize('length', [0, 1, 3, 12, 20, 21])
def test_bytes_that_are_too_few(length):
  with pytest.raises(tf.errors.InvalidArgumentError):
    decode.decode(tf.constant((b'RIFF\0\0\0\0WEBPVP8X' + bytes(9))[:length]))


def test_riff_that_is_no_picture():
  sound = b'RIFF' + (36).to_bytes(4, 'little') + b'WAVEfmt ' + bytes(28)
  with pytest.raises(tf.errors.InvalidArgumentError):
    decode.decode(tf.constant(sound))


def test_the_orientation_in_exif_is_not_applied():
  exif = Image.Exif()
  exif[0x0112] = 6  # A quarter turn.
  plain = samples.encoded(samples.photograph(30, 20), 'JPEG')
  turned = samples.encoded(samples.photograph(30, 20), 'JPEG', exif=exif)
  np.testing.assert_array_equal(decode.decode(tf.constant(turned)),
                                decode.decode(tf.constant(plain)))


def test_pixels_are_converted_too():
  grey, colour = samples.noise(5, 7, 1), samples.noise(5, 7, 3)
  np.testing.assert_array_equal(
      decode.decode(tf.constant(grey), 3), np.repeat(grey, 3, -1))
  np.testing.assert_array_equal(
      decode.decode(tf.constant(colour), 1)[..., 0],
      Image.fromarray(colour).convert('L'))


@pytest.mark.parametrize('mode', ['RGB', 'CMYK', 'L'])
@pytest.mark.parametrize('subsampling', [0, 1, 2])
def test_a_window_is_the_same_as_of_the_whole(mode, subsampling):
  """Also where colours are interpolated, at its left and right edge."""
  generator = np.random.default_rng(3)
  height, width = 53, 75
  jpeg = tf.constant(samples.encoded(
      Image.fromarray(samples.noise(height, width, 3)).convert(mode), 'JPEG',
      subsampling=subsampling))
  pixels = decode.decode(jpeg, 3).numpy()
  for _ in range(40):
    top, left = generator.integers(0, (height, width))
    rows = generator.integers(1, height - top + 1)
    columns = generator.integers(1, width - left + 1)
    np.testing.assert_array_equal(
        decode.decode_window(jpeg, [top, left, rows, columns], width, 3),
        pixels[top:top + rows, left:left + columns])


def test_the_shape_of_a_jpeg():
  jpeg = samples.encoded(samples.photograph(30, 20), 'JPEG')
  np.testing.assert_array_equal(decode.jpeg_shape(tf.constant(jpeg)),
                                [20, 30, 3])


def test_a_jpeg_that_claims_too_much():
  with pytest.raises(tf.errors.InvalidArgumentError) as raised:
    decode.jpeg_shape(tf.constant(samples.broken()['a JPEG of 12 GB']))
  message = str(raised.value)
  assert 'A JPEG should have at most' in message
  assert '536870912' in message and '12870750000' in message
