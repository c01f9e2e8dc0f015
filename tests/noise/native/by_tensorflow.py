"""Drawn operations, one after the other, in operations of TensorFlow.

Pixels are moved by TensorFlow's own transform, the rest is done by `image_ops`.
"""

import numpy as np
import tensorflow as tf

from ns.noise import image_ops

GEOMETRIC = ('Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY')
PLAIN = {
    'AutoContrast': image_ops.autocontrast,
    'Equalize': image_ops.equalize,
    'Invert': image_ops.invert,
}
WITH_ARGUMENT = {
    'Posterize': image_ops.posterize,
    'Solarize': image_ops.solarize,
    'SolarizeAdd': image_ops.solarize_add,
    'Color': image_ops.color,
    'Brightness': image_ops.brightness,
    'Sharpness': image_ops.sharpness,
}


def apply(images, ops, arguments, fill=128, contrast='released'):
  """As `distort.apply`, on arrays."""
  images = images.copy()
  for layer in range(ops.shape[1]):
    for op in set(ops[:, layer]) - {-1}:
      at = np.flatnonzero(ops[:, layer] == op)
      images[at] = one(image_ops.NAMES[op], images[at], arguments[at, layer],
                       fill, contrast)
  return images


def one(name, images, arguments, fill, contrast):
  """The operation `name` on all images: arguments: [batch, 6] float32."""
  if name in GEOMETRIC:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images, transforms=np.pad(arguments, [[0, 0], [0, 2]]),
        output_shape=images.shape[1:3], fill_value=float(fill),
        interpolation='NEAREST', fill_mode='CONSTANT')
  if name in PLAIN:
    return PLAIN[name](images)
  if name == 'Sharpness' and min(images.shape[1:3]) < 3:
    return images  # All pixels are outermost ones, which stay.
  if name == 'Contrast':
    return image_ops.contrast(images, arguments[:, 0], contrast)
  if name == 'Cutout':
    size = tf.cast(arguments[:, 0], tf.int32)
    return image_ops.cutout(images, arguments[:, 1], arguments[:, 2], size,
                            fill)
  return WITH_ARGUMENT[name](images, arguments[:, 0])
