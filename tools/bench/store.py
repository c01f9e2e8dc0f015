"""Size and speed of a store of predictions of 1,000 classes.

  bazel run -c opt //tools/bench:store -- --rows=32768

Distributions are softmaxes of normal logits, of which one is raised, so that
the mean confidence is about 0.6, as a good teacher's on unlabelled images is.
For the whole distribution and for some `top_k`: bytes an image with and without
the distribution, and images that a core writes in a second, reads as whole
distributions, and reads as the columns that a selection takes (medians of three
rounds, in processor time). The last line is JSON.
"""

import argparse
import json
import pathlib
import statistics
import tempfile
import time

import numpy as np
from pyarrow import parquet

from ns.pseudolabel import header as headers
from ns.pseudolabel import store

CLASSES = 1000
_BATCH = 1024
_ROUNDS = 3


def distributions(rows: int, seed: int = 0) -> np.ndarray:
  """[rows, CLASSES] float32."""
  generator = np.random.default_rng(seed)
  logits = 1.5 * generator.standard_normal((rows, CLASSES), np.float32)
  raised = generator.integers(0, CLASSES, rows)
  logits[np.arange(rows), raised] += generator.normal(9, 3, rows)
  weights = np.exp(logits - logits.max(axis=1, keepdims=True))
  return weights / weights.sum(axis=1, keepdims=True)


def measure(rows: int, top_k: int | None, probabilities: np.ndarray) -> dict:
  """Bytes an image, and medians of images a second of processor time."""
  header = headers.Header(
      classes=CLASSES, teacher_fingerprint='bench', source_name='bench',
      source_digest='bench', top_k=top_k, scores=('entropy', 'margin'))
  keys = [f'bench/{i:09}' for i in range(rows)]
  seconds = {'write': [], 'read': [], 'select': []}
  with tempfile.TemporaryDirectory() as folder:
    path = store.predictions_path(folder, 'a')

    def write():
      with store.writing_predictions(path, header) as writer:
        for i in range(0, rows, _BATCH):
          writer.write(keys[i:i + _BATCH], probabilities[i:i + _BATCH])

    def read(*columns):
      return sum(len(batch[columns[0]])
                 for batch in store.read(path, columns, _BATCH))

    for _ in range(_ROUNDS):
      for name, action in (
          ('write', write), ('read', lambda: read('probabilities')),
          ('select', lambda: read('label', 'confidence'))):
        before = time.process_time()
        action()
        seconds[name].append(time.process_time() - before)
    size = pathlib.Path(path).stat().st_size
    metadata = parquet.read_metadata(path)
    columns = {'key', 'label', 'confidence', 'entropy', 'margin'}
    rest = sum(
        metadata.row_group(group).column(column).total_compressed_size
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
        if metadata.row_group(group).column(column).path_in_schema in columns)
  median = statistics.median
  rate = {f'{name}_images_per_cpu_second': round(rows / median(times))
          for name, times in seconds.items()}
  return {'top_k': top_k, 'bytes_per_image': round(size / rows, 1),
          'bytes_without_distribution': round(rest / rows, 1), **rate}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--rows', type=int, default=16384)
  rows = parser.parse_args().rows
  probabilities = distributions(rows)
  results = [measure(rows, top_k, probabilities)
             for top_k in (None, 100, 20, 5)]
  for result in results:
    print(result)
  print(json.dumps({
      'bench': 'store', 'rows': rows, 'classes': CLASSES,
      'mean_confidence': round(float(probabilities.max(axis=1).mean()), 3),
      'stores': results}))


if __name__ == '__main__':
  main()
