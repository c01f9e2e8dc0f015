"""Image operations of which a value depends on the value before it.

Some look at the whole image to say how: `contrast`, `autocontrast` and
`equalize`. See `image_ops` for what all operations have in common.
"""

import numpy as np
import tensorflow as tf

from ns.noise import rounding

# 255 / range, correctly rounded. XLA's division is approximate on a GPU.
_STRETCH = np.float32(255) / np.maximum(np.arange(256, dtype=np.float32), 1)


def brightness(images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
  """Blends with black. Args: factor: [batch] float32, 1 changes nothing."""
  return rounding.to_uint8(
      tf.cast(images, tf.float32) * rounding.per_image(factor))


def contrast(images: tf.Tensor, factor: tf.Tensor,
             kind: str = 'released') -> tf.Tensor:
  """Blends with a grey, as released or the image's mean.

  As released, the grey is the number of pixels / 256, at most 255 (the sum of
  the histogram was taken for its mean): 3 at 28x28, 196 at 224x224, white from
  256x256 on. REFERENCE: randaugment.py, `contrast`.

  The correct one is that of PIL's `ImageEnhance.Contrast`: the mean of all
  pixels' luma, rounded, halves up. A pixel's luma is
  (19595 red + 38470 green + 7471 blue + 32768) // 65536; of one channel the
  value.

  Args:
    images: [batch, height, width, channels] uint8, with 1 or 3 channels where
      `kind` is 'correct'.
    factor: [batch] float32, 1 changes nothing.
    kind: 'released' or 'correct'.

  Returns:
    [batch, height, width, channels] uint8.
  """
  grey = contrast_grey(images, kind)
  return rounding.blend(grey, tf.cast(images, tf.float32), factor)


def contrast_grey(images: tf.Tensor, kind: str) -> tf.Tensor:
  """The grey of `contrast`: [] or [batch, 1, 1, 1] float32."""
  shape = tf.shape(images)
  if kind == 'released':
    grey = tf.minimum(shape[1] * shape[2] // 256, 255)
  else:
    total = tf.reduce_sum(
        tf.cast(_luma(images), tf.int64), [1, 2, 3], keepdims=True)
    pixels = tf.cast(shape[1], tf.int64) * tf.cast(shape[2], tf.int64)
    grey = (2 * total + pixels) // tf.maximum(2 * pixels, 1)
  return tf.cast(grey, tf.float32)


def _luma(images: tf.Tensor) -> tf.Tensor:
  """PIL's mode L of the images: [batch, height, width, 1] int32."""
  if images.shape[-1] == 1:
    return tf.cast(images, tf.int32)
  red, green, blue = tf.split(tf.cast(images, tf.int32), 3, axis=-1)
  return (19595 * red + 38470 * green + 7471 * blue + 32768) // 65536


def solarize(images: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
  """Inverts values from `threshold` on. Args: threshold: [batch], 0 to 256."""
  bright = tf.cast(images, tf.int32) >= rounding.per_image(threshold, tf.int32)
  return tf.bitwise.bitwise_xor(images, rounding.mask(bright))


def solarize_add(images: tf.Tensor, addition: tf.Tensor) -> tf.Tensor:
  """Adds to values below 128, up to 255. Args: addition: [batch], 0 or more."""
  addition = tf.cast(tf.minimum(addition, 255), tf.uint8)
  room = tf.bitwise.invert(images)
  added = tf.minimum(room, rounding.per_image(addition, tf.uint8))
  return images + tf.bitwise.bitwise_and(added, rounding.mask(images < 128))


def posterize(images: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
  """Keeps the highest bits of each value. Args: bits: [batch] in [1, 8]."""
  dropped = tf.bitwise.left_shift(1, 8 - tf.cast(bits, tf.int32)) - 1
  return tf.bitwise.bitwise_and(
      images, rounding.per_image(255 - dropped, tf.uint8))


def invert(images: tf.Tensor) -> tf.Tensor:
  """255 less each value."""
  return tf.bitwise.invert(images)


def autocontrast(images: tf.Tensor) -> tf.Tensor:
  """Stretches each channel of each image to reach from 0 to 255."""
  shape = tf.shape(images)
  low = tf.cast(_of_planes(tf.reduce_min, images), tf.int32)
  high = tf.cast(_of_planes(tf.reduce_max, images), tf.int32)
  flat = high <= low  # one value only: stays
  scale = tf.where(flat, 1.0, tf.gather(_STRETCH, tf.maximum(high - low, 0)))
  offset = tf.where(
      flat, 0.0, -rounding.barrier(tf.cast(low, tf.float32) * scale))
  stretched = rounding.barrier(
      tf.cast(_rows(images), tf.float32) * _along_rows(scale, shape[2]))
  return tf.reshape(
      rounding.to_uint8(stretched + _along_rows(offset, shape[2])), shape)


def equalize(images: tf.Tensor) -> tf.Tensor:
  """Spreads each channel's values evenly, as PIL's `ImageOps.equalize`."""
  shape = tf.shape(images)
  planes = shape[0] * shape[3]  # one histogram for each channel of each image
  first = tf.reshape(tf.range(planes) * 256, [shape[0], shape[3]])
  index = tf.cast(_rows(images), tf.int32) + _along_rows(first, shape[2])
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
  spread = tf.gather(tf.reshape(tf.cast(levels, tf.uint8), [-1]), index)
  return tf.reshape(spread, shape)


# An axis of one or three channels is slow to reduce and to broadcast over, so
# a row is taken with its channels.


def _rows(images: tf.Tensor) -> tf.Tensor:
  """The images as [batch, height, width * channels]."""
  shape = tf.shape(images)
  return tf.reshape(images, [shape[0], shape[1], shape[2] * shape[3]])


def _along_rows(values: tf.Tensor, width) -> tf.Tensor:
  """`values: [batch, channels]` as [batch, 1, width * channels]."""
  return tf.tile(values, [1, width])[:, tf.newaxis]


def _of_planes(reduce, images: tf.Tensor) -> tf.Tensor:
  """`reduce` over height and width: [batch, channels]."""
  shape = tf.shape(images)
  row = tf.reshape(reduce(_rows(images), 1), [shape[0], shape[2], shape[3]])
  return reduce(row, 1)
