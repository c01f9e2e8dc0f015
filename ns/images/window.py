"""A window of an image at the model's size, out of bytes that may be broken.

In two forms with equal results: pure TensorFlow is the definition and runs
anywhere; the native ops (`ns/images/native`) decode, resize and mirror in one,
and do not need `attempt`. All work: it imports TensorFlow, so the facade does
not import it.
"""

from collections.abc import Callable

import tensorflow as tf

from ns.images import attempt
from ns.images import decode
from ns.images import resize
from ns.images.native import kernel

# A window of an image of a height and width, both [] int32:
# [4] int32, its top, left, height and width.
Choose = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def resized(image: tf.Tensor, choose: Choose, flip: tf.Tensor | bool, *,
            size: int, channels: int, form: str = 'auto'
            ) -> tuple[tf.Tensor, tf.Tensor]:
  """A window of the image, resized.

  Args:
    image: [] string, an encoded image; or [height, width, channels] uint8.
    choose: gives the window.
    flip: [] bool, whether the result is mirrored, left to right.
    size: of the result, in pixels.
    channels: of the result, 1 or 3.
    form: how it is computed; the result is the same. 'tensorflow' runs
      anywhere, 'native' takes the C++ ops, 'auto' takes them where they load.

  Returns:
    pixels: [size, size, channels] uint8, black where the image is broken.
    is_good: [] bool, whether what the window needs could be decoded: the end
      of a JPEG may be missing below a window that does not reach it.

  Raises:
    RuntimeError: the form is 'native' and does not load here.
  """
  ops = _ops(form)
  flip = tf.convert_to_tensor(flip)
  if image.dtype == tf.uint8:
    pixels = _window(image, choose, channels)
    if ops:
      result = ops.noisy_student_resize(
          pixels, flip, size=size, channels=channels)
    else:
      result = _finished(pixels, flip, size)
    return tf.ensure_shape(result, [size, size, channels]), tf.constant(True)
  if ops:
    height, width = ops.noisy_student_image_shape(image)
    return ops.noisy_student_decode_window(
        image, choose(height, width), flip, size=size, channels=channels)

  def result(image):
    pixels = tf.cond(
        tf.io.is_jpeg(image), lambda: _jpeg_window(image, choose, channels),
        lambda: _window(decode.decode(image), choose, channels))
    return tf.ensure_shape(
        _finished(pixels, flip, size), [size, size, channels]), True

  return attempt.attempt(result, _black(size, channels), image)


def whole(image: tf.Tensor, *, size: int, channels: int, form: str = 'auto'
          ) -> tuple[tf.Tensor, tf.Tensor]:
  """The whole image, which should have the size already.

  Args:
    image: as of `resized`.
    size: in pixels, of both sides.
    channels: of the result, 1 or 3.
    form: as of `resized`.

  Returns:
    As `resized`.

  Raises:
    RuntimeError: the form is 'native' and does not load here.
    ValueError: the image is known to have another size. One that turns out to
      have another fails with the same sentence, as an `InvalidArgumentError`.
  """
  ops = _ops(form)
  if image.dtype == tf.uint8:
    pixels, is_good = decode.convert(image, channels), tf.constant(True)
  elif ops:
    pixels, is_good = ops.noisy_student_decode(
        image, size=size, channels=channels)
  else:
    def result(image):
      is_jpeg = tf.io.is_jpeg(image)
      shape = tf.cond(is_jpeg, lambda: decode.jpeg_shape(image),
                      lambda: tf.zeros([3], tf.int32))
      with tf.control_dependencies([shape]):
        return decode.decode(image, channels), True

    pixels, is_good = attempt.attempt(result, _black(size, channels), image)
  return _of_size(pixels, size, channels), is_good


def _ops(form):
  if form == 'tensorflow':
    return None
  return (kernel.LIBRARY.require() if form == 'native'
          else kernel.LIBRARY.load())


def _black(size, channels):
  return tf.zeros([size, size, channels], tf.uint8), False


def _window(pixels, choose, channels):
  shape = tf.shape(pixels)
  top, left, height, width = tf.unstack(choose(shape[0], shape[1]))
  return decode.convert(pixels[top:top + height, left:left + width], channels)


def _jpeg_window(image, choose, channels):
  height, width, _ = tf.unstack(decode.jpeg_shape(image))
  return decode.decode_window(image, choose(height, width), width, channels)


def _finished(pixels, flip, size):
  pixels = resize.bicubic(pixels, size)
  return tf.cond(flip, lambda: pixels[:, ::-1], lambda: pixels)


def _of_size(pixels, size, channels):
  sentence = (f'`AsIs` needs images of {size} x {size} pixels, but one has '
              '{} x {}; choose a crop, such as '
              '`images.CentreCrop(padding=32)`, or another image size.')
  height, width = pixels.shape[:2]
  if None not in (height, width) and (height, width) != (size, size):
    raise ValueError(sentence.format(height, width))
  shape = tf.shape(pixels)

  def fail():
    found = tf.strings.format(sentence, (shape[0], shape[1]))
    with tf.control_dependencies([tf.debugging.Assert(False, [found])]):
      return tf.identity(pixels)

  fits = (shape[0] == size) & (shape[1] == size)
  return tf.ensure_shape(
      tf.cond(fits, lambda: pixels, fail), [size, size, channels])
