"""Drawn image operations, applied: one function in several forms.

What is applied was drawn and derived before, by `RandAugment` and its like:
nothing here is random. The TensorFlow form is the definition; the others give
the same bits.

An operation is told by its place in `image_ops.NAMES`, and takes six numbers:

| operation | takes |
|---|---|
| Rotate, ShearX, ShearY, TranslateX, TranslateY | the matrix' a b c d e f |
| Cutout | side of the hole in pixels, row, column in [0, 1) |
| all others | the argument, where they have one |
"""

from collections.abc import Sequence

import tensorflow as tf

from ns.noise import image_ops

NOTHING = -1
FORMS = ('auto', 'tensorflow')
# How many numbers an operation takes at most.
ARGUMENTS = 6


def apply(images: tf.Tensor, ops: tf.Tensor, arguments: tf.Tensor, *,
          fill: int = 128, contrast: str = 'released', form: str = 'auto',
          among: Sequence[str] = image_ops.NAMES) -> tf.Tensor:
  """The images after every layer's operation.

  Args:
    images: [batch, height, width, channels] uint8.
    ops: [batch, layers] int32, places in `image_ops.NAMES`, or `NOTHING`.
    arguments: [batch, layers, 6] float32, see the module.
    fill: the value that comes in from outside the image and fills the hole.
    contrast: 'released' or 'correct', see `image_ops.contrast`.
    form: how it is computed; the result is the same. 'tensorflow' runs
      anywhere; 'auto' is the fastest form that loads here.
    among: the names that `ops` can hold; the others need not be computed.

  Returns:
    The shape of `images`, uint8.
  """
  if form not in FORMS:
    raise ValueError(f'`form` should be one of {", ".join(map(repr, FORMS))}, '
                     f'but is {form!r}.')
  ops = tf.convert_to_tensor(ops, tf.int32)
  arguments = tf.convert_to_tensor(arguments, tf.float32)
  if ops.shape[1] is None:
    raise ValueError('`ops` should have a known number of layers, but is of '
                     f'shape {ops.shape}.')
  for layer in range(ops.shape[1]):
    images = _partitioned(
        images, ops[:, layer], arguments[:, layer], fill, contrast, among)
  return images


def _partitioned(images, ops, arguments, fill, contrast, among):
  """One layer: each operation sees its own images only.

  The batch is divided by the operation, and the parts are put back in order;
  geometric operations share one transform. So a layer costs about one
  operation, not sixteen. The parts have sizes that depend on the draws, which
  XLA does not compile.
  """
  # Place in `image_ops.NAMES`, shifted by one for NOTHING, to part.
  parts = ['', *dict.fromkeys(
      'geometric' if name in image_ops.GEOMETRIC else name for name in among)]
  part_of = [0] + [
      parts.index('geometric' if name in image_ops.GEOMETRIC else name)
      if name in among else 0 for name in image_ops.NAMES]
  places = tf.dynamic_partition(
      tf.range(tf.shape(images)[0]), tf.gather(part_of, ops + 1), len(parts))
  done = []
  for part, at in zip(parts, places):
    own = tf.gather(images, at)
    if part:
      own = _apply_one(part, own, tf.gather(arguments, at), fill, contrast)
    done.append(own)
  return tf.ensure_shape(tf.dynamic_stitch(places, done), images.shape)


def _apply_one(part: str, images, arguments, fill: int, contrast: str):
  """One operation, or all that are geometric, on all of `images`."""
  if part == 'geometric':
    return image_ops.transform(images, arguments, fill)
  if part == 'Cutout':
    size = tf.cast(arguments[:, 0], tf.int32)
    return image_ops.cutout(
        images, arguments[:, 1], arguments[:, 2], size, fill)
  if part in image_ops.PLAIN:
    return image_ops.PLAIN[part](images)
  if part == 'Contrast':
    return image_ops.contrast(images, arguments[:, 0], contrast)
  return image_ops.WITH_ARGUMENT[part](images, arguments[:, 0])
