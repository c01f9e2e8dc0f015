"""An input noise by which a test sees the seeds that images are given."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class SeedAsImage:
  """Noise that leaves nothing of an image: its first bytes are its seed."""

  def apply(self, images, seeds):
    """Images of 8 bytes or more, [batch, ...] uint8, and their seeds."""
    import tensorflow as tf
    written = tf.bitcast(seeds, tf.uint8)
    size = images.shape[1:].num_elements()
    return tf.reshape(tf.pad(written, [[0, 0], [0, size - 8]]),
                      tf.shape(images))


def seeds(images) -> list[int]:
  """The seeds that `SeedAsImage` wrote."""
  flat = np.asarray(images).reshape(len(images), -1)
  return np.ascontiguousarray(flat[:, :8]).view(np.int64)[:, 0].tolist()
