"""Image operations that look at several values of an image, in place.

See `image_ops` for what all operations have in common.
"""

import tensorflow as tf

from ns.noise import rounding

# Luma of ITU-R BT.601 as `tf.image.rgb_to_grayscale` rounds it.
_LUMA = (0.2989, 0.5870, 0.1140)


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
  if images.shape[-1] == 1:
    return images
  return rounding.blend(
      grey(images), tf.cast(images, tf.float32), factor)


def grey(images: tf.Tensor) -> tf.Tensor:
  """What `color` blends with: [batch, height, width, 1] float32, whole."""
  channels = images.shape[-1]
  if channels not in (1, 3):
    raise ValueError(
        '`images` should have 1 or 3 channels for Color, but is of shape '
        f'{images.shape}; leave Color out of `RandAugment.ops`.')
  values = tf.cast(images, tf.float32)
  if channels == 1:
    return values
  # Written out, in the order that gives what `tf.image.rgb_to_grayscale` gives
  # for all 2**24 colours: a matrix product may fuse its steps and round once.
  red, green, blue = (
      rounding.barrier(channel * weight) for channel, weight in zip(
          tf.split(rounding.barrier(values * (1 / 255)), 3, axis=-1), _LUMA))
  return tf.floor((red + green + blue) * 255.5)


def sharpness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
  """Blends with the image smoothed; the outermost pixels stay.

  The smoothing kernel is PIL's SMOOTH: 5 / 13 in the middle, 1 / 13 around it.
  An image of a side below 3 has outermost pixels only.

  Args:
    images: [batch, height, width, channels] uint8.
    factor: [batch] float32, 1 changes nothing, above 1 sharpens.

  Returns:
    The shape of `images`, uint8.
  """
  inner = rounding.blend(
      smooth(images), tf.cast(images[:, 1:-1, 1:-1], tf.float32), factor)
  # The last, where it is not the first.
  last = images[:, 1:-1, 1:][:, :, -1:]
  rows = tf.concat([images[:, 1:-1, :1], inner, last], axis=2)
  return tf.concat([images[:, :1], rows, images[:, 1:][:, -1:]], axis=1)


def smooth(images: tf.Tensor) -> tf.Tensor:
  """What `sharpness` blends with: [batch, height - 2, width - 2, channels]."""
  values = tf.cast(images, tf.float32)
  around = rounding.barrier(values * (1 / 13))
  middle = rounding.barrier(values * (5 / 13))
  # Row by row, as TensorFlow's own depthwise convolution adds. That of oneDNN
  # fuses its steps, which changes one value in 250.
  total = 0.0
  for row in range(3):
    for column in range(3):
      weighted = middle if row == column == 1 else around
      total += weighted[:, row:row - 2 or None, column:column - 2 or None]
  return tf.floor(total)


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
      images, tf.bitwise.bitwise_and(difference, rounding.mask(hole)))
