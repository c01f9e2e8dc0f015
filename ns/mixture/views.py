"""How the images of a network come out of records: cropped, of one shape."""

import dataclasses
from typing import Any

from ns.core import checks
from ns.images import crop as crop_lib


@dataclasses.dataclass(frozen=True, kw_only=True)
class View:
  """What a network sees of an image.

  Attributes:
    size: side of its images, in pixels.
    channels: 1 for grey, 3 for colour.
    crop: how an image is cut out and resized (`ns.images`).
  """
  size: int
  channels: int
  crop: Any = crop_lib.AsIs()

  def __post_init__(self):
    checks.integer(self, 'size', at_least=1)
    checks.integer(self, 'channels', at_least=1)
    checks.has_methods(self, 'crop', 'apply')

  @property
  def shape(self) -> tuple[int, int, int]:
    """(height, width, channels) of its images."""
    return self.size, self.size, self.channels

  def of(self, records):
    """The records with their images as the network sees them.

    Args:
      records: a `tf.data.Dataset` of dicts with `image`, pixels or encoded
        bytes, and, where the crop is a random one, `seed` [] int64.

    Returns:
      The dataset in the same order, with `image` [*shape] uint8 and `is_good`
      [] bool: False, and black, where it does not decode.
    """
    import tensorflow as tf
    from ns.core import draws
    from ns.core import types
    from ns.mixture import stream

    def see(record):
      seed = record.get(types.SEED, tf.constant(0, tf.int64))
      image, is_good = self.crop.apply(
          record[types.IMAGE], self.size, self.channels,
          draws.members(seed, stream.CROP))
      return {**record, types.IMAGE: tf.ensure_shape(image, self.shape),
              types.IS_GOOD: is_good}

    return records.map(see, num_parallel_calls=tf.data.AUTOTUNE,
                       deterministic=True)
