"""Sources of images: where examples come from, in a fixed order, with keys.

A source offers

  name: a short name, the beginning of its examples' keys.
  classes: number of classes.
  num_examples: how many examples.
  digest(): a checksum of the contents; equal digests, equal examples.
  shards: `Shard`s, consecutive parts to label and to restart by.
  records(shard, rows): a `tf.data.Dataset` in a fixed order of dicts: `key` []
    string; `image` [height, width, channels] uint8 or [] string of encoded
    bytes; and, where the source is labelled, `label` [] int64. Of the whole
    source without a shard, of the whole shard without `rows`, rising indices
    of examples in it.
  hidden_labels(): labels that a report may compare with, or None.

TensorFlow is imported by `records` only: a plan counts examples without it.
"""

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

_MAX_SHARD = 16384


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shard:
  """Consecutive examples of a source.

  Attributes:
    name: stands in file names, e.g. '00002-of-00004'.
    first: index of the first example in the source.
    num_examples: how many.
  """
  name: str
  first: int
  num_examples: int


def even_shards(num_examples: int) -> tuple[Shard, ...]:
  """As few shards as possible of about equal size, none above 16,384."""
  count = max(1, -(-num_examples // _MAX_SHARD))
  bounds = [num_examples * i // count for i in range(count + 1)]
  return tuple(
      Shard(name=f'{i:05}-of-{count:05}', first=low, num_examples=high - low)
      for i, (low, high) in enumerate(zip(bounds, bounds[1:])))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Idx:
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

  def __post_init__(self):
    for name in ('name', 'images', 'labels'):
      checks.instance(self, name, str)
    checks.integer(self, 'classes', at_least=2)
    checks.instance(self, 'class_names', list, tuple)
    names = tuple(self.class_names or map(str, range(self.classes)))
    if len(names) != self.classes or len(set(names)) != self.classes:
      raise ValueError(
          f'`Idx.class_names` should be {self.classes} distinct names, one for '
          f'each class, but is {list(names)}.')
    object.__setattr__(self, 'class_names', names)

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
    if len(labels) != self.image_shape[0]:
      raise errors.RunError(
          f'`{self.labels}` should have a label for each of the '
          f'{self.image_shape[0]} images in `{self.images}`, but has '
          f'{len(labels)}.')
    return labels

  @functools.cached_property
  def image_shape(self) -> tuple[int, ...]:
    """Of all images together, from the header: nothing else is read."""
    return _read_idx(self, 'images', ranks=(3, 4), header_only=True)

  @property
  def num_examples(self) -> int:
    return self.image_shape[0]

  def read(self) -> None:
    """Reads all images and labels, which are kept.

    Raises:
      RunError: a file is missing or broken.
    """
    _ = self.pixels, self.class_ids

  def keys(self, indices: np.ndarray) -> list[str]:
    width = len(str(self.num_examples - 1))
    return [f'{self.name}/{index:0{width}}' for index in indices]

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

  def canonical(self) -> dict:
    """What of a source enters a fingerprint: its contents, not its place."""
    return {'source': self.name, 'digest': self.digest()}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Subset:
  """Some examples of an `Idx`, with or without their labels.

  Attributes:
    name: of the subset.
    source: where the examples are.
    indices: [num_examples] int64, rising.
    is_labelled: whether `records` give the labels; if not they are dropped
      here, and only a report gets them (`hidden_labels`).
  """
  name: str
  source: Idx
  indices: np.ndarray
  is_labelled: bool

  @property
  def classes(self) -> int:
    return self.source.classes

  @property
  def num_examples(self) -> int:
    return len(self.indices)

  @property
  def shards(self) -> tuple[Shard, ...]:
    return even_shards(self.num_examples)

  @property
  def keys(self) -> Sequence[str]:
    return self.source.keys(self.indices)

  def digest(self) -> str:
    part = hashlib.sha256(self.indices.astype('<i8').tobytes()).hexdigest()
    return hashlib.sha256(
        f'{self.source.digest()}{part}{self.is_labelled}'.encode()).hexdigest()

  def canonical(self) -> dict:
    return {'source': self.name, 'digest': self.digest()}

  def labels(self) -> np.ndarray:
    """[num_examples] int64, of a labelled subset."""
    if not self.is_labelled:
      raise ValueError(f'`{self.name}` is not labelled.')
    return self.source.class_ids[self.indices]

  def hidden_labels(self) -> np.ndarray | None:
    """[num_examples] int64: for reporting only, never for training."""
    return self.source.class_ids[self.indices]

  def records(self, shard: Shard | None = None,
              rows: np.ndarray | None = None):
    import tensorflow as tf
    first, count = ((shard.first, shard.num_examples) if shard
                    else (0, self.num_examples))
    indices = self.indices[first:first + count]
    indices = indices if rows is None else indices[rows]
    columns = {'key': np.array(self.source.keys(indices), dtype=object),
               'image': self.source.pixels[indices]}
    if self.is_labelled:
      columns['label'] = self.source.class_ids[indices]
    with tf.device('cpu'):
      return tf.data.Dataset.from_tensor_slices(columns)


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
    with path.open('rb') as raw:
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
