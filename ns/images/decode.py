"""Encoded image bytes to pixels."""

import tensorflow as tf


def decode(image: tf.Tensor, channels: int = 0) -> tf.Tensor:
  """Pixels of one image.

  Args:
    image: [] string, a PNG or JPEG; or pixels already, which pass through.
    channels: 1 for grey, 3 for colour, 0 for what the image has.

  Returns:
    [height, width, channels] uint8.
  """
  if image.dtype == tf.uint8:
    return image
  return tf.io.decode_image(image, channels, expand_animations=False)
