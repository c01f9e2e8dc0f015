"""The sixteen image operations of RandAugment.

Every operation takes one image `[height, width, channels]`, or a batch
`[batch, height, width, channels]`, uint8, and returns the same shape and type.
Its arguments are one number for one image, and `[batch]` for a batch: an
image's result depends on that image and its arguments only.

All are defined as in the released code of Noisy Student (`randaugment.py`),
with its rounding: arithmetic in float32, one operation at a time, clipped to
[0, 255] and truncated. Colour images have three channels; on one channel every
operation is what it is on a channel of a colour image, and `color` changes
nothing. All compile under XLA, with the same results.
"""

import functools

import tensorflow as tf

from ns.noise import geometry
from ns.noise import op_names
from ns.noise import pointwise
from ns.noise import spatial

NAMES = op_names.NAMES


def _of_one_or_many(operation):
  """The operation on batches, made to take one image as well."""

  @functools.wraps(operation)
  def of_one_or_many(images, *arguments, **options):
    images = tf.convert_to_tensor(images)
    if images.shape.rank != 3:
      return operation(images, *arguments, **options)
    arguments = [tf.convert_to_tensor(a)[tf.newaxis] for a in arguments]
    return operation(images[tf.newaxis], *arguments, **options)[0]

  return of_one_or_many


autocontrast = _of_one_or_many(pointwise.autocontrast)
brightness = _of_one_or_many(pointwise.brightness)
equalize = _of_one_or_many(pointwise.equalize)
invert = _of_one_or_many(pointwise.invert)
posterize = _of_one_or_many(pointwise.posterize)
solarize = _of_one_or_many(pointwise.solarize)
solarize_add = _of_one_or_many(pointwise.solarize_add)
color = _of_one_or_many(spatial.color)
sharpness = _of_one_or_many(spatial.sharpness)
rotate = _of_one_or_many(geometry.rotate)
shear_x = _of_one_or_many(geometry.shear_x)
shear_y = _of_one_or_many(geometry.shear_y)
translate_x = _of_one_or_many(geometry.translate_x)
translate_y = _of_one_or_many(geometry.translate_y)


@functools.wraps(pointwise.contrast)
def contrast(images, factor, kind='released'):
  return _of_one_or_many(pointwise.contrast)(images, factor, kind=kind)


@functools.wraps(spatial.cutout)
def cutout(images, row, column, size, fill=128):
  return _of_one_or_many(spatial.cutout)(images, row, column, size, fill=fill)
