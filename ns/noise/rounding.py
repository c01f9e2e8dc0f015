"""Rounding that every backend does alike: float32, one operation at a time.

Compilers take liberties with that: XLA fuses a product and a sum, and Grappler,
TensorFlow's optimizer of graphs, reorders sums.
"""

import tensorflow as tf


def barrier(product: tf.Tensor) -> tf.Tensor:
  """`product` itself, kept apart from an addition that follows.

  Fused, the two would be rounded once, which changes some truncated values.
  """
  return tf.minimum(product, product.dtype.max)


def per_image(argument, dtype: tf.DType = tf.float32) -> tf.Tensor:
  """`argument: [batch]` as [batch, 1, 1, 1] of `dtype`."""
  return tf.cast(argument, dtype)[:, tf.newaxis, tf.newaxis, tf.newaxis]


def to_uint8(values: tf.Tensor) -> tf.Tensor:
  """Float32 values clipped to [0, 255] and truncated."""
  return tf.cast(tf.clip_by_value(values, 0.0, 255.0), tf.uint8)


def blend(base: tf.Tensor, images: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
  """From `base` (factor 0) to `images` (factor 1) and beyond.

  Args:
    base: float32, broadcast against `images`.
    images: [batch, height, width, channels] float32.
    factor: [batch] float32.

  Returns:
    [batch, height, width, channels] uint8.
  """
  return to_uint8(base + barrier(per_image(factor) * (images - base)))


def mask(condition: tf.Tensor) -> tf.Tensor:
  """255 where `condition`, else 0: several times faster than `tf.where`."""
  return tf.cast(condition, tf.uint8) * tf.constant(255, tf.uint8)
