"""Images to another size, as TensorFlow 1 did.

TF1's bicubic is not that of `tf.image.resize`: it takes the top left corners of
pixels for their places (`half_pixel_centers=False`), does not widen its kernel
when an image shrinks, has a = -0.75 and repeats the edge. The published weights
were trained on it; on a random image the two differ by up to 99 of 255.
"""

import tensorflow as tf


def bicubic(pixels: tf.Tensor, size: int) -> tf.Tensor:
  """The image at `size` by `size` pixels.

  Bicubic interpolation overshoots at edges. As the reference does before
  RandAugment (`preprocessing.py`, `_preprocess_for_train`), values are cut to
  [0, 255], and their fractions are cut off, not rounded.

  Args:
    pixels: [height, width, channels] uint8.
    size: in pixels.

  Returns:
    [size, size, channels] uint8.
  """
  values = tf.raw_ops.ResizeBicubic(
      images=pixels[tf.newaxis], size=[size, size], align_corners=False,
      half_pixel_centers=False)[0]
  return tf.cast(tf.clip_by_value(values, 0.0, 255.0), tf.uint8)
