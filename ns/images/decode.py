"""Encoded image bytes to pixels.

JPEG, PNG, BMP, WebP and GIF (its first frame), told by the bytes and not by a
name. What is in a file becomes grey or colour as a viewer would show it:

| in the file | pixels |
|---|---|
| CMYK and YCCK (JPEG) | as RGB |
| palette (PNG, GIF, 8-bit BMP) | looked up |
| 16 bits a channel | their upper 8 bits |
| alpha (PNG, WebP), a palette's (PNG) | on white: hidden colours stay hidden |
| the fourth byte of 32-bit BMP | not looked at: it need not be alpha |
| grey, where colour is asked for | the same value three times |
| colour, where grey is asked for | the luma of ITU-R BT.601, as PIL's `L` |

Two things are left as the reference and the published weights have them: the
orientation in EXIF is not applied, and colour profiles are ignored. JPEG takes
TensorFlow's default transform, libjpeg's fast one. The one transparent colour
that a grey or colour PNG without alpha may name (tRNS) is shown as any other. A
JPEG that was cut short fails where `decode` needs what is missing, in a window
(`decode_window`) only where that does.

A WebP that moves is taken for no image: TensorFlow 2.21 writes beyond its
memory where one has no alpha, and the process ends. So is a BMP of run lengths,
which it reads as if there were none; BMPs of fewer than 8 bits it does not read.
"""

import tensorflow as tf

_WHITE = 255
# Of 65,536: ITU-R BT.601, rounded as PIL does, so that grey stays what it is.
_LUMA = (19595, 38470, 7471)

# No more values in an image than TensorFlow allows a PNG: a file of kilobytes
# can claim to be gigabytes.
_MAX_VALUES = 2**29

# The flags of a WebP without the one of an animation, for a regular expression.
_STILL = ''.join(f'\\x{flags:02x}' for flags in range(64) if not flags & 2)

# libjpeg interpolates the colours of a JPEG, often stored at half the width,
# inside the window only. With this many more columns the window is exact.
_MARGIN = 2


def decode(image: tf.Tensor, channels: int = 0) -> tf.Tensor:
  """Pixels of one image; fails where the bytes are no image.

  Args:
    image: [] string, an encoded image; or pixels already, [height, width,
      channels] uint8.
    channels: 1 for grey, 3 for colour, 0 for what the image has of the two.

  Returns:
    [height, width, channels] uint8.
  """
  if image.dtype == tf.string:
    # What a BMP has fourth is 0 in most files, and no alpha.
    encoded, is_bmp = image, tf.strings.substr(image, 0, 2) == 'BM'
    image = tf.io.decode_image(
        tf.where(_moves(image), b'', image), expand_animations=False)
    image = image[..., :tf.where(is_bmp, 3, 4)]
    image = tf.cond(is_bmp & (tf.shape(image)[-1] == 1),
                    lambda: _looked_up(encoded, image), lambda: image)
  return convert(image, channels)


def _looked_up(bmp: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
  """The colours of a BMP of 8 bits; grey if all of its palette is.

  Args:
    bmp: [] string.
    indices: [height, width, 1] uint8, as TensorFlow reads it.

  Returns:
    [height, width, 1 or 3] uint8. Fails where the pixels are run lengths, or
    the palette is not in the file.
  """
  def number(first):
    four = tf.io.decode_raw(tf.strings.substr(bmp, first, 4), tf.uint8)
    return tf.reduce_sum(
        tf.cast(four, tf.int64) * [1, 1 << 8, 1 << 16, 1 << 24])

  # The palette, of blue, green, red and nothing, follows the headers, of which
  # the first says where the pixels begin, and the second how long it is.
  first, length = 14 + number(14), tf.cast(tf.strings.length(bmp), tf.int64)
  size = tf.clip_by_value(number(10) - first, 0, 1024)
  fits = tf.debugging.Assert(
      (number(30) == 0) & (first <= length),
      ['A BMP should have a palette, and no run lengths'])
  with tf.control_dependencies([fits]):
    palette = tf.io.decode_raw(tf.strings.substr(bmp, first, size), tf.uint8)
  palette = tf.reshape(palette[:tf.size(palette) // 4 * 4], [-1, 4])[:, 2::-1]
  palette = tf.pad(palette, [[0, 256 - tf.shape(palette)[0]], [0, 0]])
  is_grey = tf.reduce_all(palette == palette[:, :1])
  return tf.gather(palette[:, :tf.where(is_grey, 1, 3)],
                   tf.cast(indices[..., 0], tf.int32))


def _moves(image: tf.Tensor) -> tf.Tensor:
  """Whether an image is a WebP of several frames, as its flags say."""
  head = tf.strings.substr(image, 0, 21)
  return (tf.strings.regex_full_match(head, r'(?s)RIFF\C{8}VP8X\C*')
          & ~tf.strings.regex_full_match(head, rf'(?s)\C{{20}}[{_STILL}]'))


def jpeg_shape(jpeg: tf.Tensor) -> tf.Tensor:
  """Height, width and components of a JPEG, from its header.

  Args:
    jpeg: [] string.

  Returns:
    [3] int32. Fails where the header is broken, or claims more values than an
    image may have.
  """
  shape = tf.io.extract_jpeg_shape(jpeg)
  values = tf.reduce_prod(tf.cast(shape, tf.int64))
  fits = tf.debugging.Assert(
      values <= _MAX_VALUES,
      ['A JPEG should have at most', _MAX_VALUES, 'values, but has', values])
  with tf.control_dependencies([fits]):
    return tf.identity(shape)


def decode_window(jpeg: tf.Tensor, window: tf.Tensor, width: tf.Tensor,
                  channels: int) -> tf.Tensor:
  """Pixels of a window of a JPEG: as of `decode`, without decoding the rest.

  Args:
    jpeg: [] string.
    window: [4] int32, top, left, height and width, inside the image.
    width: [] int32, of the image.
    channels: as of `decode`.

  Returns:
    [height, width, channels] uint8.
  """
  top, left, rows, columns = tf.unstack(window)
  first = tf.maximum(left - _MARGIN, 0)
  end = tf.minimum(left + columns + _MARGIN, width)
  pixels = tf.io.decode_and_crop_jpeg(
      jpeg, tf.stack([top, first, rows, end - first]))
  return convert(pixels[:, left - first:left - first + columns], channels)


def convert(pixels: tf.Tensor, channels: int) -> tf.Tensor:
  """Grey or colour pixels of pixels with any channels.

  Args:
    pixels: [height, width, 1 to 4] uint8: grey, grey and alpha, colour, colour
      and alpha.
    channels: as of `decode`.

  Returns:
    [height, width, channels] uint8.
  """
  static = pixels.shape[2]
  if static == channels or (channels == 0 and static in (1, 3)):
    return pixels
  present = tf.shape(pixels)[2]
  fits = present % 2 == 1 if channels == 0 else present == channels
  result = tf.cond(fits, lambda: pixels,
                   lambda: _converted(pixels, present, channels))
  return tf.ensure_shape(result, [*pixels.shape[:2], channels or None])


def _converted(pixels, present, channels):
  values = tf.cast(pixels, tf.int32)
  colours = present - 1 + present % 2
  alpha = tf.cond(present > colours, lambda: values[..., -1:],
                  lambda: tf.fill(tf.shape(values[..., :1]), 255))
  # Rounded to the nearest, as PIL pastes through a mask.
  seen = (values[..., :colours] * alpha + _WHITE * (255 - alpha) + 127) // 255
  if channels:
    seen = tf.broadcast_to(seen, tf.concat([tf.shape(seen)[:2], [3]], 0))
  if channels == 1:
    seen = (tf.reduce_sum(seen * _LUMA, -1, keepdims=True) + 32768) // 65536
  return tf.cast(seen, tf.uint8)
