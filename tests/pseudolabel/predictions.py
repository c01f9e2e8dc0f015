"""Files of predictions of given columns, and selections by brute force."""

import types

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from ns.pseudolabel import header as headers
from ns.pseudolabel import store


def header(classes, scores=()):
  return headers.Header(classes=classes, teacher_fingerprint='t1',
                        source_name='pool', source_digest='d1', top_k=1,
                        scores=tuple(scores))


def write(folder, keys, labels, confidences, classes, sizes, group=1000,
          **scores):
  """Writes the columns as shards of `sizes` rows.

  Returns:
    A source without images: `name`, `shards` and `digest()`.
  """
  head = header(classes, scores)
  schema = headers.schema(headers.PREDICTIONS, head).with_metadata(
      headers.metadata(headers.PREDICTIONS, head))
  folder.mkdir(parents=True, exist_ok=True)
  shards, first = [], 0
  for number, size in enumerate(sizes):
    rows = slice(first, first + size)
    name = f'{number:05}'
    listed = lambda column, dtype: pa.FixedSizeListArray.from_arrays(
        pa.array(np.zeros(size, dtype)), type=schema.field(column).type)
    table = pa.Table.from_arrays([
        pa.array(keys[rows], pa.string()), pa.array(labels[rows], pa.int32()),
        pa.array(confidences[rows], pa.float32()),
        *(pa.array(values[rows], pa.float32()) for values in scores.values()),
        listed('top_classes', np.int16), listed('top_probabilities',
                                                np.float16),
        pa.array(np.zeros(size, np.float32))], schema=schema)
    parquet.write_table(table, store.predictions_path(folder, name),
                        row_group_size=group)
    shards.append(types.SimpleNamespace(name=name, first=first,
                                        num_examples=size))
    first += size
  assert first == len(keys)
  return types.SimpleNamespace(name='pool', classes=classes,
                               shards=tuple(shards), digest=lambda: 'd1')


def pool(seed, rows, classes, levels, shuffled_keys):
  """Keys, labels and confidences with ties, and without any of class 1.

  Args:
    seed: of the numbers.
    rows: how many.
    classes: at least 3.
    levels: how many confidences there are; None for as many as float32 has.
    shuffled_keys: whether keys come in another order than their own.
  """
  generator = np.random.default_rng(seed)
  share = generator.lognormal(0, 1.2, classes)
  share[1] = 0
  labels = generator.choice(classes, rows, p=share / share.sum()).astype(
      np.int32)
  confidences = 1 / (1 + np.exp(-3 * generator.standard_normal(rows)))
  if levels:
    confidences = np.ceil(confidences * levels) / levels
  confidences = confidences.astype(np.float32)
  confidences[generator.random(rows) < 0.01] = 1
  numbers = generator.permutation(rows) if shuffled_keys else np.arange(rows)
  return np.array([f'k/{n}' for n in numbers], object), labels, confidences


def best(keys, labels, confidences, classes, wanted, minimum):
  """By brute force, [rows] bool: the `wanted` most confident of each class.

  Ties by the number in the key.
  """
  numbers = np.array([int(key.split('/')[1]) for key in keys])
  order = np.lexsort((numbers, -confidences.astype(np.float64), labels))
  order = order[confidences[order] >= np.float32(minimum)]
  chosen = np.zeros(len(keys), bool)
  for label in range(classes):
    members = order[labels[order] == label]
    chosen[members[:wanted]] = True
  return chosen
