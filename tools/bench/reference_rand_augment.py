"""The reference's RandAugment, expressed anew for TensorFlow 2, to compare with.

The algorithm of `randaugment.py` in the released code of Noisy Student, one
image at a time and with stateful randomness as there: in each layer sixteen
conditionals, one for each operation, of which one applies; tables by `gather`,
histograms by `histogram_fixed_width`, geometry by a projective transform of the
image with a fourth channel that tells what came from inside. Nothing of it is
used but by the bench.
"""

import math

import tensorflow as tf

from ns.noise import op_names

_FILL = 128
_CUTOUT, _TRANSLATE = 40, 100


def rand_augment(image: tf.Tensor, layers: int, magnitude: float) -> tf.Tensor:
  """The image after `layers` operations drawn at random.

  Args:
    image: [height, width, 3] uint8, of known shape.
    layers: how many operations.
    magnitude: of all operations, from 0 to 10; what happens beyond is not
      always as released.

  Returns:
    The shape of `image`, uint8.
  """
  for _ in range(layers):
    drawn = tf.random.uniform([], 0, len(op_names.NAMES), tf.int32)
    for place, name in enumerate(op_names.NAMES):
      image = tf.cond(
          tf.equal(drawn, place),
          lambda image=image, name=name: apply(name, image, magnitude),
          lambda image=image: image)
  return image


def apply(name: str, image: tf.Tensor, magnitude: float,
          sign: tf.Tensor | None = None) -> tf.Tensor:
  """The operation `name` on one image; `sign` is drawn if it is not given."""
  level = magnitude / 10
  if name in _PLAIN:
    return _PLAIN[name](image)
  if name in _WITH_FACTOR:
    return _WITH_FACTOR[name](image, level * 1.8 + 0.1)
  if name == 'Posterize':
    shift = tf.constant(8 - int(level * 4), tf.uint8)
    return tf.bitwise.left_shift(tf.bitwise.right_shift(image, shift), shift)
  if name == 'Solarize':
    threshold = tf.constant(int(level * 256) % 256, tf.uint8)
    return tf.where(image < threshold, image, 255 - image)
  if name == 'SolarizeAdd':
    added = tf.clip_by_value(
        tf.cast(image, tf.int64) + int(level * 110), 0, 255)
    return tf.where(image < 128, tf.cast(added, tf.uint8), image)
  if name == 'Cutout':
    return _cutout(image, int(level * _CUTOUT))
  if sign is None:
    sign = tf.where(tf.random.uniform([]) < 0.5, 1.0, -1.0)
  return _moved(image, _matrix(name, level, sign, *image.shape[:2]))


def _blend(base, image, factor: float):
  base, image = tf.cast(base, tf.float32), tf.cast(image, tf.float32)
  mixed = base + factor * (image - base)
  return tf.cast(tf.clip_by_value(mixed, 0.0, 255.0), tf.uint8)


def _brightness(image, factor):
  return _blend(tf.zeros_like(image), image, factor)


def _color(image, factor):
  grey = tf.image.rgb_to_grayscale(image)
  return _blend(tf.image.grayscale_to_rgb(grey), image, factor)


def _contrast(image, factor):
  grey = tf.cast(tf.image.rgb_to_grayscale(image), tf.int32)
  counts = tf.histogram_fixed_width(grey, [0, 255], nbins=256)
  # The sum of the counts, not of the values: as released.
  mean = tf.reduce_sum(tf.cast(counts, tf.float32)) / 256.0
  even = tf.cast(tf.clip_by_value(
      tf.fill(tf.shape(grey), mean), 0.0, 255.0), tf.uint8)
  return _blend(tf.image.grayscale_to_rgb(even), image, factor)


def _sharpness(image, factor):
  kernel = tf.constant([[1, 1, 1], [1, 5, 1], [1, 1, 1]], tf.float32) / 13.0
  kernel = tf.tile(kernel[:, :, tf.newaxis, tf.newaxis], [1, 1, 3, 1])
  smooth = tf.nn.depthwise_conv2d(
      tf.cast(image, tf.float32)[tf.newaxis], kernel, strides=[1] * 4,
      padding='VALID')
  smooth = tf.cast(tf.clip_by_value(smooth, 0.0, 255.0), tf.uint8)[0]
  border = [[1, 1], [1, 1], [0, 0]]
  inner = tf.pad(tf.ones_like(smooth), border)
  smooth = tf.where(tf.equal(inner, 1), tf.pad(smooth, border), image)
  return _blend(smooth, image, factor)


def _by_channel(operation):
  return lambda image: tf.stack(
      [operation(plane) for plane in tf.unstack(image, axis=-1)], axis=-1)


def _stretched(plane):
  low = tf.cast(tf.reduce_min(plane), tf.float32)
  high = tf.cast(tf.reduce_max(plane), tf.float32)

  def stretch():
    scale = 255.0 / (high - low)
    values = tf.cast(plane, tf.float32) * scale + -low * scale
    return tf.cast(tf.clip_by_value(values, 0.0, 255.0), tf.uint8)

  return tf.cond(high > low, stretch, lambda: plane)


def _equalized(plane):
  values = tf.cast(plane, tf.int32)
  counts = tf.histogram_fixed_width(values, [0, 255], nbins=256)
  present = tf.boolean_mask(counts, counts > 0)
  step = (tf.reduce_sum(present) - present[-1]) // 255

  def spread():
    table = (tf.cumsum(counts) + step // 2) // step
    table = tf.clip_by_value(tf.concat([[0], table[:-1]], axis=0), 0, 255)
    return tf.cast(tf.gather(table, values), tf.uint8)

  return tf.cond(tf.equal(step, 0), lambda: plane, spread)


def _cutout(image, half: int):
  height, width = image.shape[:2]
  row = tf.random.uniform([], 0, height, tf.int32)
  column = tf.random.uniform([], 0, width, tf.int32)
  above = tf.maximum(0, row - half)
  below = tf.maximum(0, height - row - half)
  left = tf.maximum(0, column - half)
  right = tf.maximum(0, width - column - half)
  hole = tf.zeros([height - above - below, width - left - right], tf.int32)
  outside = tf.pad(hole, [[above, below], [left, right]], constant_values=1)
  outside = tf.tile(outside[:, :, tf.newaxis], [1, 1, 3])
  return tf.where(tf.equal(outside, 0), tf.cast(_FILL, tf.uint8), image)


def _matrix(name: str, level: float, sign, height: int, width: int):
  """The elements a to f of a projective transform."""
  if name == 'Rotate':
    angle = sign * level * 30 * (math.pi / 180)
    sine, cosine = tf.sin(angle), tf.cos(angle)
    x = ((width - 1) - (cosine * (width - 1) - sine * (height - 1))) / 2.0
    y = ((height - 1) - (sine * (width - 1) + cosine * (height - 1))) / 2.0
    return [cosine, -sine, x, sine, cosine, y]
  change = sign * level * (0.3 if name.startswith('Shear') else _TRANSLATE)
  place = {'ShearX': 1, 'ShearY': 3, 'TranslateX': 2, 'TranslateY': 5}[name]
  identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
  return identity[:place] + [change] + identity[place + 1:]


def _moved(image, matrix):
  shape = image.shape
  inside = tf.ones([*shape[:2], 1], image.dtype)
  moved = tf.raw_ops.ImageProjectiveTransformV3(
      images=tf.concat([image, inside], axis=2)[tf.newaxis],
      transforms=tf.stack([*matrix, 0.0, 0.0])[tf.newaxis],
      output_shape=shape[:2], fill_value=0.0, interpolation='NEAREST',
      fill_mode='CONSTANT')[0]
  inside = tf.equal(moved[:, :, 3:], 1)
  return tf.where(inside, moved[:, :, :3], tf.cast(_FILL, tf.uint8))


_PLAIN = {
    'AutoContrast': _by_channel(_stretched),
    'Equalize': _by_channel(_equalized),
    'Invert': lambda image: 255 - image,
}
_WITH_FACTOR = {
    'Color': _color,
    'Contrast': _contrast,
    'Brightness': _brightness,
    'Sharpness': _sharpness,
}
