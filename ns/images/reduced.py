"""Grey pixels of encoded images, for comparing them: small where that is cheap.

A JPEG is decoded at an eighth, a quarter or half of its size, which libjpeg
does without computing the pixels between: of an image of 224 pixels a fifth of
the time. Other formats are decoded whole. All work: it imports TensorFlow.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np
import tensorflow as tf

from ns.images import decode

_JPEG = b'\xff\xd8\xff'
# What libjpeg reduces by.
_RATIOS = 8, 4, 2
# Markers of frames: these hold the size.
_FRAMES = frozenset(range(0xc0, 0xd0)) - {0xc4, 0xc8, 0xcc}
# Pixels of an image that is worth a closer look at what its header says.
_LARGE = 1 << 24


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Grey:
  """A grey image, maybe reduced.

  Attributes:
    pixels: [height, width] uint8.
    height: of the image, as a number of such pixels. It is not a whole one
      where the last row is of less of the image than the others.
    width: as the height.
  """
  pixels: np.ndarray
  height: float
  width: float


def grey(images: Sequence[bytes], at_least: int) -> list[Grey | None]:
  """Grey pixels of each image.

  Args:
    images: encoded.
    at_least: pixels that the shorter side has after reducing, unless the image
      has fewer.

  Returns:
    None where an image does not decode.
  """
  with tf.device('cpu'):
    return [_grey(image, at_least) for image in images]


def pixels(image: bytes) -> np.ndarray | None:
  """All pixels: [height, width, 1 or 3] uint8; None if it does not decode.

  Those of a JPEG are of libjpeg's accurate transform, which others use by
  default, so that a copy without loss that they made has the same.
  """
  with tf.device('cpu'):
    if image.startswith(_JPEG):
      try:
        decode.jpeg_shape(tf.constant(image))
        return tf.raw_ops.DecodeJpeg(
            contents=image, dct_method='INTEGER_ACCURATE').numpy()
      except tf.errors.OpError:
        pass  # As above.
    return _whole(image, 0)


def _grey(image, at_least):
  if image.startswith(_JPEG):
    try:
      return _reduced(image, at_least)
    except tf.errors.OpError:
      pass  # It may be CMYK, which libjpeg makes nothing else of.
  found = _whole(image, 1)
  if found is None:
    return None
  height, width, _ = found.shape
  return Grey(pixels=found[..., 0], height=height, width=width)


def _reduced(image, at_least):
  height, width = _jpeg_size(image)
  if height * width > _LARGE:
    decode.jpeg_shape(tf.constant(image))  # It may claim more than it has.
  ratio = next((r for r in _RATIOS if min(height, width) >= r * at_least), 1)
  pixels = tf.raw_ops.DecodeJpeg(
      contents=image, channels=1, ratio=ratio).numpy()[..., 0]
  return Grey(pixels=pixels, height=height / ratio, width=width / ratio)


def _jpeg_size(image: bytes) -> tuple[int, int]:
  """Height and width of a JPEG, from its header.

  By hand: an op takes a tenth of the time of all the decoding.
  """
  place = 2
  while place + 9 <= len(image) and image[place] == 0xff:
    marker = image[place + 1]
    if marker == 0xff:  # Fills up.
      place += 1
    elif marker in _FRAMES:
      return (int.from_bytes(image[place + 5:place + 7], 'big'),
              int.from_bytes(image[place + 7:place + 9], 'big'))
    else:
      place += 2 + int.from_bytes(image[place + 2:place + 4], 'big')
  height, width, _ = decode.jpeg_shape(tf.constant(image)).numpy()
  return int(height), int(width)


def _whole(image, channels: int) -> np.ndarray | None:
  try:
    if image.startswith(_JPEG):
      decode.jpeg_shape(tf.constant(image))
    return decode.decode(tf.constant(image), channels).numpy()
  except tf.errors.OpError:
    return None
