"""Every operation against plain numpy loops, PIL and itself elsewhere."""

import numpy as np
from PIL import Image
from PIL import ImageEnhance
from PIL import ImageOps
import pytest
import tensorflow as tf

from ns.noise import image_ops
from tests.noise import by_hand

MAGNITUDES = (0, 3, 7.5, 10, 15, 24, 30)
FACTORS = [0.18 * m + 0.1 for m in MAGNITUDES] + [0.0, 1.0]
SIGNED = [sign * m for m in MAGNITUDES for sign in (1, -1)]
ARGUMENTS = {
    'brightness': FACTORS,
    'contrast': FACTORS,
    'color': FACTORS,
    'sharpness': FACTORS,
    'solarize': [0, 1, 76, 128, 255, 256],
    'solarize_add': [0, 33, 110, 128, 165, 330],
    'posterize': [1, 2, 3, 4, 6, 8],
    'rotate': [3.0 * m for m in SIGNED],
    'shear_x': [0.03 * m for m in SIGNED],
    'shear_y': [0.03 * m for m in SIGNED],
    'translate_x': [0.4 * m for m in SIGNED],
    'translate_y': [0.4 * m for m in SIGNED],
}
PLAIN = ('autocontrast', 'equalize', 'invert')
GEOMETRIC = ('rotate', 'shear_x', 'shear_y', 'translate_x', 'translate_y')
CHANNELS = (1, 3)
CASES = [
    pytest.param(name, channels, ARGUMENTS.get(name), id=f'{name}-{channels}')
    for channels in CHANNELS for name in (*PLAIN, *ARGUMENTS)]


def pictures(count, channels, height=18, width=23, seed=0):
  """Images with structure: gradients between two values, noise, one flat."""
  rng = np.random.default_rng(seed)
  low = rng.integers(0, 128, (count, 1, 1, channels))
  high = rng.integers(128, 256, (count, 1, 1, channels))
  slope = np.linspace(0, 1, width)[:, np.newaxis]
  share = 0.7 * slope + 0.3 * rng.random((count, height, width, channels))
  images = (low + share * (high - low)).astype(np.uint8)
  images[-1] = 100
  return images


def inputs(channels, arguments):
  """A batch with every argument on several images, as tensors."""
  images = pictures(3 * len(arguments or [0]), channels)
  if arguments is None:
    return (tf.constant(images),)
  dtype = np.float32 if isinstance(arguments[0], float) else np.int32
  return tf.constant(images), tf.constant(np.tile(arguments, 3).astype(dtype))


@pytest.mark.parametrize('name, channels, arguments', CASES)
def test_equals_plain_loops(name, channels, arguments):
  tensors = inputs(channels, arguments)
  result = getattr(image_ops, name)(*tensors)
  assert result.dtype == tf.uint8
  rows = list(zip(*(t.numpy() for t in tensors)))
  expected = np.stack([getattr(by_hand, name)(*row) for row in rows])
  np.testing.assert_array_equal(result, expected)
  if name != 'color' or channels == 3:
    assert (expected != tensors[0].numpy()).any()


@pytest.mark.parametrize('name, channels, arguments', CASES)
def test_same_in_tf_data_with_and_without_static_shape(
    name, channels, arguments):
  tensors = inputs(channels, arguments)
  operation = getattr(image_ops, name)
  expected = operation(*tensors).numpy()
  rows = tf.data.Dataset.from_tensor_slices(tensors)
  whole, = rows.batch(len(expected)).map(operation)
  np.testing.assert_array_equal(whole, expected)
  batches = [part.numpy() for part in rows.batch(4).map(operation)]
  np.testing.assert_array_equal(np.concatenate(batches), expected)
  # Where shapes are known, TensorFlow rewrites more of a graph.
  np.testing.assert_array_equal(tf.function(operation)(*tensors), expected)
  unknown = [tf.TensorSpec([None, None, None, channels], tf.uint8),
             tf.TensorSpec([None], tensors[-1].dtype)][:len(tensors)]
  np.testing.assert_array_equal(
      tf.function(operation, input_signature=unknown)(*tensors), expected)


@pytest.mark.parametrize('name, channels, arguments', CASES)
def test_same_under_xla(name, channels, arguments):
  tensors = inputs(channels, arguments)
  operation = getattr(image_ops, name)
  compiled = tf.function(operation, jit_compile=True)
  np.testing.assert_array_equal(compiled(*tensors), operation(*tensors))


@pytest.mark.parametrize('channels', CHANNELS)
@pytest.mark.parametrize('count', [0, 1])
def test_a_batch_may_be_empty_or_of_one(count, channels):
  for name in PLAIN + tuple(ARGUMENTS):
    tensors = [t[:count] for t in inputs(channels, ARGUMENTS.get(name))]
    result = getattr(image_ops, name)(*tensors)
    assert result.shape == tensors[0].shape


@pytest.mark.parametrize('name, channels, arguments', CASES)
def test_one_image_is_as_in_a_batch(name, channels, arguments):
  tensors = inputs(channels, arguments)
  operation = getattr(image_ops, name)
  for number, expected in enumerate(operation(*tensors).numpy()):
    alone = operation(*(t[number] for t in tensors))
    np.testing.assert_array_equal(alone, expected)


def test_cutout_of_one_image_is_as_in_a_batch():
  images = tf.constant(pictures(2, 3))
  numbers = [0.3, 0.9], [0.6, 0.1], [5, 8]
  batch = image_ops.cutout(images, *map(tf.constant, numbers), fill=7)
  for number, expected in enumerate(batch.numpy()):
    alone = image_ops.cutout(
        images[number], *(n[number] for n in numbers), fill=7)
    np.testing.assert_array_equal(alone, expected)


# Against PIL, where it defines the operation alike.


def as_pil(image):
  return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


def from_pil(image, channels):
  return np.asarray(image).reshape(image.height, image.width, channels)


@pytest.mark.parametrize('channels', CHANNELS)
@pytest.mark.parametrize('name, arguments, pil', [
    ('invert', None, ImageOps.invert),
    ('equalize', None, ImageOps.equalize),
    ('solarize', ARGUMENTS['solarize'], ImageOps.solarize),
    ('posterize', ARGUMENTS['posterize'], ImageOps.posterize),
    ('brightness', ARGUMENTS['brightness'],
     lambda image, factor: ImageEnhance.Brightness(image).enhance(factor)),
    ('translate_x', [-3.0, 0.0, 2.0, 30.0],
     lambda image, pixels: image.transform(
         image.size, Image.Transform.AFFINE, (1, 0, pixels, 0, 1, 0),
         fillcolor=(128,) * len(image.getbands()))),
    ('translate_y', [-3.0, 0.0, 2.0, 30.0],
     lambda image, pixels: image.transform(
         image.size, Image.Transform.AFFINE, (1, 0, 0, 0, 1, pixels),
         fillcolor=(128,) * len(image.getbands()))),
])
def test_equals_pil(name, arguments, pil, channels):
  tensors = inputs(channels, arguments)
  result = getattr(image_ops, name)(*tensors).numpy()
  for number, (image, *argument) in enumerate(zip(
      *(t.numpy() for t in tensors))):
    expected = pil(as_pil(image), *(a.item() for a in argument))
    np.testing.assert_array_equal(result[number], from_pil(expected, channels))


@pytest.mark.parametrize('channels', CHANNELS)
def test_correct_contrast_equals_pil(channels):
  images, factors = inputs(channels, FACTORS)
  result = image_ops.contrast(images, factors, kind='correct')
  for image, factor, changed in zip(
      images.numpy(), factors.numpy(), result.numpy()):
    expected = ImageEnhance.Contrast(as_pil(image)).enhance(factor.item())
    np.testing.assert_array_equal(changed, from_pil(expected, channels))
  compiled = tf.function(image_ops.contrast, jit_compile=True)
  np.testing.assert_array_equal(
      compiled(images, factors, kind='correct'), result)
  assert (result != image_ops.contrast(images, factors)).numpy().any()


def test_mean_of_correct_contrast_is_rounded_half_up():
  # 100.5 comes to 101, 100.25 to 100.
  for values, grey in (([100, 101], 101), ([100, 100, 100, 101], 100)):
    image = tf.reshape(tf.constant(values, tf.uint8), [1, -1, 1])
    result = image_ops.contrast(image, 0.0, kind='correct').numpy()
    assert set(result.ravel()) == {grey}


def test_equalize_equals_pil_where_levels_are_many():
  images = pictures(4, 1, height=60, width=60)
  result = image_ops.equalize(tf.constant(images)).numpy()
  for image, equalized in zip(images, result):
    expected = from_pil(ImageOps.equalize(as_pil(image)), 1)
    np.testing.assert_array_equal(equalized, expected)
  assert (result[:3] != images[:3]).any()  # the last is flat and stays


def test_autocontrast_is_within_one_of_pil():
  # PIL rounds a product in double precision, the reference one in single.
  images = pictures(8, 3, height=40, width=40)
  result = image_ops.autocontrast(tf.constant(images)).numpy().astype(int)
  for image, stretched in zip(images, result):
    expected = np.asarray(ImageOps.autocontrast(as_pil(image))).astype(int)
    assert abs(stretched - expected).max() <= 1


def test_right_angles_are_turns():
  images = pictures(4, 3, height=9, width=9)
  for degrees, turns in ((90.0, 1), (-90.0, -1), (180.0, 2)):
    result = image_ops.rotate(tf.constant(images), tf.fill([4], degrees))
    np.testing.assert_array_equal(result, np.rot90(images, turns, (1, 2)))


# What is particular to the reference.


def test_grey_of_contrast_is_the_number_of_pixels_over_256():
  # 28 * 28 / 256 = 3.06; 300 * 300 / 256 = 351.6, clipped.
  for side, grey in ((28, 3), (300, 255)):
    image = tf.fill([1, side, side, 1], tf.constant(77, tf.uint8))
    result = image_ops.contrast(image, tf.constant([0.0])).numpy()
    assert set(result.ravel()) == {grey}


@pytest.mark.parametrize('mode', ['plain', 'xla'])
def test_grey_of_color_is_tensorflows(mode):
  # Every 3rd level of red and green with every level of blue.
  red, green, blue = np.meshgrid(
      np.arange(0, 256, 3), np.arange(0, 256, 3), np.arange(256))
  images = np.stack([red, green, blue], -1).astype(np.uint8)
  grey = tf.function(image_ops.color, jit_compile=mode == 'xla')(
      images, tf.zeros(len(images)))
  expected = tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(images))
  np.testing.assert_array_equal(grey, expected)


@pytest.mark.parametrize('channels', CHANNELS)
def test_cutout_equals_plain_loops(channels):
  rng = np.random.default_rng(0)
  images = pictures(40, channels)
  row, column = rng.random((2, 40), np.float32)
  size = rng.integers(0, 15, 40).astype(np.int32)
  arguments = [tf.constant(v) for v in (images, row, column, size)]
  expected = np.stack([
      by_hand.cutout(image, int(y * 18), int(x * 23), side, 9)
      for image, y, x, side in zip(images, row, column, size)])
  for jit_compile in (False, True):
    cut = tf.function(image_ops.cutout, jit_compile=jit_compile)
    np.testing.assert_array_equal(cut(*arguments, fill=9), expected)
  assert (expected == images).all((1, 2, 3)).sum() == (size == 0).sum()


@pytest.mark.parametrize('name', GEOMETRIC)
def test_fill_comes_in_from_outside(name):
  images = tf.constant(pictures(4, 3))
  argument = tf.fill([4], 50.0 if name != 'rotate' else 45.0)
  operation = getattr(image_ops, name)
  black, white = (operation(images, argument, fill=v) for v in (0, 255))
  outside = black.numpy() != white.numpy()
  assert outside.any()
  assert set(black.numpy()[outside]) == {0}
  assert set(white.numpy()[outside]) == {255}


def test_color_of_two_channels_is_an_error():
  with pytest.raises(ValueError) as raised:
    image_ops.color(tf.zeros([4, 5, 6, 2], tf.uint8), tf.ones(4))
  assert str(raised.value) == (
      '`images` should have 1 or 3 channels for Color, but is of shape '
      '(4, 5, 6, 2); leave Color out of `RandAugment.ops`.')
