"""A window of an image at the model's size, out of bytes that may be broken.

All work: it imports TensorFlow, so the facade does not import it.
"""

from collections.abc import Callable

import tensorflow as tf

from ns.images import attempt
from ns.images import decode
from ns.images import resize

# A window of an image of a height and width, both [] int32:
# [4] int32, its top, left, height and width.
Choose = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

# No more values in an image than TensorFlow allows a PNG: a few kilobytes can
# claim to be gigabytes.
_MAX_VALUES = 2**29


def resized(image: tf.Tensor, choose: Choose, flip: tf.Tensor | None, *,
            size: int, channels: int) -> tuple[tf.Tensor, tf.Tensor]:
  """A window of the image, resized.

  Args:
    image: [] string, an encoded image; or [height, width, channels] uint8.
    choose: gives the window.
    flip: [] bool, whether the result is mirrored, left to right; None if never.
    size: of the result, in pixels.
    channels: of the result, 1 or 3.

  Returns:
    pixels: [size, size, channels] uint8, black where the image is broken.
    is_good: [] bool, whether the image could be decoded.
  """
  def finished(pixels):
    pixels = resize.bicubic(pixels, size)
    if flip is not None:
      pixels = tf.cond(flip, lambda: pixels[:, ::-1], lambda: pixels)
    return pixels

  def of_pixels(pixels):
    shape = tf.shape(pixels)
    top, left, height, width = tf.unstack(choose(shape[0], shape[1]))
    return decode.convert(
        pixels[top:top + height, left:left + width], channels)

  def of_jpeg():
    height, width, values = tf.unstack(tf.io.extract_jpeg_shape(image))
    too_large = tf.debugging.assert_less_equal(
        tf.math.reduce_prod(tf.cast([height, width, values], tf.int64)),
        tf.constant(_MAX_VALUES, tf.int64))
    with tf.control_dependencies([too_large]):
      return decode.decode_window(image, choose(height, width), channels)

  def of_bytes():
    pixels = tf.cond(tf.io.is_jpeg(image), of_jpeg,
                     lambda: of_pixels(decode.decode(image, channels)))
    return tf.ensure_shape(finished(pixels), [size, size, channels])

  if image.dtype == tf.uint8:
    pixels = finished(of_pixels(image))
    return (tf.ensure_shape(pixels, [size, size, channels]), tf.constant(True))
  black = tf.zeros([size, size, channels], tf.uint8)
  return attempt.attempt(lambda: (of_bytes(), True), (black, False))


def whole(image: tf.Tensor, *, size: int, channels: int
          ) -> tuple[tf.Tensor, tf.Tensor]:
  """The whole image, which should have the size already.

  Args:
    image: as of `resized`.
    size: in pixels, of both sides.
    channels: of the result, 1 or 3.

  Returns:
    As `resized`.

  Raises:
    ValueError: the image is known to have another size; an image that turns
      out to have another is an `InvalidArgumentError` with the same sentence.
  """
  sentence = ('`AsIs` needs images of {} pixels, but one has {}; choose a crop, '
              'such as `images.CentreCrop(padding=32)`, or another size.')
  wanted = f'{size} x {size}'
  if image.dtype == tf.uint8:
    pixels, is_good = decode.convert(image, channels), tf.constant(True)
    height, width = pixels.shape[:2]
    if height not in (None, size) or width not in (None, size):
      raise ValueError(sentence.format(wanted, f'{height} x {width}'))
  else:
    black = tf.zeros([size, size, channels], tf.uint8)
    pixels, is_good = attempt.attempt(
        lambda: (decode.decode(image, channels), True), (black, False))
  if pixels.shape[:2] != [size, size]:
    height, width = tf.unstack(tf.shape(pixels)[:2])
    fits = tf.debugging.Assert(
        (height == size) & (width == size),
        [tf.strings.format(sentence.format(wanted, '{} x {}'),
                           (height, width))], summarize=1)
    with tf.control_dependencies([fits]):
      pixels = tf.identity(pixels)
  return tf.ensure_shape(pixels, [size, size, channels]), is_good
