"""How the images of a network come out of records: cropped, of one shape."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from ns.core import checks
from ns.core import graphs
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

    return graphs.mapped(records, see, num_parallel_calls=tf.data.AUTOTUNE,
                         deterministic=True)


def each_of(views: Mapping[str, View], records):
  """The records with what each of several views shows of their image.

  An image in bytes is decoded once for all of them, and so as a whole: one that
  is cut short below a view's window is broken here, and not for `View.of`.

  Args:
    views: by the feature that the pixels become; one may be `image` itself.
    records: as of `View.of`.

  Returns:
    The dataset in the same order, with these features, each
    [*view.shape] uint8, and `is_good` [] bool for all of them.
  """
  import tensorflow as tf
  from ns.core import draws
  from ns.core import types
  from ns.images import attempt
  from ns.images import decode
  from ns.mixture import stream

  def see(record):
    image = record[types.IMAGE]
    seed = draws.members(record.get(types.SEED, tf.constant(0, tf.int64)),
                         stream.CROP)
    is_good = tf.constant(True)
    if image.dtype == tf.string:
      image, is_good = attempt.attempt(
          lambda encoded: (decode.decode(encoded), True),
          (tf.zeros([1, 1, 1], tf.uint8), False), image)
    cropped = lambda: [view.crop.apply(image, view.size, view.channels, seed)[0]
                       for view in views.values()]
    black = lambda: [tf.zeros(view.shape, tf.uint8) for view in views.values()]
    seen = tf.cond(is_good, cropped, black)
    return {**record, types.IS_GOOD: is_good, **{
        name: tf.ensure_shape(pixels, view.shape)
        for (name, view), pixels in zip(views.items(), seen)}}

  return graphs.mapped(records, see, num_parallel_calls=tf.data.AUTOTUNE,
                       deterministic=True)
