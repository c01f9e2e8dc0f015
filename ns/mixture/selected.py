"""The images of a selection as a source: what a better teacher labels again.

The files are those that the stage `select` of a generation wrote
(`ns.mixture.pseudo_record`); their keys are the pool's, and the labels in them
are not looked at.
"""

from collections.abc import Mapping
import dataclasses
import functools

import numpy as np

from ns.core import errors
from ns.core import graphs
from ns.core import op_error
from ns.mixture import sources

_AT_ONCE = 256


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Selected(sources.Source):
  """Selected images of a pool, each once, in the order of their files.

  Attributes:
    name: of the source; the keys are those of the pool.
    files: the path of each file and how many images it has.
    contents: a checksum of all files.
    pool: what they were selected from.
  """
  name: str
  files: Mapping[str, int]
  contents: str
  pool: sources.Source
  is_labelled = False
  is_random_access = False
  image_shape = None

  @property
  def classes(self) -> int:
    return self.pool.classes

  @property
  def class_names(self) -> tuple[str, ...]:
    return self.pool.class_names

  @property
  def num_examples(self) -> int:
    return sum(self.files.values())

  @functools.cached_property
  def shards(self) -> tuple[sources.Shard, ...]:
    shards, first = [], 0
    for path, count in self.files.items():
      name = path.rpartition('/')[2].removesuffix('.tfrecord')
      shards.append(sources.Shard(name=name, first=first, num_examples=count))
      first += count
    return tuple(shards)

  def digest(self) -> str:
    return self.contents

  def keys(self, indices: np.ndarray | None = None) -> list[str]:
    return [self._keys[index]
            for index in sources.all_or(indices, self.num_examples)]

  def copies(self, shard: sources.Shard) -> np.ndarray:
    """[images] int64: how often the selection has the images of a shard.

    Raises:
      RunError: the file is damaged, or has another number of images.
    """
    return np.concatenate([
        np.empty(0, np.int64),
        *(rows['copies'] for rows in self._read(shard, ['copies']))])

  def hidden_labels(self) -> np.ndarray | None:
    return self._of_the_pool(self.pool.hidden_labels())

  def foreign(self) -> np.ndarray | None:
    return self._of_the_pool(self.pool.foreign())

  def read(self) -> None:
    self.pool.read()

  def at(self, indices: np.ndarray):
    import tensorflow as tf
    from ns.mixture import pseudo_record
    bounds = np.searchsorted(indices, np.cumsum([0, *self.files.values()]))
    joined = tf.data.TFRecordDataset(tf.constant([], tf.string))
    for path, shard, low, high in zip(
        self.files, self.shards, bounds, bounds[1:]):
      if low == high:
        continue
      records = tf.data.TFRecordDataset(path)
      if high - low < shard.num_examples:
        wanted = np.zeros(shard.num_examples, bool)
        wanted[indices[low:high] - shard.first] = True
        both = tf.data.Dataset.zip(
            (records, tf.data.Dataset.from_tensor_slices(wanted)))
        records = graphs.mapped(
            both.filter(graphs.as_written(lambda record, is_wanted: is_wanted)),
            lambda record, is_wanted: record)
      joined = joined.concatenate(records)
    return graphs.mapped(
        joined, pseudo_record.image, num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True)

  @functools.cached_property
  def _keys(self) -> list[str]:
    return [key.decode() for shard in self.shards
            for rows in self._read(shard, ['key']) for key in rows['key']]

  def _read(self, shard, names):
    """Yields batches of features of a file: name to [rows]."""
    import tensorflow as tf
    from ns.mixture import pseudo_record
    path = list(self.files)[self.shards.index(shard)]
    records = graphs.mapped(
        tf.data.TFRecordDataset(path).batch(_AT_ONCE),
        lambda batch: pseudo_record.scalars(batch, names)).prefetch(2)
    rows = 0
    try:
      for batch in records.as_numpy_iterator():
        rows += len(batch[names[0]])
        yield batch
    except tf.errors.OpError as error:
      raise errors.RunError(
          f'`{path}` is damaged after record {rows // _AT_ONCE * _AT_ONCE} '
          f'({op_error.reason(error)}); make the stage that wrote it again.'
      ) from error
    if rows != shard.num_examples:
      raise errors.RunError(
          f'`{path}` should have {shard.num_examples} images, but has {rows}; '
          'make the stage that wrote it again.')

  def _of_the_pool(self, values: np.ndarray | None) -> np.ndarray | None:
    """What is known of the pool's images, of those that were selected."""
    if values is None:
      return None
    place = {key: index for index, key in enumerate(self.pool.keys())}
    return values[[place[key] for key in self._keys]]
