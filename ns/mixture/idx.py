"""Images and labels in IDX files: all in memory, once they are read."""

from collections.abc import Sequence
import dataclasses
import functools
import gzip
import hashlib
import zlib

import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import files
from ns.mixture import lane
from ns.mixture import sources


@dataclasses.dataclass(frozen=True, kw_only=True)
class Idx(sources.Source):
  """Images and labels in IDX files, the format of MNIST and its relatives.

  Attributes:
    name: a short name, the beginning of the keys.
    images: path of the images, rank 3 (grey) or 4, uint8; may be gzipped.
      `@repository/file` is a file of a Bazel repository among the program's
      data.
    labels: path of the labels, rank 1, uint8.
    classes: number of classes.
    class_names: what they are called, for people; their numbers if empty.
  """
  name: str
  images: str
  labels: str
  classes: int
  class_names: Sequence[str] = ()
  is_labelled = is_random_access = True

  def __post_init__(self):
    for name in ('name', 'images', 'labels'):
      checks.instance(self, name, str)
    checks.integer(self, 'classes', at_least=2)
    sources.name_classes(self)

  @functools.cached_property
  def pixels(self) -> np.ndarray:
    """[num_examples, height, width, channels] uint8."""
    array = _read_idx(self, 'images', ranks=(3, 4))
    return array[..., np.newaxis] if array.ndim == 3 else array

  @functools.cached_property
  def class_ids(self) -> np.ndarray:
    """[num_examples] int64."""
    labels = _read_idx(self, 'labels', ranks=(1,)).astype(np.int64)
    if len(labels) and labels.max() >= self.classes:
      index = int(np.argmax(labels >= self.classes))
      raise errors.RunError(
          f'`{self.labels}` should have class ids below `Idx.classes` = '
          f'{self.classes}, but example {index} has {labels[index]}.')
    if len(labels) != self._shape[0]:
      raise errors.RunError(
          f'`{self.labels}` should have a label for each of the '
          f'{self._shape[0]} images in `{self.images}`, but has '
          f'{len(labels)}.')
    return labels

  @functools.cached_property
  def _shape(self) -> tuple[int, ...]:
    """Of all images together, from the header: nothing else is read."""
    return _read_idx(self, 'images', ranks=(3, 4), header_only=True)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    return (*self._shape[1:], 1)[:3]  # Grey images may be without channels.

  @property
  def num_examples(self) -> int:
    return self._shape[0]

  @property
  def shards(self) -> tuple[sources.Shard, ...]:
    return sources.even_shards(self.num_examples)

  def read(self) -> None:
    """Reads all images and labels, which are kept.

    Raises:
      RunError: a file is missing or broken.
    """
    _ = self.pixels, self.class_ids

  def keys(self, indices: np.ndarray | None = None) -> list[str]:
    return sources.numbered(
        self.name, sources.all_or(indices, self.num_examples),
        self.num_examples)

  def at(self, indices: np.ndarray):
    import tensorflow as tf
    with tf.device('cpu'):
      return tf.data.Dataset.from_tensor_slices(self.columns(indices))

  def columns(self, indices: np.ndarray) -> lane.Columns:
    keys = [key.encode() for key in self.keys(indices)]
    return {'key': np.array(keys, object), 'image': self.pixels[indices],
            'label': self.class_ids[indices]}

  def digest(self) -> str:
    return self._digest

  # Of this object, not of all that are equal: the files may change.
  @functools.cached_property
  def _digest(self) -> str:
    _ = self.class_ids  # Says better than a checksum what is wrong.
    paths = files.data_path(self.images), files.data_path(self.labels)
    content = ''.join(files.sha256(path) for path in paths)
    # The name is in the keys, and so in the examples.
    return hashlib.sha256(
        f'{content}{self.classes}{self.name}'.encode()).hexdigest()


def _read_idx(source: Idx, field: str, ranks: tuple[int, ...],
              header_only: bool = False):
  """The array, or only its shape, of the IDX file that `field` names.

  The format: two zero bytes, a type (8 for uint8), the rank, then each
  dimension as a big-endian uint32, then the values.
  """
  name = getattr(source, field)
  path = files.data_path(name)
  if not path.exists():
    raise errors.RunError(
        f'`Idx.{field}` names `{name}`, which does not exist.')
  try:
    with files.opened(path) as raw:
      gzipped = raw.read(2) == b'\x1f\x8b'
      raw.seek(0)
      stream = gzip.GzipFile(fileobj=raw) if gzipped else raw
      head = stream.read(4)
      if len(head) < 4:
        raise EOFError('it ends within its header')
      if head[:3] != b'\0\0\x08' or head[3] not in ranks:
        raise errors.RunError(
            f'`{name}` should be an IDX file of uint8 with rank '
            f'{" or ".join(map(str, ranks))}, but begins with {head.hex()}.')
      dimensions = stream.read(4 * head[3])
      if len(dimensions) < 4 * head[3]:
        raise EOFError('it ends within its header')
      shape = tuple(map(int, np.frombuffer(dimensions, '>u4')))
      if header_only:
        return shape
      values = np.frombuffer(stream.read(), np.uint8)
  except (EOFError, OSError, zlib.error) as error:
    raise errors.RunError(f'`{name}` cannot be read: {error}.') from error
  if values.size != int(np.prod(shape)):
    raise errors.RunError(
        f'`{name}` should have {int(np.prod(shape))} values, as its header '
        f'says {shape}, but has {values.size}; it may be cut short.')
  return values.reshape(shape)
