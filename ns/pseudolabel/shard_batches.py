"""The records of one shard of a source, as numpy batches in their order.

All work: it imports TensorFlow, so the facade does not import it.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ns.core import errors


def batches(source, shard, batch_size: int, *, decoded: bool
            ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields keys and images of a shard.

  Args:
    source: a source of images (`ns.mixture.sources`).
    shard: one of `source.shards`.
    batch_size: records in a batch; the last one has what is left.
    decoded: whether encoded images are decoded; else they come as bytes.

  Yields:
    keys: [rows] object (bytes).
    images: [rows, height, width, channels] uint8, or [rows] object (bytes).

  Raises:
    RunError: a record cannot be read or decoded, the images are not of one
      size, or the shard has another number of records than it declares.
  """
  records = source.records(shard)
  if decoded and records.element_spec['image'].dtype == tf.string:
    from ns.images import decode
    records = records.map(
        lambda record: {**record, 'image': decode.decode(record['image'])},
        num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
  records = records.batch(batch_size).prefetch(tf.data.AUTOTUNE)
  rows = 0
  try:
    for batch in records.as_numpy_iterator():
      rows += len(batch['key'])
      # Labels, where a source has them, are none of a teacher's business.
      yield batch['key'], batch['image']
  except tf.errors.OpError as error:
    raise errors.RunError(
        f'The images of shard `{shard.name}` of `{source.name}` cannot be read '
        f'as batches of one size after record {rows}: '
        f'{error.message.splitlines()[0].rstrip(".")}; repair or resize '
        'them.') from error
  if rows != shard.num_examples:
    raise errors.RunError(
        f'Shard `{shard.name}` of `{source.name}` should have '
        f'{shard.num_examples} records, but has {rows}; the source changed '
        'since it was counted, so count it again.')
