"""CutMix (arXiv 1905.04899): a box of each image is another image's."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class CutMix:
  """Batch noise: a box of each image is replaced by that of another.

  A part p is drawn for each image from Beta(alpha, alpha). The box has
  sqrt(1 - p) of the image's height and width, rounded down to an even number of
  pixels, its middle anywhere in the image, and is clipped at the image's edges.
  Labels are mixed by the pixels that remain (section 3.1 and the paper's code).
  See `mixing` for who is mixed with whom.

  Attributes:
    alpha: 1 for every part as likely, as in the paper.
    probability: of mixing another into an image: 1 on ImageNet, 0.5 on CIFAR in
      the paper's code.
  """
  alpha: float = 1.0
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
      Images, labels and weights, of the same shapes and types.
    """
    import numpy as np
    import tensorflow as tf
    from ns.noise import beta
    from ns.noise import mixing

    pair = mixing.draw(seeds, weights, is_labelled, self.probability, extra=2)
    side = tf.gather(np.sqrt(1 - beta.quantiles(self.alpha)).astype(np.float32),
                     pair.part)

    def inside(fraction, length):
      """[batch, length]: which rows (or columns) are the box's."""
      size = tf.cast(length, tf.float32)
      middle = tf.cast(fraction * size, tf.int32)
      half = tf.cast(side * size, tf.int32) // 2
      place = tf.range(length) - middle[:, tf.newaxis]
      return (place >= -half[:, tf.newaxis]) & (place < half[:, tf.newaxis])

    height, width = tf.unstack(tf.shape(images)[1:3])
    rows = inside(pair.numbers[:, 0], height)
    columns = inside(pair.numbers[:, 1], width)
    box = rows[:, :, tf.newaxis] & columns[:, tf.newaxis]
    mixed = tf.where(box[..., tf.newaxis], tf.gather(images, pair.partner),
                     images)

    count = lambda where: tf.reduce_sum(tf.cast(where, tf.int32), axis=1)
    pixels = height * width
    remaining = pixels - count(rows) * count(columns)
    own = pair.partner == tf.range(tf.shape(images)[0])
    part = tf.where(own, 1.0, tf.cast(remaining, tf.float32)
                    / tf.cast(pixels, tf.float32))
    return (mixed, *mixing.mix_labels(labels, weights, pair.partner, part))
