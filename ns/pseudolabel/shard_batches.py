"""The records of one shard of a source, as numpy batches in their order.

All work: it imports TensorFlow, so the facade does not import it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ns.core import errors
from ns.core import op_error


class Batch(NamedTuple):
  """Some records.

  Attributes:
    keys: [rows] object (bytes).
    images: [rows, height, width, channels] uint8, or [rows] object (bytes).
    is_good: [rows] bool: False where an image does not decode, and is black;
      True without a view, by which none is decoded.
  """
  keys: np.ndarray
  images: np.ndarray
  is_good: np.ndarray


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
  if view is not None:
    records = view.of(records)
  records = records.batch(batch_size).prefetch(tf.data.AUTOTUNE)
  rows = 0
  try:
    for batch in records.as_numpy_iterator():
      keys = batch['key']
      rows += len(keys)
      # Labels, where a source has them, are none of a teacher's business.
      yield Batch(keys, batch['image'],
                  batch.get('is_good', np.ones(len(keys), bool)))
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
