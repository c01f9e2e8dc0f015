"""RandAugment (arXiv 1909.13719) as Noisy Student uses it, on whole batches.

Each of `layers` picks one operation for every image, uniformly, and applies it
at the strength of `magnitude`. The operations are those of `image_ops`; their
arguments at a magnitude M are the reference's (`randaugment.py`,
`level_to_arg`), and every one is applied: there is no identity among them.

| operation | argument |
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

A batch is divided by the operation picked, each operation sees its own images
only, and the parts are put back in order; geometric operations share one
transform. So a layer costs about one operation, not sixteen. The parts have
sizes that depend on the draws, which XLA does not compile; the single
operations it does, see `image_ops`.
"""

import dataclasses
import difflib
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from ns.core import checks
from ns.noise import op_names

REFERENCE_OPS = op_names.NAMES

# Random numbers for one layer: operation, whether, sign, row, column.
_DRAWS = 5


class Choice(NamedTuple):
  """What was drawn for one layer.

  Attributes:
    op: [batch] int32, the place in `ops`; `len(ops)` for no operation.
    sign: [batch] float32, 1 or -1, for the operations that have a sign.
    row: [batch] float32 in [0, 1), where Cutout's middle is in the height.
    column: [batch] float32 in [0, 1), likewise in the width.
  """
  op: Any
  sign: Any
  row: Any
  column: Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandAugment:
  """Input noise: `layers` random operations on each image.

  Attributes:
    magnitude: strength, in [0, 30]; the released recipes go from 6 (B2) to 27
      (B7) with two layers. Past 10 see `overflow`.
    layers: operations on each image, one after the other.
    ops: the names to pick from; a name given twice is picked twice as often.
    cutout_size: half the side in pixels of Cutout's hole at magnitude 10. The
      reference has 40 for ImageNet at every size, and an eighth of the side for
      small images.
    translate_size: pixels that TranslateX and TranslateY move at magnitude 10.
      The reference has 100 for ImageNet, and an eighth of the side for small
      images.
    fill: the value that comes in from outside the image and fills the hole.
    overflow: what Solarize and Posterize do where their argument leaves its
      range, from magnitude 10 and 22.5 on. 'wrap', as released: the threshold
      is taken modulo 256, and more than 8 bits are 1 bit. 'clamp': the
      threshold stops at 256 (nothing is inverted) and the bits at 8 (all stay).
    probability: of applying a layer to an image. The reference always does.
  """
  magnitude: float
  layers: int = 2
  ops: Sequence[str] = REFERENCE_OPS
  cutout_size: int = 40
  translate_size: float = 100
  fill: int = 128
  overflow: str = 'wrap'
  probability: float = 1.0

  def __post_init__(self):
    checks.number(self, 'magnitude', at_least=0, at_most=30)
    checks.integer(self, 'layers', at_least=1)
    checks.integer(self, 'cutout_size', at_least=0)
    checks.number(self, 'translate_size', at_least=0)
    checks.integer(self, 'fill', at_least=0)
    checks.number(self, 'fill', at_most=255)
    checks.one_of(self, 'overflow', ('wrap', 'clamp'))
    checks.number(self, 'probability', at_least=0, at_most=1)
    _check_ops(self.ops)
    object.__setattr__(self, 'ops', tuple(self.ops))

  def argument(self, op: str) -> float | int:
    """The argument of the operation named `op` at this magnitude, unsigned.

    For Cutout the side of its hole; 0 for operations without an argument.
    """
    level = self.magnitude / 10
    match op:
      case 'Rotate':
        return level * 30
      case 'ShearX' | 'ShearY':
        return level * 0.3
      case 'TranslateX' | 'TranslateY':
        return level * self.translate_size
      case 'Color' | 'Contrast' | 'Brightness' | 'Sharpness':
        return level * 1.8 + 0.1
      case 'SolarizeAdd':
        return int(level * 110)
      case 'Cutout':
        return 2 * int(level * self.cutout_size)
      case 'Solarize':
        threshold = int(level * 256)
        return threshold % 256 if self.overflow == 'wrap' else min(
            threshold, 256)
      case 'Posterize':
        # No bits would be a shift by 8, more than 8 a shift by some 255: the
        # reference's shift stops at 7, which leaves one bit.
        bits = max(int(level * 4), 1)
        return bits if bits <= 8 else {'wrap': 1, 'clamp': 8}[self.overflow]
      case _:
        return 0

  def draw(self, seeds) -> list[Choice]:
    """What happens to each image.

    Args:
      seeds: [batch] int64, one for each image.

    Returns:
      A choice for each layer; the first ones do not depend on `layers`.
    """
    import tensorflow as tf
    from ns.core import draws

    numbers = tf.unstack(draws.uniform(seeds, _DRAWS * self.layers), axis=1)
    choices = []
    for layer in range(self.layers):
      op, whether, sign, row, column = numbers[_DRAWS * layer:][:_DRAWS]
      op = tf.cast(op * len(self.ops), tf.int32)
      choices.append(Choice(
          op=tf.where(whether < self.probability, op, len(self.ops)),
          sign=tf.where(sign < 0.5, 1.0, -1.0), row=row, column=column))
    return choices

  def apply(self, images, seeds):
    """The images, each after `layers` operations of its own.

    Args:
      images: [batch, height, width, channels] uint8, with 1 or 3 channels.
      seeds: [batch] int64, one for each image.

    Returns:
      The shape of `images`, uint8.
    """
    import tensorflow as tf
    from ns.noise import distort

    shape = tf.shape(images)
    places = tf.constant(
        [REFERENCE_OPS.index(op) for op in self.ops] + [distort.NOTHING])
    choices = self.draw(seeds)
    return distort.apply(
        images,
        tf.stack([tf.gather(places, c.op) for c in choices], axis=1),
        tf.stack([self._arguments(c, shape[1], shape[2]) for c in choices],
                 axis=1),
        fill=self.fill, among=self.ops)

  def _arguments(self, choice: Choice, height, width):
    """[batch, 6] float32: what each image's operation takes."""
    import tensorflow as tf
    from ns.noise import distort
    from ns.noise import image_ops

    zeros = tf.zeros_like(choice.sign)
    rows = []
    for op in self.ops:
      argument = self.argument(op)
      if op in image_ops.GEOMETRIC:
        row = image_ops.GEOMETRIC[op](argument * choice.sign, height, width)
      else:
        numbers = [tf.fill(tf.shape(zeros), float(argument))]
        if op == 'Cutout':
          numbers += [choice.row, choice.column]
        numbers += [zeros] * (distort.ARGUMENTS - len(numbers))
        row = tf.stack(numbers, axis=1)
      rows.append(row)
    rows.append(tf.zeros_like(rows[0]))
    batch = tf.range(tf.shape(zeros)[0])
    return tf.gather_nd(
        tf.stack(rows), tf.stack([choice.op, batch], axis=1))


def _check_ops(ops: Any) -> None:
  """Checks `RandAugment.ops`: names, at least one, all known."""
  if not isinstance(ops, (list, tuple)) or not ops:
    raise ValueError('`RandAugment.ops` should be a list of at least one name '
                     f'of {", ".join(REFERENCE_OPS)}, but is {ops!r}.')
  by_lower = {name.lower(): name for name in REFERENCE_OPS}
  for op in ops:
    if op not in REFERENCE_OPS:
      plain = str(op).lower().replace('_', '')
      nearest, = difflib.get_close_matches(plain, by_lower, n=1, cutoff=0)
      raise ValueError('`RandAugment.ops` should be of names of the reference, '
                       f'but has {op!r}; the nearest is '
                       f'{by_lower[nearest]!r}.')
