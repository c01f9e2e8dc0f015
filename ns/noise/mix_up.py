"""MixUp (arXiv 1710.09412): sums of two images, and of their labels."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixUp:
  """Batch noise: each image becomes a weighted mean of itself and another.

  An image's part is drawn for each image from Beta(alpha, alpha). (The paper's
  own code draws it once for a batch.) See `mixing` for who is mixed with whom.

  Attributes:
    alpha: small for mixtures that are mostly one image, 1 for all as likely;
      0.1 to 0.4 did best on ImageNet (section 3.1).
    probability: of mixing another into an image.
  """
  alpha: float = 0.2
  probability: float = 1.0

  def __post_init__(self):
    checks.number(self, 'alpha', at_least=0.01, at_most=100)
    checks.number(self, 'probability', at_least=0, at_most=1)

  def mix(self, images, labels, weights, is_labelled, seeds):
    """The mixtures.

    Args:
      images: [batch, height, width, channels] uint8.
      labels: [batch, classes] float32, distributions.
      weights: [batch] float32, each image's part in the loss.
      is_labelled: [batch] float32, 1 or 0.
      seeds: [batch] int64, one for each image.

    Returns:
      Images (values rounded, halves up), labels and weights, of the same shapes
      and types.
    """
    import tensorflow as tf
    from ns.noise import mixing
    from ns.noise import rounding

    pair = mixing.draw(seeds, weights, is_labelled, self.probability)
    part = mixing.parts(self.alpha, pair)
    own = tf.cast(images, tf.float32)
    other = tf.gather(own, pair.partner)
    added = rounding.barrier(rounding.per_image(part) * (own - other))
    mixed = rounding.to_uint8(rounding.barrier(other + added) + 0.5)
    return (mixed, *mixing.mix_labels(labels, weights, pair.partner, part))
