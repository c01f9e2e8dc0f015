"""Image operations that move pixels, by nearest neighbour.

A matrix [a, b, c, d, e, f] says: the value at (x, y) of the result is the one
at (a x + b y + c, d x + e y + f) of the image, with x to the right and y down
from the middle of the first pixel. See `image_ops` for what all operations have
in common.
"""

import math

import numpy as np
import tensorflow as tf

from ns.noise import rounding

# floor(t + _HALF) is t rounded, halves away from zero, for every float32 t from
# -1 on. With 0.5 itself the sum is rounded, so that the value just below 0.5
# comes to 1, and -0.5 comes to 0.
_HALF = np.nextafter(np.float32(0.5), np.float32(0))


def rotation(degrees: tf.Tensor, height, width) -> tf.Tensor:
  """Turns about the middle. Args: degrees: [batch], anticlockwise."""
  # The angle is rounded to float32 as in the reference. Its sine and cosine are
  # taken in float64: in float32 they may differ between places in the batch.
  radians = tf.cast(degrees * (math.pi / 180), tf.float64)
  return turn(tf.cast(tf.sin(radians), tf.float32),
              tf.cast(tf.cos(radians), tf.float32), height, width)


def turn(sine: tf.Tensor, cosine: tf.Tensor, height, width) -> tf.Tensor:
  """Turns about the middle by the angle of `sine` and `cosine`, [batch]."""
  x, y = middle_stays(sine, cosine, height, width)
  return _matrices(sine, a=cosine, b=-sine, c=x, d=sine, e=cosine, f=y)


def middle_stays(sine, cosine, height, width) -> tuple[tf.Tensor, tf.Tensor]:
  """The elements c and f with which a turn leaves the middle where it is."""
  right = tf.cast(width - 1, tf.float32)
  bottom = tf.cast(height - 1, tf.float32)

  def half(side, a, b):
    # Grappler, TensorFlow's optimizer of graphs, would change the order.
    both = rounding.barrier(rounding.barrier(a) + rounding.barrier(b))
    return (side - both) / 2.0

  x = half(right, cosine * right, -sine * bottom)
  y = half(bottom, sine * right, cosine * bottom)
  return x, y


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


def transform(images: tf.Tensor, matrices: tf.Tensor, fill: int = 128, *,
              zeros: str = '') -> tf.Tensor:
  """Moves the values of each image as its matrix says.

  A place is rounded, halves away from zero, and what lies outside becomes
  `fill`: bit for bit what TensorFlow's `ImageProjectiveTransformV3` gives,
  which is some three times slower and has no XLA kernel.

  Args:
    images: [batch, height, width, channels] uint8.
    matrices: [batch, 6] float32, of `rotation` and its like.
    fill: what comes in from outside the image, in [0, 255].
    zeros: which of the elements 'b' and 'd' are 0 in every matrix: knowing
      saves a part of the work.

  Returns:
    The shape of `images`, uint8.
  """
  batch, height, width, channels = tf.unstack(tf.shape(images))
  a, b, c, d, e, f = tf.unstack(
      matrices[:, :, tf.newaxis, tf.newaxis], axis=1)
  x = tf.range(width, dtype=tf.float32)[tf.newaxis, tf.newaxis]
  y = tf.range(height, dtype=tf.float32)[tf.newaxis, :, tf.newaxis]
  nowhere = tf.zeros([1, 1, 1])
  column = _nearest(a, x, b, nowhere if 'b' in zeros else y, c, width)
  row = _nearest(d, nowhere if 'd' in zeros else x, e, y, f, height)

  # With a border of one pixel, so that all that is outside has a place too.
  bordered = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]],
                    constant_values=tf.constant(fill, images.dtype))
  first = tf.range(batch)[:, tf.newaxis, tf.newaxis] * (height + 2)
  places = (first + row) * (width + 2) + column
  moved = tf.gather(tf.reshape(bordered, [-1, channels]), places)
  return tf.ensure_shape(moved, images.shape)


def _nearest(by_x, x, by_y, y, constant, length) -> tf.Tensor:
  """[batch, height or 1, width or 1] int32: a place in the bordered image.

  0 and `length + 1` stand for all that is outside.
  """
  # Grappler would reorder three summands by their shapes.
  place = rounding.barrier(
      rounding.barrier(by_x * x) + rounding.barrier(by_y * y)) + constant
  place = tf.clip_by_value(place, -1.0, tf.cast(length, tf.float32))
  return tf.cast(tf.floor(place + _HALF), tf.int32) + 1


def _matrices(like: tf.Tensor, **elements: tf.Tensor) -> tf.Tensor:
  """[batch, 6] float32: the identity but for `elements`, each `[batch]`."""
  identity = dict(a=1.0, b=0.0, c=0.0, d=0.0, e=1.0, f=0.0)
  return tf.stack([elements.get(name, tf.fill(tf.shape(like), value))
                   for name, value in identity.items()], axis=1)


def _geometric(matrices, zeros: str):
  """The operation on images of one of the functions above."""

  def operation(images, argument, fill=128):
    shape = tf.shape(images)
    return transform(
        images, matrices(argument, shape[1], shape[2]), fill, zeros=zeros)

  operation.__doc__ = matrices.__doc__
  return operation


rotate = _geometric(rotation, zeros='')
shear_x = _geometric(horizontal_shear, zeros='d')
shear_y = _geometric(vertical_shear, zeros='b')
translate_x = _geometric(horizontal_translation, zeros='bd')
translate_y = _geometric(vertical_translation, zeros='bd')
