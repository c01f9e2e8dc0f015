"""What the images of a source of loose images are, as checksums.

Sizes and times of files tell at a start whether they changed; this tells
whether an image has other content with the same size and time. Of every image,
as it is stored, 64 bits (FarmHash, which says what it is for all time and
computers) are noted when it is first read, whoever reads it, and compared
whenever it is read again, in this start or a later one. Those of images that
were all decoded for the manifest are in it. The others are kept beside it, in a
file of each shard in the folder `<manifest>.contents`: 16 bytes that say of
which files they are, then 8 bytes for each of these, little-endian, 0 where it
was not read yet. What is noted of one image says nothing of the others, so that
a shard may be read in any order, in parts, and by several processes; one that
loses what another has noted at the same time notes it again.
"""

from collections.abc import Sequence
import hashlib
import threading

from etils import epath
import numpy as np

from ns.core import files
from ns.mixture import source_manifest

_HEAD = 16


def of_images(images: Sequence[bytes]) -> np.ndarray:
  """[images] uint64: the checksum of each."""
  import tensorflow as tf
  with tf.device('cpu'):
    found = tf.raw_ops.Fingerprint(data=images, method='farmhash64').numpy()
  return found.view('<u8')[:, 0]


class Contents:
  """The checksums that are known of a source's images."""

  def __init__(self, made: source_manifest.Manifest, path: epath.PathLike):
    """Of a manifest of image files.

    Args:
      made: the manifest.
      path: its path.
    """
    self._made = made
    self._folder = folder(path)
    self._known, self._heads = {}, {}
    self._new = set()
    self._is_kept = True
    self._lock = threading.Lock()

  def note(self, number: int, rows: np.ndarray, images: Sequence[bytes]
           ) -> np.ndarray:
    """Compares images with what they were, and notes those read first.

    Args:
      number: of the shard.
      rows: [images] int64, of the images in it.
      images: as they are now.

    Returns:
      Which of them are others than they were.
    """
    now = of_images(images)
    with self._lock:
      known = self._of(number)
      was = known[rows]
      if not was.all():
        known[rows] = np.where(was == 0, now, was)
        self._new.add(number)
    return np.flatnonzero((was != 0) & (was != now))

  def save(self, number: int) -> None:
    """Keeps what is noted of a shard, if something is new.

    A manifest may be where nothing can be written: that is said once, and what
    is noted is known to this object alone.
    """
    import tensorflow as tf
    with self._lock:
      if number not in self._new or not self._is_kept:
        return
      known = self._of(number)
      also = self._read(number)  # Another process may have been here.
      known[:] = np.where(known == 0, also, known)
      self._new.discard(number)
      try:
        files.write_whole(self._path(number), self._head(number)
                          + known.astype('<u8').tobytes(), by_several=True)
      except (OSError, tf.errors.OpError) as error:
        self._is_kept = False
        print(f'`{self._folder}` cannot be written ({error}): whether images '
              'have other content than before is known within this start only',
              flush=True)

  def knows(self, number: int, row: int) -> bool:
    """Whether the image was read before."""
    with self._lock:
      return bool(self._of(number)[row])

  def digest(self, number: int) -> str:
    """Of all images of a shard; empty as long as one was not read."""
    with self._lock:
      known = self._of(number)
    return ('' if not known.all() else hashlib.blake2b(
        known.astype('<u8').tobytes(), digest_size=16).hexdigest())

  def _of(self, number: int) -> np.ndarray:
    """[images of the shard] uint64; 0 where nothing is known."""
    if number not in self._known:
      noted = self._rows(number)['content'].fill_null(0).to_numpy().copy()
      self._known[number] = np.where(noted == 0, self._read(number), noted)
    return self._known[number]

  def _read(self, number: int) -> np.ndarray:
    count = self._made.files[number].num_records
    try:
      found = self._path(number).read_bytes()
    except OSError:  # Mostly that it is not there yet.
      found = b''
    if len(found) != _HEAD + 8 * count or not found.startswith(
        self._head(number)):
      return np.zeros(count, np.uint64)
    return np.frombuffer(found, '<u8', offset=_HEAD).astype(np.uint64)

  def _head(self, number: int) -> bytes:
    if number not in self._heads:
      rows = self._rows(number)
      digest = hashlib.blake2b(digest_size=_HEAD)
      digest.update('\0'.join(rows['path'].to_pylist()).encode())
      digest.update(rows['bytes'].to_numpy().astype('<i8').tobytes())
      self._heads[number] = digest.digest()
    return self._heads[number]

  def _rows(self, number: int):
    return self._made.examples.slice(
        self._made.begins[number], self._made.files[number].num_records)

  def _path(self, number: int) -> epath.Path:
    return self._folder / self._made.files[number].name


def folder(path: epath.PathLike) -> epath.Path:
  """Where the checksums are kept that belong to the manifest at `path`."""
  path = epath.Path(path)
  return path.with_name(f'{path.name}.contents')


def forget(path: epath.PathLike) -> None:
  """Removes those of the manifest at `path`, which is made anew."""
  if folder(path).exists():
    folder(path).rmtree()
