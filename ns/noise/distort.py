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

from ns.noise import op_arguments
from ns.noise import op_names
from ns.noise import partitioned
from ns.noise import selected
from ns.noise.native import kernel

NOTHING = -1
ARGUMENTS = op_arguments.COUNT


def apply(images: tf.Tensor, ops: tf.Tensor, arguments: tf.Tensor, *,
          fill: int = 128, contrast: str = 'released', form: str = 'auto',
          among: Sequence[str] = op_names.NAMES) -> tf.Tensor:
  """The images after every layer's operation.

  Args:
    images: [batch, height, width, channels] uint8.
    ops: [batch, layers] int32, places in `image_ops.NAMES`, or `NOTHING`.
    arguments: [batch, layers, 6] float32, see the module.
    fill: the value that comes in from outside the image and fills the hole.
    contrast: 'released' or 'correct', see `image_ops.contrast`.
    form: how it is computed; the result is the same. 'native' is a C++ kernel
      for the host, several times faster. 'tensorflow' runs anywhere. 'xla'
      compiles, and takes many times longer where it is not compiled. 'auto' is
      'native' where that loads and 'tensorflow', with one warning, elsewhere.
    among: the names that `ops` can hold; the others need not be computed.

  Returns:
    The shape of `images`, uint8.

  Raises:
    TypeError: for images of another type.
    ValueError: for an unknown form or contrast, or operations of which the
      number of layers is not known.
  """
  for name, value, choices in (('form', form, op_names.FORMS),
                               ('contrast', contrast, op_names.CONTRASTS)):
    if value not in choices:
      raise ValueError(f'`{name}` should be one of '
                       f'{", ".join(map(repr, choices))}, but is {value!r}.')
  images = tf.convert_to_tensor(images)
  if images.dtype != tf.uint8:
    raise TypeError(f'`images` should be of type uint8, but is of '
                    f'{images.dtype.name}; noise comes before values are '
                    'scaled.')
  ops = tf.convert_to_tensor(ops, tf.int32)
  arguments = tf.convert_to_tensor(arguments, tf.float32)
  if ops.shape.rank != 2 or ops.shape[1] is None:
    raise ValueError('`ops` should be of shape [batch, layers] with a known '
                     f'number of layers, but is of shape {ops.shape}.')
  native = _native(form, images)
  if native is not None:
    return native.noisy_student_distort(
        images=images, ops=ops, arguments=arguments, fill=fill,
        contrast=contrast)
  module = selected if form == 'xla' else partitioned
  return module.apply(images, ops, arguments, fill=fill, contrast=contrast,
                      among=among)


def _native(form: str, images: tf.Tensor):
  """The module of the native kernel, or None where another form is meant."""
  if form == 'native':
    return kernel.require()
  if form == 'auto' and images.shape[-1] in (1, 3):  # It takes no others.
    return kernel.load()
  return None
