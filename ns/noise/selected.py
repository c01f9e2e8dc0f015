"""The XLA form of `distort`: every operation on every image, and one selected.

The arithmetic does not depend on the draws and every shape is static, so that
it compiles, also for an accelerator. The four operations that blend are one
blend, with the base selected; the geometric ones are one gather. XLA fuses what
is left, so that a layer holds a few batches of float32 in memory at a time.
"""

from collections.abc import Sequence

import tensorflow as tf

from ns.noise import geometry
from ns.noise import op_names
from ns.noise import pointwise
from ns.noise import rounding
from ns.noise import spatial

_GEOMETRIC = ('Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY')
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def apply(images: tf.Tensor, ops: tf.Tensor, arguments: tf.Tensor, *,
          fill: int, contrast: str, among: Sequence[str]) -> tf.Tensor:
  """As `distort.apply`, in this form."""
  for layer in range(ops.shape[1]):
    images = _layer(images, ops[:, layer], arguments[:, layer], fill, contrast,
                    among)
  return images


def _layer(images, ops, arguments, fill, contrast, among):
  """One operation on each image."""

  def picked(*names):
    """[batch]: whose operation is one of `names`."""
    here = tf.zeros_like(ops, tf.bool)
    for name in names:
      here |= ops == op_names.NAMES.index(name)
    return here

  def select(name, changed, others):
    """`changed` where the operation is `name`, else `others`."""
    here = picked(name)[:, tf.newaxis, tf.newaxis, tf.newaxis]
    return tf.where(here, changed, others)

  argument = arguments[:, 0]
  result = images
  for name, operation in (
      ('AutoContrast', lambda: pointwise.autocontrast(images)),
      ('Equalize', lambda: pointwise.equalize(images)),
      ('Invert', lambda: pointwise.invert(images)),
      ('Posterize', lambda: pointwise.posterize(
          images, tf.clip_by_value(argument, 1.0, 8.0))),
      ('Solarize', lambda: pointwise.solarize(images, argument)),
      ('SolarizeAdd', lambda: pointwise.solarize_add(
          images, tf.maximum(argument, 0.0))),
      ('Cutout', lambda: spatial.cutout(
          images, arguments[:, 1], arguments[:, 2],
          tf.cast(argument, tf.int32), fill))):
    if name in among:
      result = select(name, operation(), result)

  bases = {
      'Brightness': lambda values: tf.zeros([]),
      'Color': lambda values: spatial.grey(images),
      'Contrast': lambda values: pointwise.contrast_grey(images, contrast),
      'Sharpness': lambda values: _smooth(images, values),
  }
  blends = [name for name in bases if name in among]
  if blends:
    values = tf.cast(images, tf.float32)
    base = values  # Any factor gives the image back.
    for name in blends:
      base = select(name, bases[name](values), base)
    blended = rounding.blend(base, values, argument)
    here = picked(*blends)[:, tf.newaxis, tf.newaxis, tf.newaxis]
    result = tf.where(here, blended, result)

  moves = [name for name in _GEOMETRIC if name in among]
  if moves:
    moving = picked(*moves)[:, tf.newaxis]
    moved = geometry.transform(
        images, tf.where(moving, arguments, _IDENTITY), fill)
    result = tf.where(moving[:, :, tf.newaxis, tf.newaxis], moved, result)
  return result


def _smooth(images, values):
  """What Sharpness blends with; the outermost pixels as they are."""

  def inside(length):
    place = tf.range(length)
    return (place > 0) & (place < length - 1)

  height, width = tf.unstack(tf.shape(images)[1:3])
  inner = inside(height)[:, tf.newaxis] & inside(width)
  # Padded before, so that an image of one row keeps its shape.
  smooth = spatial.smooth(tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]]))
  return tf.where(inner[:, :, tf.newaxis], smooth, values)
