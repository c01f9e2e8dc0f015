"""The TensorFlow form of `distort`: a batch divided by the operation.

Each operation sees its own images only, and the parts are put back in order;
geometric operations of a kind share one transform. So a layer costs about one
operation, not sixteen. The parts have sizes that depend on the draws, which XLA
does not compile.
"""

from collections.abc import Sequence

import tensorflow as tf

from ns.noise import geometry
from ns.noise import op_names
from ns.noise import pointwise
from ns.noise import spatial

# What is computed at once, by which of a matrix' elements b and d are 0.
_ZEROS = {'Rotate': '', 'ShearX': 'd', 'TranslateX': 'd', 'TranslateY': 'd',
          'ShearY': 'b'}
_PLAIN = {
    'AutoContrast': pointwise.autocontrast,
    'Equalize': pointwise.equalize,
    'Invert': pointwise.invert,
}
_WITH_ARGUMENT = {
    'Posterize': pointwise.posterize,
    'Solarize': pointwise.solarize,
    'SolarizeAdd': pointwise.solarize_add,
    'Color': spatial.color,
    'Brightness': pointwise.brightness,
    'Sharpness': spatial.sharpness,
}


def apply(images: tf.Tensor, ops: tf.Tensor, arguments: tf.Tensor, *,
          fill: int, contrast: str, among: Sequence[str]) -> tf.Tensor:
  """As `distort.apply`, in this form."""
  parts = list(dict.fromkeys(_part(name) for name in among))
  # Of each place in NAMES, after that of NOTHING. The first part stays.
  part_of = [0] + [1 + parts.index(_part(name)) if name in among else 0
                   for name in op_names.NAMES]
  for layer in range(ops.shape[1]):
    places = tf.dynamic_partition(
        tf.range(tf.shape(images)[0]), tf.gather(part_of, ops[:, layer] + 1),
        1 + len(parts))
    done = [tf.gather(images, places[0])]
    for part, at in zip(parts, places[1:]):
      done.append(_apply_part(part, tf.gather(images, at),
                              tf.gather(arguments[:, layer], at), fill,
                              contrast))
    images = tf.ensure_shape(tf.dynamic_stitch(places, done), images.shape)
  return images


def _part(name: str) -> tuple[str, str]:
  """What the operation is computed with: (name, '') or ('transform', zeros)."""
  return ('transform', _ZEROS[name]) if name in _ZEROS else (name, '')


def _apply_part(part, images, arguments, fill: int, contrast: str):
  """One operation, or a kind of those that are geometric, on all `images`."""
  name, zeros = part
  if name == 'transform':
    return geometry.transform(images, arguments, fill, zeros=zeros)
  if name in _PLAIN:
    return _PLAIN[name](images)
  if name in _WITH_ARGUMENT:
    return _WITH_ARGUMENT[name](images, arguments[:, 0])
  if name == 'Contrast':
    return pointwise.contrast(images, arguments[:, 0], contrast)
  return spatial.cutout(images, arguments[:, 1], arguments[:, 2],
                        tf.cast(arguments[:, 0], tf.int32), fill)
