"""A small pool and a teacher with answers that are known beforehand."""

import dataclasses

import numpy as np

from ns.pseudolabel import teacher


@dataclasses.dataclass(frozen=True)
class Shard:
  name: str
  first: int
  num_examples: int


class Pool:
  """A source of 4x3 images in shards; image i is filled with the value i."""

  def __init__(self, sizes=(7, 5), classes=3, channels=1, encoded=False,
               hidden=None, name='pool', digest='d1', foreign=None):
    self.name, self.classes, self._digest = name, classes, digest
    starts = np.cumsum((0,) + tuple(sizes))
    self.num_examples = int(starts[-1])
    self.shards = tuple(
        Shard(f'{i:05}-of-{len(sizes):05}', int(starts[i]), size)
        for i, size in enumerate(sizes))
    shape = (self.num_examples, 4, 3, channels)
    self.images = np.empty(shape, np.uint8)
    self.images[...] = np.arange(self.num_examples).reshape(-1, 1, 1, 1)
    self.keys = [f'{name}/{i}' for i in range(self.num_examples)]
    self.encoded = encoded
    self.extra_records = 0  # Added to each shard, beside what it declares.
    self._hidden, self._foreign = hidden, foreign

  def digest(self):
    return self._digest

  def read(self):
    pass

  def hidden_labels(self):
    return self._hidden

  def foreign(self):
    return self._foreign

  def records(self, shard=None):
    import tensorflow as tf
    from ns.images import encode
    rows = slice(shard.first,
                 shard.first + shard.num_examples + self.extra_records)
    images = self.images[rows]
    if self.encoded:
      images = np.array([encode.png(image) for image in images], object)
    return tf.data.Dataset.from_tensor_slices(
        {'key': np.array(self.keys[rows], object), 'image': images})


class View:
  """Sees all of an image, of whatever size."""

  def of(self, records):
    import tensorflow as tf
    from ns.images import decode
    return records.map(lambda record: {
        **record, 'image': decode.decode(record['image']),
        'is_good': tf.constant(True)})


def distributions(images, classes, seed=0):
  """Random distributions, [images, classes] float32."""
  rows = np.random.default_rng(seed).random((images, classes)) ** 3 + 1e-3
  return (rows / rows.sum(axis=1, keepdims=True)).astype(np.float32)


class Teacher:
  """Answers row i of a table to an image that is filled with the value i.

  Attributes:
    table: [images, classes] float32.
    shapes: of the batches it was called with.
    fail_at: the call that raises, counted from 1; None for no call.
  """

  def __init__(self, table, fail_at=None):
    self.table, self.fail_at, self.shapes = table, fail_at, []

  def __call__(self, images):
    self.shapes.append(images.shape)
    if len(self.shapes) == self.fail_at:
      raise KeyboardInterrupt
    return self.table[np.asarray(images)[:, 0, 0, 0]]


def teachers(table, fingerprint='t1', view=None):
  """A `Teacher` that answers from the table, for `Labelling.run`."""
  return [teacher.Teacher(name='teacher', predict=Teacher(table), view=view,
                          fingerprint=fingerprint)]
