"""What the images of a shard are, as one checksum: taken while it is labelled.

Sizes and times of files tell at a start whether they changed; this tells
whether the images that a student is given are those that were labelled, when
they are read again to be written. Of every image, as it is stored, 64 bits
(FarmHash, which says what it is for all time and computers) are taken where it
is read anyway.
"""

import hashlib

import numpy as np


class ShardContent:
  """The checksum of images, in the order of a shard."""

  def __init__(self):
    self._hash = hashlib.blake2b(digest_size=16)

  def add(self, fingerprints: np.ndarray) -> None:
    """Adds images: [rows, 8] uint8, as `shard_batches` gives them."""
    self._hash.update(np.ascontiguousarray(fingerprints).tobytes())

  def digest(self) -> str:
    """In hex."""
    return self._hash.hexdigest()
