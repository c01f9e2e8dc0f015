"""Mirroring and small shifts: the ordinary augmentation of small images."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlipAndShift:
  """Input noise: mirrors half of the images, and moves each by a few pixels.

  As the reference prepares 32x32 images (`preprocessing.py`): `shift` pixels
  are added on every side by reflection, which does not repeat the edge, and a
  window of the image's size is cut out at a random place. The reference has a
  shift of 4 and does not flip SVHN, whose digits do not look the same mirrored.

  Attributes:
    flip: whether half of the images are mirrored, left to right.
    shift: most pixels that an image moves, in either direction; every number of
      pixels is as likely.
  """
  flip: bool = True
  shift: int = 2

  def __post_init__(self):
    checks.one_of(self, 'flip', (True, False))
    checks.integer(self, 'shift', at_least=0)

  def apply(self, images, seeds):
    """The images, each mirrored or not and moved.

    Args:
      images: [batch, height, width, channels] uint8, more than `shift` pixels
        high and wide.
      seeds: [batch] int64, one for each image.

    Returns:
      The shape of `images`, uint8.

    Raises:
      ValueError: if the images are known to be too small for the shift.
    """
    import tensorflow as tf
    from ns.core import draws

    for length in images.shape[1:3]:
      if length is not None and length <= self.shift:
        raise ValueError(
            '`FlipAndShift.shift` should be less than the height and width of '
            f'the images, but is {self.shift} for images of shape '
            f'{images.shape}.')
    mirrored, down, right = tf.unstack(draws.uniform(seeds, 3), axis=1)

    def source(length, where):
      """[batch, length]: which row (or column) comes to each place."""
      window = tf.cast(where * (2 * self.shift + 1), tf.int32) - self.shift
      place = tf.abs(tf.range(length) + window[:, tf.newaxis])
      last = length - 1
      return last - tf.abs(last - place)

    batch, height, width, channels = tf.unstack(tf.shape(images))
    rows, columns = source(height, down), source(width, right)
    if self.flip:
      columns = tf.where(
          mirrored[:, tf.newaxis] < 0.5, width - 1 - columns, columns)
    first = tf.range(batch)[:, tf.newaxis] * height
    pixels = ((first + rows) * width)[:, :, tf.newaxis] + columns[:, tf.newaxis]
    moved = tf.gather(tf.reshape(images, [-1, channels]), pixels)
    return tf.ensure_shape(moved, images.shape)
