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


def _of_one_or_many(operation, takes):
  """The operation on batches, made to take one image as well.

  Args:
    operation: on a batch.
    takes: how many of its arguments are numbers for each image.
  """

  @functools.wraps(operation)
  def of_one_or_many(images, *arguments, **options):
    images = tf.convert_to_tensor(images)
    if images.shape.rank != 3:
      return operation(images, *arguments, **options)
    own = [tf.convert_to_tensor(a)[tf.newaxis] for a in arguments[:takes]]
    return operation(
        images[tf.newaxis], *own, *arguments[takes:], **options)[0]

  return of_one_or_many


autocontrast = _of_one_or_many(pointwise.autocontrast, takes=0)
equalize = _of_one_or_many(pointwise.equalize, takes=0)
invert = _of_one_or_many(pointwise.invert, takes=0)
brightness = _of_one_or_many(pointwise.brightness, takes=1)
contrast = _of_one_or_many(pointwise.contrast, takes=1)
posterize = _of_one_or_many(pointwise.posterize, takes=1)
solarize = _of_one_or_many(pointwise.solarize, takes=1)
solarize_add = _of_one_or_many(pointwise.solarize_add, takes=1)
color = _of_one_or_many(spatial.color, takes=1)
sharpness = _of_one_or_many(spatial.sharpness, takes=1)
cutout = _of_one_or_many(spatial.cutout, takes=3)
rotate = _of_one_or_many(geometry.rotate, takes=1)
shear_x = _of_one_or_many(geometry.shear_x, takes=1)
shear_y = _of_one_or_many(geometry.shear_y, takes=1)
translate_x = _of_one_or_many(geometry.translate_x, takes=1)
translate_y = _of_one_or_many(geometry.translate_y, takes=1)
