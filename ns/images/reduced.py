"""Grey pixels of encoded images, for comparing them: small where that is cheap.

A JPEG is decoded at an eighth, a quarter or half of its size, which libjpeg
does without computing the pixels between: of an image of 224 pixels a fifth of
the time. Other formats are decoded whole. All work: it imports TensorFlow.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ns.images import decode

_JPEG = b'\xff\xd8\xff'
# What libjpeg reduces by, apart from not at all.
_MOST, _OTHERS = 8, (4, 2)


def grey(images: Sequence[bytes], at_least: int) -> list[np.ndarray | None]:
  """Grey pixels of each image.

  Args:
    images: encoded.
    at_least: pixels that the shorter side has after reducing, unless the image
      has fewer.

  Returns:
    [height, width] uint8 of each; None where it does not decode.
  """
  with tf.device('cpu'):
    return [_grey(image, at_least) for image in images]


def pixels(image: bytes) -> np.ndarray | None:
  """All pixels: [height, width, 1 or 3] uint8; None if it does not decode."""
  with tf.device('cpu'):
    return _whole(image, 0)


def _grey(image, at_least):
  if image.startswith(_JPEG):
    try:
      return _reduced(image, at_least)
    except tf.errors.OpError:
      pass  # It may be CMYK, which libjpeg makes no grey of.
  found = _whole(image, 1)
  return None if found is None else found[..., 0]


def _reduced(image, at_least):
  found = _jpeg(image, _MOST)
  short = min(found.shape)
  if short >= at_least:
    return found
  return _jpeg(image, next(
      (r for r in _OTHERS if short * _MOST // r >= at_least), 1))


def _jpeg(image, ratio: int) -> np.ndarray:
  return tf.raw_ops.DecodeJpeg(
      contents=image, channels=1, ratio=ratio).numpy()[..., 0]


def _whole(image, channels: int) -> np.ndarray | None:
  try:
    if image.startswith(_JPEG):
      decode.jpeg_shape(tf.constant(image))
    return decode.decode(tf.constant(image), channels).numpy()
  except tf.errors.OpError:
    return None
