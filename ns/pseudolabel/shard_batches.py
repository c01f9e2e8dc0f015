"""The records of one shard of a source, as numpy batches in their order.

All work: it imports TensorFlow, so the facade does not import it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ns.core import errors
from ns.core import graphs
from ns.core import op_error


_FINGERPRINT = 'fingerprint'


class Batch(NamedTuple):
  """Some records.

  Attributes:
    keys: [rows] object (bytes).
    images: [rows, height, width, channels] uint8, or [rows] object (bytes).
    is_good: [rows] bool: False where an image does not decode, and is black;
      True without a view, by which none is decoded.
    fingerprints: [rows, 8] uint8, of the images as they are stored.
  """
  keys: np.ndarray
  images: np.ndarray
  is_good: np.ndarray
  fingerprints: np.ndarray


def batches(source, shard, batch_size: int, view=None) -> Iterator[Batch]:
  """Yields the records of a shard.

  Args:
    source: a source of images (`ns.mixture.sources`).
    shard: one of `source.shards`.
    batch_size: records in a batch; the last one has what is left.
    view: what the teacher sees of an image (`ns.mixture.views`); without one
      the images come as they are stored, pixels or bytes.

  Raises:
    RunError: the source's own, if it raises one; a record cannot be read, an
      image is not of the size that is expected, or the shard has another number
      of records than it declares.
  """
  records = source.records(shard)
  if view is None:
    records = graphs.mapped(records.batch(batch_size), _of_batch)
  else:
    records = view.of(graphs.mapped(records, _of_record)).batch(batch_size)
  records = records.prefetch(tf.data.AUTOTUNE)
  rows = 0
  try:
    for batch in records.as_numpy_iterator():
      keys = batch['key']
      rows += len(keys)
      # Labels, where a source has them, are none of a teacher's business.
      yield Batch(keys, batch['image'],
                  batch.get('is_good', np.ones(len(keys), bool)),
                  batch[_FINGERPRINT])
  except tf.errors.OpError as error:
    said = op_error.run_error(error)
    raise errors.RunError(
        said or f'The images of shard `{shard.name}` of `{source.name}` cannot '
        f'be read as batches of one size after record {rows}: '
        f'{op_error.reason(error)}; repair or resize them.') from error
  if rows != shard.num_examples:
    raise errors.RunError(
        f'Shard `{shard.name}` of `{source.name}` should have '
        f'{shard.num_examples} records, but has {rows}; the source changed '
        'since it was counted, so count it again.')


def _of_batch(batch):
  """The records of a batch with fingerprints of their images."""
  return {**batch, _FINGERPRINT: tf.raw_ops.Fingerprint(
      data=batch['image'], method='farmhash64')}


def _of_record(record):
  fingerprints = tf.raw_ops.Fingerprint(
      data=record['image'][tf.newaxis], method='farmhash64')
  return {**record, _FINGERPRINT: fingerprints[0]}
