"""Images in TFRecord files of `tf.train.Example`, the reference's format."""

from collections.abc import Iterator
import dataclasses

import numpy as np

from ns.core import checks
from ns.mixture import container

_PARSED_AT_ONCE = 64

# Stands for a label that is not there.
_NO_LABEL = -2**63


@dataclasses.dataclass(frozen=True, kw_only=True)
class TfRecord(container.DeclaredFiles):
  """Files of records, of which each is an image; as the reference has them.

  Attributes:
    image: the feature of the encoded image (data_input.py).
    label: the feature of its class; empty if there is none.
    label_offset: 1 in the reference, which counts classes from 1.
    compression: of the files: '', 'GZIP' or 'ZLIB'.
  """
  image: str = 'image/encoded'
  label: str = 'image/class/label'
  label_offset: int = 1
  compression: str = ''

  def __post_init__(self):
    super().__post_init__()
    checks.one_of(self, 'compression', ('', 'GZIP', 'ZLIB'))

  def examples(self, file, rows=None):
    import tensorflow as tf
    for some in _grouped(self._serialised(file, rows)):
      try:
        yield from self._parsed(some)
      except tf.errors.InvalidArgumentError:
        for one in some:
          try:
            yield from self._parsed([one])
          except tf.errors.InvalidArgumentError as error:
            yield f'is no such record: {container.reason(error)}', None

  def _serialised(self, file, rows) -> Iterator[bytes]:
    """The records as they are."""
    import tensorflow as tf
    wanted = None if rows is None else set(np.asarray(rows).tolist())
    with tf.device('cpu'):
      records = tf.data.TFRecordDataset(
          file.path, self.compression, buffer_size=1 << 20)
    if wanted is not None:
      records = records.take(max(wanted, default=-1) + 1)
    try:
      for row, record in enumerate(records.as_numpy_iterator()):
        if wanted is None or row in wanted:
          yield record
    except tf.errors.OpError as error:
      raise container.EndsEarly(
          f'cannot be read on: {container.reason(error)}') from error

  def _parsed(self, serialised) -> list[tuple[bytes, int | None]]:
    import tensorflow as tf
    features = {self.image: tf.io.FixedLenFeature([], tf.string, '')}
    if self.is_labelled:
      features[self.label] = tf.io.FixedLenFeature([], tf.int64, _NO_LABEL)
    with tf.device('cpu'):
      parsed = tf.io.parse_example(serialised, features)
    images = parsed[self.image].numpy()
    labels = (parsed[self.label].numpy().tolist() if self.is_labelled
              else [_NO_LABEL] * len(images))
    return [
        (image, None if label == _NO_LABEL else label - self.label_offset)
        for image, label in zip(images, labels)]


def _grouped(records: Iterator[bytes]) -> Iterator[list[bytes]]:
  """Some records at a time; those before an error come before it."""
  some = []
  try:
    for record in records:
      some.append(record)
      if len(some) == _PARSED_AT_ONCE:
        yield some
        some = []
  except container.EndsEarly:
    if some:
      yield some
    raise
  if some:
    yield some
