"""Cutout (arXiv 1708.04552): a square hole in every image."""

import dataclasses

from ns.core import checks
from ns.noise import op_names


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cutout:
  """Input noise: a square hole with its middle anywhere in the image.

  The hole is clipped at the image's edges, so it is often smaller than a whole
  square. The reference always cuts one of 16 pixels, half the side, out of
  small images (`preprocessing.py`: pad 32 // 4), after RandAugment.

  Attributes:
    size: the hole's side in pixels.
    probability: of cutting a hole into an image.
    fill: what the values inside become, in [0, 255].
  """
  size: int
  probability: float = 1.0
  fill: int = 128

  def __post_init__(self):
    checks.integer(self, 'size', at_least=1)
    checks.number(self, 'size', at_most=op_names.LARGEST_HOLE)
    checks.number(self, 'probability', at_least=0, at_most=1)
    checks.integer(self, 'fill', at_least=0)
    checks.number(self, 'fill', at_most=255)

  def apply(self, images, seeds):
    """The images with their holes.

    Args:
      images: [batch, height, width, channels] uint8.
      seeds: [batch] int64, one for each image.

    Returns:
      The shape of `images`, uint8.
    """
    import tensorflow as tf
    from ns.core import draws
    from ns.noise import image_ops

    row, column, whether = tf.unstack(draws.uniform(seeds, 3), axis=1)
    return image_ops.cutout(
        images, row, column,
        size=tf.where(whether < self.probability, self.size, 0),
        fill=self.fill)
