"""The sixteen image operations of RandAugment, on whole batches.

Every operation takes `images: [batch, height, width, channels] uint8` and one
argument for each image (`[batch]`), and returns images of the same shape and
type. An image's result depends on that image and its argument only. All are
defined as in the released code of Noisy Student (`randaugment.py`), with its
rounding: arithmetic in float32, one operation at a time, clipped to [0, 255]
and truncated. Colour images have three channels; on one channel every operation
is what it is on a channel of a colour image, and `color` changes nothing.

All compile under XLA, with the same results, except the geometric ones: they
stand on `ImageProjectiveTransformV3`, which has no XLA kernel.
"""

import math

import tensorflow as tf

from ns.noise import op_names

NAMES = op_names.NAMES
# Luma of ITU-R BT.601 as `tf.image.rgb_to_grayscale` rounds it.
_LUMA = (0.2989, 0.5870, 0.1140)


def _per_image(argument, dtype: tf.DType = tf.float32) -> tf.Tensor:
  """`argument: [batch]` as [batch, 1, 1, 1] of `dtype`."""
  return tf.cast(argument, dtype)[:, tf.newaxis, tf.newaxis, tf.newaxis]


def _to_uint8(values: tf.Tensor) -> tf.Tensor:
  return tf.cast(tf.clip_by_value(values, 0.0, 255.0), tf.uint8)


def _rounded(product: tf.Tensor) -> tf.Tensor:
  """`product` itself, a barrier between it and an addition.

  XLA would fuse the two and round once, which changes some truncated values.
  """
  return tf.minimum(product, tf.float32.max)


def _blend(base: tf.Tensor, images: tf.Tensor, factor) -> tf.Tensor:
  """From `base` (factor 0) to `images` (factor 1) and beyond; both float32."""
  return _to_uint8(base + _rounded(_per_image(factor) * (images - base)))


def _mask(condition: tf.Tensor) -> tf.Tensor:
  """255 where `condition`, else 0: several times faster than `tf.where`."""
  return tf.cast(condition, tf.uint8) * tf.constant(255, tf.uint8)


# Point-wise operations.


def brightness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
  """Blends with black. Args: factor: [batch] float32, 1 changes nothing."""
  return _to_uint8(tf.cast(images, tf.float32) * _per_image(factor))


def contrast(images: tf.Tensor, factor: tf.Tensor,
             kind: str = 'released') -> tf.Tensor:
  """Blends with a grey, as released or the image's mean.

  As released, the grey is the number of pixels / 256, at most 255 (the sum of
  the histogram was taken for its mean): 3 at 28x28, 196 at 224x224, white from
  256x256 on. REFERENCE: randaugment.py, `contrast`.

  The correct one is that of PIL's `ImageEnhance.Contrast`: the mean of all
  pixels' luma, rounded, halves up. A pixel's luma is
  (19595 red + 38470 green + 7471 blue + 32768) >> 16; of one channel the value.

  Args:
    images: [batch, height, width, channels] uint8, with 1 or 3 channels where
      `kind` is 'correct'.
    factor: [batch] float32, 1 changes nothing.
    kind: 'released' or 'correct'.

  Returns:
    [batch, height, width, channels] uint8.
  """
  shape = tf.shape(images)
  if kind == 'released':
    grey = tf.minimum(shape[1] * shape[2] // 256, 255)
  else:
    total = tf.reduce_sum(
        tf.cast(_luma(images), tf.int64), [1, 2, 3], keepdims=True)
    pixels = tf.cast(shape[1], tf.int64) * tf.cast(shape[2], tf.int64)
    grey = (2 * total + pixels) // (2 * pixels)
  return _blend(tf.cast(grey, tf.float32), tf.cast(images, tf.float32), factor)


def _luma(images: tf.Tensor) -> tf.Tensor:
  """PIL's mode L of the images: [batch, height, width, 1] int32."""
  if images.shape[-1] == 1:
    return tf.cast(images, tf.int32)
  red, green, blue = tf.split(tf.cast(images, tf.int32), 3, axis=-1)
  return (19595 * red + 38470 * green + 7471 * blue + 32768) // 65536


def solarize(images: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
  """Inverts values from `threshold` on. Args: threshold: [batch], 0 to 256."""
  bright = tf.cast(images, tf.int32) >= _per_image(threshold, tf.int32)
  return tf.bitwise.bitwise_xor(images, _mask(bright))


def solarize_add(images: tf.Tensor, addition: tf.Tensor) -> tf.Tensor:
  """Adds to values below 128, up to 255. Args: addition: [batch], 0 or more."""
  addition = tf.cast(tf.minimum(addition, 255), tf.uint8)
  room = tf.bitwise.invert(images)
  added = tf.minimum(room, _per_image(addition, tf.uint8))
  return images + tf.bitwise.bitwise_and(added, _mask(images < 128))


def posterize(images: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
  """Keeps the highest bits of each value. Args: bits: [batch] in [1, 8]."""
  dropped = tf.bitwise.left_shift(1, 8 - tf.cast(bits, tf.int32)) - 1
  return tf.bitwise.bitwise_and(images, _per_image(255 - dropped, tf.uint8))


def invert(images: tf.Tensor) -> tf.Tensor:
  """255 less each value."""
  return tf.bitwise.invert(images)


def autocontrast(images: tf.Tensor) -> tf.Tensor:
  """Stretches each channel of each image to reach from 0 to 255."""
  low = tf.cast(tf.reduce_min(images, [1, 2], keepdims=True), tf.float32)
  high = tf.cast(tf.reduce_max(images, [1, 2], keepdims=True), tf.float32)
  flat = high <= low  # one value only: stays
  scale = tf.where(flat, 1.0, 255.0 / tf.maximum(high - low, 1.0))
  offset = tf.where(flat, 0.0, -_rounded(low * scale))
  return _to_uint8(_rounded(tf.cast(images, tf.float32) * scale) + offset)


def equalize(images: tf.Tensor) -> tf.Tensor:
  """Spreads each channel's values evenly, as PIL's `ImageOps.equalize`."""
  shape = tf.shape(images)
  planes = shape[0] * shape[3]  # one histogram for each channel of each image
  first = tf.reshape(tf.range(planes) * 256, [shape[0], 1, 1, shape[3]])
  index = tf.cast(images, tf.int32) + first
  counts = tf.reshape(tf.math.unsorted_segment_sum(
      tf.ones_like(index), index, planes * 256), [planes, 256])

  # `step` values share an output level; the highest value present is left out.
  up_to = tf.cumsum(counts, axis=1)
  all_but_highest = tf.reduce_max(
      tf.where(up_to < shape[1] * shape[2], up_to, 0), axis=1, keepdims=True)
  step = all_but_highest // 255
  divisor = tf.maximum(step, 1)
  levels = tf.minimum((up_to - counts + step // 2) // divisor, 255)
  levels = tf.where(step == 0, tf.range(256), levels)  # too few pixels: stays
  return tf.gather(tf.reshape(tf.cast(levels, tf.uint8), [-1]), index)


# Operations that look at several values of an image.


def color(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
  """Blends with the image in grey; a one-channel image stays as it is.

  Args:
    images: [batch, height, width, 1 or 3] uint8.
    factor: [batch] float32, 1 changes nothing.

  Returns:
    The shape of `images`, uint8.

  Raises:
    ValueError: if `images` has neither one nor three channels.
  """
  channels = images.shape[-1]
  if channels not in (1, 3):
    raise ValueError(
        '`images` should have 1 or 3 channels for Color, but is of shape '
        f'{images.shape}; leave Color out of `RandAugment.ops`.')
  if channels == 1:
    return images
  values = tf.cast(images, tf.float32)
  # Written out, in the order that gives what `tf.image.rgb_to_grayscale` gives
  # for all 2**24 colours: a matrix product may fuse its steps and round once.
  red, green, blue = (
      _rounded(channel * weight) for channel, weight in zip(
          tf.split(_rounded(values * (1 / 255)), 3, axis=-1), _LUMA))
  grey = red + green + blue
  return _blend(tf.floor(grey * 255.5), values, factor)


def sharpness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
  """Blends with the image smoothed; the outermost pixels stay.

  The smoothing kernel is PIL's SMOOTH: 5 / 13 in the middle, 1 / 13 around it.

  Args:
    images: [batch, height, width, channels] uint8, at least 2 by 2 pixels.
    factor: [batch] float32, 1 changes nothing, above 1 sharpens.

  Returns:
    The shape of `images`, uint8.
  """
  values = tf.cast(images, tf.float32)
  around, middle = _rounded(values * (1 / 13)), _rounded(values * (5 / 13))
  # Row by row, as TensorFlow's own depthwise convolution adds. That of oneDNN
  # fuses its steps, which changes one value in 250.
  smooth = 0.0
  for row in range(3):
    for column in range(3):
      weighted = middle if row == column == 1 else around
      smooth += weighted[:, row:row - 2 or None, column:column - 2 or None]
  inner = _blend(tf.floor(smooth), values[:, 1:-1, 1:-1], factor)
  rows = tf.concat([images[:, 1:-1, :1], inner, images[:, 1:-1, -1:]], axis=2)
  return tf.concat([images[:, :1], rows, images[:, -1:]], axis=1)


def cutout(images: tf.Tensor, row: tf.Tensor, column: tf.Tensor,
           size: tf.Tensor, fill: int = 128) -> tf.Tensor:
  """Fills a square, clipped at the image's edges.

  Args:
    images: [batch, height, width, channels] uint8.
    row: [batch] float32 in [0, 1): the square's middle is `int(row * height)`;
      it reaches from `middle - size // 2` up to, not including,
      `middle - size // 2 + size`.
    column: [batch] float32 in [0, 1), likewise in the width.
    size: [batch] int32, the square's side in pixels; 0 changes nothing.
    fill: what every value inside becomes, in [0, 255].

  Returns:
    The shape of `images`, uint8.
  """
  shape = tf.shape(images)

  def inside(fraction, length):
    middle = tf.cast(fraction * tf.cast(length, tf.float32), tf.int32)
    distance = tf.range(length) - (middle - size // 2)[:, tf.newaxis]
    return (distance >= 0) & (distance < size[:, tf.newaxis])

  # Channels are part of a row here: a mask to broadcast over them is slower.
  columns = tf.repeat(inside(column, shape[2]), shape[3], axis=1)
  hole = inside(row, shape[1])[:, :, tf.newaxis] & columns[:, tf.newaxis]
  hole = tf.reshape(hole, shape)
  difference = tf.bitwise.bitwise_xor(images, tf.constant(fill, tf.uint8))
  return tf.bitwise.bitwise_xor(
      images, tf.bitwise.bitwise_and(difference, _mask(hole)))


# Geometry, by nearest neighbour. A matrix [a, b, c, d, e, f] says: the
# value at (x, y) of the result is the one at (a x + b y + c, d x + e y + f) of
# the image, with x to the right and y down from the middle of the first pixel.


def _matrices(like: tf.Tensor, **elements: tf.Tensor) -> tf.Tensor:
  """[batch, 6] float32: the identity but for `elements`, each `[batch]`."""
  identity = dict(a=1.0, b=0.0, c=0.0, d=0.0, e=1.0, f=0.0)
  return tf.stack([elements.get(name, tf.fill(tf.shape(like), value))
                   for name, value in identity.items()], axis=1)


def rotation(degrees: tf.Tensor, height, width) -> tf.Tensor:
  """Turns about the middle. Args: degrees: [batch], anticlockwise."""
  # The angle is rounded to float32 as in the reference. Its sine and cosine are
  # taken in float64: in float32 they may differ between places in the batch.
  radians = tf.cast(degrees * (math.pi / 180), tf.float64)
  sine = tf.cast(tf.sin(radians), tf.float32)
  cosine = tf.cast(tf.cos(radians), tf.float32)
  right = tf.cast(width - 1, tf.float32)
  bottom = tf.cast(height - 1, tf.float32)
  x = (right - (cosine * right - sine * bottom)) / 2.0
  y = (bottom - (sine * right + cosine * bottom)) / 2.0
  return _matrices(degrees, a=cosine, b=-sine, c=x, d=sine, e=cosine, f=y)


def horizontal_shear(level: tf.Tensor, height, width) -> tf.Tensor:
  """Moves row y left by `level * y` pixels. Args: level: [batch] float32."""
  del height, width  # The first row stays, not the middle, as in the reference.
  return _matrices(level, b=level)


def vertical_shear(level: tf.Tensor, height, width) -> tf.Tensor:
  """Moves column x up by `level * x` pixels. Args: level: [batch] float32."""
  del height, width  # The first column stays, as in the reference.
  return _matrices(level, d=level)


def horizontal_translation(pixels: tf.Tensor, height, width) -> tf.Tensor:
  """Moves the image left. Args: pixels: [batch] float32."""
  del height, width  # In pixels, whatever the size.
  return _matrices(pixels, c=pixels)


def vertical_translation(pixels: tf.Tensor, height, width) -> tf.Tensor:
  """Moves the image up. Args: pixels: [batch] float32."""
  del height, width  # In pixels, whatever the size.
  return _matrices(pixels, f=pixels)


def transform(images: tf.Tensor, matrices: tf.Tensor,
              fill: int = 128) -> tf.Tensor:
  """Moves the values of each image as its matrix says; has no XLA kernel.

  Args:
    images: [batch, height, width, channels] uint8.
    matrices: [batch, 6] float32, of `rotation` and its like.
    fill: what comes in from outside the image, in [0, 255].

  Returns:
    The shape of `images`, uint8.
  """
  return tf.raw_ops.ImageProjectiveTransformV3(
      images=images, transforms=tf.pad(matrices, [[0, 0], [0, 2]]),
      output_shape=tf.shape(images)[1:3], fill_value=float(fill),
      interpolation='NEAREST', fill_mode='CONSTANT')


def _geometric(matrices):
  """The operation on images of one of the functions above."""

  def operation(images, argument, fill=128):
    shape = tf.shape(images)
    return transform(images, matrices(argument, shape[1], shape[2]), fill)

  operation.__doc__ = matrices.__doc__
  return operation


rotate = _geometric(rotation)
shear_x = _geometric(horizontal_shear)
shear_y = _geometric(vertical_shear)
translate_x = _geometric(horizontal_translation)
translate_y = _geometric(vertical_translation)

# The operations by the reference's names and by what they take beside the
# images: nothing, one argument, or one argument that gives a matrix. `Cutout`,
# which takes its place as well, is the sixteenth.
PLAIN = {
    'AutoContrast': autocontrast,
    'Equalize': equalize,
    'Invert': invert,
}
WITH_ARGUMENT = {
    'Posterize': posterize,
    'Solarize': solarize,
    'SolarizeAdd': solarize_add,
    'Color': color,
    'Contrast': contrast,
    'Brightness': brightness,
    'Sharpness': sharpness,
}
GEOMETRIC = {
    'Rotate': rotation,
    'ShearX': horizontal_shear,
    'ShearY': vertical_shear,
    'TranslateX': horizontal_translation,
    'TranslateY': vertical_translation,
}
