"""What an operation takes at a magnitude.

The reference's table (`randaugment.py`, `level_to_arg`; AutoAugment's levels
are magnitudes up to 10 of the same):

| operation | argument at magnitude M |
|---|---|
| AutoContrast, Equalize, Invert | none |
| Rotate | +-3 M degrees |
| ShearX, ShearY | +-0.03 M pixels a pixel |
| TranslateX, TranslateY | +-0.1 M `translate_size` pixels |
| Color, Contrast, Brightness, Sharpness | factor 0.18 M + 0.1 |
| Posterize | int(0.4 M) bits kept |
| Solarize | int(25.6 M), the least value inverted |
| SolarizeAdd | int(11 M) added below 128 |
| Cutout | a hole of side 2 int(0.1 M `cutout_size`) at a random place |

The numbers of the table are computed in Python and looked up by the tensors, so
that they are the same on every backend.
"""

from collections.abc import Sequence
import dataclasses
import functools
import math
from typing import Any

import numpy as np

from ns.noise import op_names

# How many numbers an operation takes at most, see `distort`.
COUNT = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpArguments:
  """The table.

  Attributes:
    cutout_size, translate_size, overflow: as in `RandAugment`.
  """
  cutout_size: int
  translate_size: float
  overflow: str

  def unsigned(self, op: str, magnitude: float) -> float | int:
    """The argument of the operation named `op`, without its sign.

    For Cutout the side of its hole; 0 for operations without an argument.
    """
    level = magnitude / 10
    if op == 'Rotate':
      return level * 30
    if op in ('ShearX', 'ShearY'):
      return level * 0.3
    if op in ('TranslateX', 'TranslateY'):
      return level * self.translate_size
    if op in ('Color', 'Contrast', 'Brightness', 'Sharpness'):
      return level * 1.8 + 0.1
    if op == 'SolarizeAdd':
      return int(level * 110)
    if op == 'Cutout':
      return 2 * int(level * self.cutout_size)
    if op == 'Solarize':
      threshold = int(level * 256)
      wrap = self.overflow == 'wrap'
      return threshold % 256 if wrap else min(threshold, 256)
    if op == 'Posterize':
      # No bits would be a shift by 8, more than 8 a shift by some 255: the
      # reference's shift stops at 7, which leaves one bit.
      bits = max(int(level * 4), 1)
      return bits if bits <= 8 else {'wrap': 1, 'clamp': 8}[self.overflow]
    return 0


# Cached, and so never traced by TensorFlow: thousands of rows are slow there.
@functools.lru_cache(maxsize=32)
def table(arguments: OpArguments,
          rows: Sequence[tuple[str, float]]) -> np.ndarray:
  """Two numbers for each (operation, magnitude) of `rows`: [rows, 2] float32.

  The argument without its sign and 0, for Rotate the sine and cosine.
  """
  numbers = np.zeros([len(rows), 2], np.float32)
  for row, (op, magnitude) in enumerate(rows):
    argument = np.float32(arguments.unsigned(op, magnitude))
    if op == 'Rotate':
      # The angle is rounded to float32 as in the reference.
      radians = float(argument * np.float32(math.pi / 180))
      numbers[row] = math.sin(radians), math.cos(radians)
    else:
      numbers[row, 0] = argument
  return numbers


def _layout() -> np.ndarray:
  """Where numbers go: [1 + operations, 4, COUNT] float32.

  What an operation takes is the sum of the four rows, times 1, the first
  number, the first number with its sign, and the second number. The first
  operation is that of NOTHING.
  """
  one, first, signed, second = range(4)
  a, b, c, d, e, f = range(COUNT)
  layout = np.zeros([1 + len(op_names.NAMES), 4, COUNT], np.float32)
  of = {name: layout[1 + n] for n, name in enumerate(op_names.NAMES)}
  of['Rotate'][second, [a, e]] = 1
  of['Rotate'][signed, [b, d]] = -1, 1
  for name, place in (('ShearX', b), ('ShearY', d), ('TranslateX', c),
                      ('TranslateY', f)):
    of[name][one, [a, e]] = 1
    of[name][signed, place] = 1
  for name in set(op_names.NAMES) - {
      'Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY'}:
    of[name][first, 0] = 1
  return layout


def assemble(ops: Any, numbers: Any, sign: Any, row: Any, column: Any, height,
             width) -> Any:
  """What `distort.apply` takes: [batch, layers, COUNT] float32.

  Args:
    ops: [batch, layers] int32, as there.
    numbers: [batch, layers, 2] float32, rows of `table`.
    sign: [batch, layers] float32, 1 or -1.
    row: [batch, layers] float32 in [0, 1), of Cutout's middle.
    column: [batch, layers] float32 in [0, 1), likewise.
    height, width: of the images, [] int32.
  """
  import tensorflow as tf
  from ns.noise import geometry

  first, second = tf.unstack(numbers, axis=-1)
  layout = tf.gather(_layout(), ops + 1)
  # At most one summand is not 0, so nothing is rounded.
  taken = layout[:, :, 0] + tf.reduce_sum(
      layout[:, :, 1:] * tf.stack(
          [first, first * sign, second], axis=-1)[..., tf.newaxis], axis=2)
  a, b, c, d, e, f = tf.unstack(taken, axis=-1)
  cutout = ops == op_names.NAMES.index('Cutout')
  rotate = ops == op_names.NAMES.index('Rotate')
  x, y = geometry.middle_stays(first * sign, second, height, width)
  return tf.stack([
      a, tf.where(cutout, row, b),
      tf.where(cutout, column, tf.where(rotate, x, c)),
      d, e, tf.where(rotate, y, f)], axis=-1)
