"""Whether the bytes of an image decode; all work: it imports TensorFlow."""

import tensorflow as tf

from ns.images import decode


def problem(image: bytes) -> str | None:
  """Why an image is of no use, None if all of it decodes."""
  try:
    with tf.device('cpu'):
      _decode(tf.constant(image))
  except tf.errors.OpError:
    return 'does not decode'
  return None


# One by one, the ops take as long as those of a small image.
@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def _decode(encoded):
  shape = tf.cond(tf.io.is_jpeg(encoded), lambda: decode.jpeg_shape(encoded),
                  lambda: tf.zeros([3], tf.int32))
  with tf.control_dependencies([shape]):
    return tf.shape(decode.decode(encoded))
