"""Images in TFRecord files of `tf.train.Example`, the reference's format.

A record in a file is its length (8 bytes, little-endian), a checksum of these
(4), the record, and its checksum (4). Checksums are compared when a file is
looked through, by TensorFlow. After that, as long as the file has the same size
and time, it is read without them and without TensorFlow's threads, which have
the images to decode: records that are not asked for are passed over, from the
last mark of the manifest on. Of compressed files all is read up to a record.
"""

from collections.abc import Iterator
import dataclasses
import gzip

from ns.core import checks
from ns.core import files
from ns.core import op_error
from ns.mixture import container
from ns.mixture import source_manifest

_BUFFER = 1 << 20
_READ_AT_ONCE = 64
_AROUND = 16  # Bytes of a record that are not the record.


@dataclasses.dataclass(frozen=True, kw_only=True)
class TfRecord(container.DeclaredFiles):
  """Files of records, of which each is an image; as the reference has them.

  Attributes:
    image: the feature of the encoded image (data_input.py).
    label: the feature of its class; empty if there is none.
    label_offset: 1 in the reference, which counts classes from 1.
    compression: of the files: '' or 'GZIP'.
  """
  image: str = 'image/encoded'
  label: str = 'image/class/label'
  label_offset: int = 1
  compression: str = ''

  def __post_init__(self):
    super().__post_init__()
    checks.one_of(self, 'compression', ('', 'GZIP'))

  def examples(self, file, rows=None):
    for record in (self._all(file.path) if rows is None
                   else self._some(file, rows.tolist())):
      yield self._content(record)

  def placed(self, file):
    begin = None if self.compression else 0
    for record in self._all(file.path):
      yield *self._content(record), begin
      if begin is not None:
        begin += len(record) + _AROUND

  def _all(self, path: str) -> Iterator[bytes]:
    """All records, their checksums compared."""
    import tensorflow as tf
    with tf.device('cpu'):
      records = tf.data.TFRecordDataset(
          path, self.compression, buffer_size=_BUFFER)
      batches = records.batch(_READ_AT_ONCE).prefetch(2)
    read = 0
    try:
      for batch in batches.as_numpy_iterator():
        yield from batch
        read += len(batch)
    except tf.errors.OpError:
      yield from self._last(records, read)

  def _last(self, records, read: int) -> Iterator[bytes]:
    """What there still is before the error in a batch."""
    import tensorflow as tf
    try:
      for row, record in enumerate(records.as_numpy_iterator()):
        if row >= read:
          yield record
    except tf.errors.OpError as error:
      raise container.EndsEarly(
          f'cannot be read on: {op_error.reason(error)}') from error

  def _some(self, shard: source_manifest.File, rows: list[int]
            ) -> Iterator[bytes]:
    """The records at these rows."""
    with files.opened(shard.path) as raw:
      file = gzip.open(raw) if self.compression else raw
      row = 0
      for wanted in rows:
        mark = wanted // source_manifest.MARKED
        if row < mark * source_manifest.MARKED and mark < len(shard.marks):
          file.seek(shard.marks[mark])
          row = mark * source_manifest.MARKED
        while True:
          head = file.read(12)
          length = int.from_bytes(head[:8], 'little')
          if not self.compression and length > shard.bytes:
            raise container.EndsEarly(f'has no length of record {row}')
          if row == wanted:
            break
          file.seek(length + 4, 1)
          row += 1
        record = file.read(length)
        if len(head) < 12 or len(record) < length:
          raise container.EndsEarly(f'ends before record {row}')
        file.seek(4, 1)
        row += 1
        yield record

  def _content(self, record: bytes):
    """The image and the label of a record."""
    from google.protobuf import message
    import tensorflow as tf
    try:
      features = tf.train.Example.FromString(record).features.feature
    except message.DecodeError:
      return 'is no `tf.train.Example`', None
    image = features[self.image].bytes_list.value
    label = features[self.label].int64_list.value if self.label else ()
    return (image[0] if image else None,
            label[0] - self.label_offset if label else None)
