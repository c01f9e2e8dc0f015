"""RandAugment (arXiv 1909.13719) as Noisy Student uses it, on whole batches.

Each of `layers` picks one operation for every image, uniformly, and applies it
at the strength of `magnitude`. The operations are those of `image_ops`; their
arguments at a magnitude are the reference's, see `op_arguments`, and every one
is applied: there is no identity among them. All that is random is drawn here,
for a whole batch at once; `distort` applies it.
"""

from collections.abc import Sequence
import dataclasses
import difflib
import functools
import statistics
from typing import Any
from typing import NamedTuple

import numpy as np

from ns.core import checks
from ns.core import manifest
from ns.noise import op_arguments
from ns.noise import op_names

REFERENCE_OPS = op_names.NAMES

# Random numbers for one layer: operation, whether, sign, row, column.
_DRAWS = 5
# Magnitudes are drawn from a stream of their own, so that the others stay.
_MAGNITUDES = 2**32
# A drawn magnitude is one of 64 a unit: what an operation takes is then looked
# up, and the same on every backend.
_GRID = 64
_MOST = 30


class Choice(NamedTuple):
  """What was drawn, of shape [batch, layers].

  Attributes:
    op: int32, the place in `REFERENCE_OPS`, or -1 for no operation.
    sign: float32, 1 or -1, for the operations that have a sign.
    row: float32 in [0, 1), where Cutout's middle is in the height.
    column: float32 in [0, 1), likewise in the width.
    level: int32, the place of the magnitude in `RandAugment.magnitudes`.
  """
  op: Any
  sign: Any
  row: Any
  column: Any
  level: Any


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
    magnitude_std: standard deviation of the magnitude, which is then drawn for
      each image and layer from a normal distribution about `magnitude`, clipped
      to [0, 30]; to 1/64. Not in the papers: timm's `auto_augment.py` has it
      (`mstd`, 0.5 in its recipes), clipped to [0, 10] unless told otherwise.
    contrast: the grey that Contrast blends with. 'released': a constant of the
      image's size, by mistake. 'correct': the image's mean.
    form: how it is computed, see `distort`; the result is the same.
  """
  magnitude: float
  layers: int = 2
  ops: Sequence[str] = REFERENCE_OPS
  cutout_size: int = 40
  translate_size: float = 100
  fill: int = 128
  overflow: str = 'wrap'
  probability: float = 1.0
  magnitude_std: float = 0.0
  contrast: str = 'released'
  form: str = manifest.execution(default='auto')

  def __post_init__(self):
    checks.number(self, 'magnitude', at_least=0, at_most=_MOST)
    checks.integer(self, 'layers', at_least=1)
    checks.integer(self, 'cutout_size', at_least=0)
    checks.number(self, 'cutout_size', at_most=op_names.LARGEST_HOLE)
    checks.number(self, 'translate_size', at_least=0)
    checks.integer(self, 'fill', at_least=0)
    checks.number(self, 'fill', at_most=255)
    checks.one_of(self, 'overflow', op_names.OVERFLOWS)
    checks.number(self, 'probability', at_least=0, at_most=1)
    checks.number(self, 'magnitude_std', at_least=0)
    checks.one_of(self, 'contrast', op_names.CONTRASTS)
    checks.one_of(self, 'form', op_names.FORMS)
    _check_ops(self.ops)
    object.__setattr__(self, 'ops', tuple(self.ops))

  @property
  def arguments(self) -> op_arguments.OpArguments:
    """What the operations take at a magnitude."""
    return op_arguments.OpArguments(
        cutout_size=self.cutout_size, translate_size=self.translate_size,
        overflow=self.overflow)

  def argument(self, op: str) -> float | int:
    """The argument of the operation named `op` at `magnitude`, unsigned.

    For Cutout the side of its hole; 0 for operations without an argument.
    """
    return self.arguments.unsigned(op, self.magnitude)

  @property
  def magnitudes(self) -> tuple[float, ...]:
    """The magnitudes that can be drawn."""
    if not self.magnitude_std:
      return (self.magnitude,)
    return tuple(n / _GRID for n in range(_MOST * _GRID + 1))

  def draw(self, seeds) -> Choice:
    """What happens to each image.

    Args:
      seeds: [batch] int64, one for each image.

    Returns:
      A choice; that of the first layers does not depend on `layers`.
    """
    import tensorflow as tf
    from ns.core import draws

    numbers = tf.reshape(draws.uniform(seeds, _DRAWS * self.layers),
                         [-1, self.layers, _DRAWS])
    op, whether, sign, row, column = tf.unstack(numbers, axis=-1)
    places = tf.constant([REFERENCE_OPS.index(name) for name in self.ops])
    op = tf.gather(places, tf.cast(op * len(self.ops), tf.int32))
    return Choice(
        op=tf.where(whether < self.probability, op, -1),
        sign=tf.where(sign < 0.5, 1.0, -1.0), row=row, column=column,
        level=self._draw_level(seeds, tf.zeros_like(op)))

  def _draw_level(self, seeds, zeros):
    """`Choice.level`: by the distribution function of the magnitudes."""
    import tensorflow as tf
    from ns.core import draws

    if not self.magnitude_std:
      return zeros
    stream = draws.members(seeds, tf.constant(_MAGNITUDES, tf.int64))
    number = draws.uniform(stream, self.layers)
    level = tf.searchsorted(
        _up_to(self.magnitude, self.magnitude_std), tf.reshape(number, [-1]),
        side='right')
    return tf.reshape(level, tf.shape(zeros))

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

    choice = self.draw(seeds)
    rows = tuple((op, magnitude) for magnitude in self.magnitudes
                 for op in REFERENCE_OPS)
    numbers = tf.gather(
        op_arguments.table(self.arguments, rows),
        choice.level * len(REFERENCE_OPS) + tf.maximum(choice.op, 0))
    shape = tf.shape(images)
    taken = op_arguments.assemble(
        choice.op, numbers, choice.sign, choice.row, choice.column, shape[1],
        shape[2])
    return distort.apply(images, choice.op, taken, fill=self.fill,
                         contrast=self.contrast, form=self.form, among=self.ops)


@functools.lru_cache(maxsize=32)
def _up_to(mean: float, std: float) -> np.ndarray:
  """Probability of a magnitude up to each of the grid but the last, float32.

  Those that are drawn outside of the grid's ends come to the ends.
  """
  normal = statistics.NormalDist(mean, std)
  return np.array([normal.cdf((n + 0.5) / _GRID) for n in range(_MOST * _GRID)],
                  np.float32)


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
