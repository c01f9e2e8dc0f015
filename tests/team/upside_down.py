"""A team's own noise, outside ns: images upside down."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpsideDown:
  """Turns some images upside down.

  Attributes:
    share: of the images that are turned.
  """
  share: float = 0.5

  def __post_init__(self):
    checks.number(self, 'share', at_least=0, at_most=1)

  def apply(self, images, seeds):
    """See `ns.noise`."""
    import tensorflow as tf
    from ns.core import draws
    turned = draws.uniform(seeds, 1)[:, 0] < self.share
    return tf.where(turned[:, tf.newaxis, tf.newaxis, tf.newaxis],
                    images[:, ::-1], images)
