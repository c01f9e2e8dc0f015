"""Whether the bytes of an image decode; all work: it imports TensorFlow."""

import tensorflow as tf

from ns.images import decode


def problem(image: bytes) -> str | None:
  """Why an image is of no use, None if all of it decodes."""
  try:
    with tf.device('cpu'):
      encoded = tf.constant(image)
      if tf.io.is_jpeg(encoded):
        decode.jpeg_shape(encoded)
      decode.decode(encoded)
  except tf.errors.OpError:
    return 'does not decode'
  return None
