"""Time and memory of a selection, without the images, and of peers.

  bazel run -c opt //tools/bench:select -- --rows=10000000

Makes predictions of `--rows` images in 1,000 classes, as a store of whole
distributions has them but for these, which a selection does not touch: as many
rows a group, 1,024 files for 300 million. Classes are as unequal as makes 81 of
300 million images the selected ones (arXiv 1911.04252, section 3.1, has 81 of
300 million, at least 0.3 sure, 130,000 a class); half a hundredth of the
confidences is 1, which is a tie. Each engine selects in a process of its own:

  ours: `Select.choose`, which writes the selection.
  memory: `Balance.copies` with all in memory, as numpy has it.
  duckdb, polars: the same classes and thresholds by SQL and by frames, without
    draws and with keys compared as text; where they are installed.

The last line is JSON: `rows`; `seconds`, `cpu_seconds` and `peak_bytes` of
ours, and `peers`, the same of the others.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import types

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from ns.core import seeds
from ns.pseudolabel import balance
from ns.pseudolabel import header as headers
from ns.pseudolabel import select
from ns.pseudolabel import store

CLASSES = 1000
MIN_CONFIDENCE = 0.3
_PER_CLASS, _OF = 130_000, 300_000_000
_FILE_ROWS = -(-_OF // 1024)
_HEADER = headers.Header(
    classes=CLASSES, teacher_fingerprint='bench', source_name='jft',
    source_digest='bench', top_k=1)
# Of a store of whole distributions, see `store`.
_GROUP_ROWS = 32 * 2**20 // (2 * CLASSES)


def images_per_class(rows: int) -> int:
  """As many of `rows` as 130,000 are of 300 million."""
  return max(1, _PER_CLASS * rows // _OF)


def generate(folder: pathlib.Path, rows: int, seed: int = 0) -> None:
  """Writes the predictions; keys are numbers of nine digits."""
  folder.mkdir(parents=True)
  generator = np.random.default_rng(seed)
  share = generator.lognormal(0, 1.2, CLASSES)
  classes = np.searchsorted(share.cumsum() / share.sum(),
                            (np.arange(2**16) + 0.5) / 2**16).astype(np.int32)
  schema = headers.schema(headers.PREDICTIONS, _HEADER)
  metadata = headers.metadata(headers.PREDICTIONS, _HEADER)
  for first in range(0, rows, _FILE_ROWS):
    number = min(_FILE_ROWS, rows - first)
    labels = classes[generator.integers(0, 2**16, number, np.uint16)]
    logits = 3 * generator.standard_normal(number, np.float32)
    confidences = np.float32(0.001) + np.float32(0.999) / (
        1 + np.exp(-logits, dtype=np.float32))
    confidences[generator.random(number, np.float32) < 0.005] = 1
    with parquet.ParquetWriter(
        store.predictions_path(folder, _shard(first)),
        schema.with_metadata(metadata), use_dictionary=['label']) as writer:
      listed = lambda name, values: pa.FixedSizeListArray.from_arrays(
          pa.array(values), type=schema.field(name).type)
      writer.write_table(pa.Table.from_arrays([
          _keys(first, number), pa.array(labels), pa.array(confidences),
          listed('top_classes', labels.astype(np.int16)),
          listed('top_probabilities', confidences.astype(np.float16)),
          pa.array(1 - confidences)], schema=schema), _GROUP_ROWS)


def _shard(first: int) -> str:
  return f'{first // _FILE_ROWS:05}'


def _keys(first: int, number: int) -> pa.StringArray:
  places = np.arange(first, first + number)
  letters = np.empty((number, 13), np.uint8)
  letters[:, :4] = np.frombuffer(b'jft/', np.uint8)
  for digit in range(9):
    letters[:, 12 - digit] = ord('0') + places // 10**digit % 10
  offsets = np.arange(0, 13 * number + 1, 13, np.int32)
  return pa.StringArray.from_buffers(
      number, pa.py_buffer(offsets), pa.py_buffer(letters.reshape(-1)))


def ours(folder: pathlib.Path, rows: int, path: str) -> None:
  """The project's selection."""
  shards = tuple(
      types.SimpleNamespace(name=_shard(first), first=first,
                            num_examples=min(_FILE_ROWS, rows - first))
      for first in range(0, rows, _FILE_ROWS))
  source = types.SimpleNamespace(name='jft', shards=shards)
  select.Select(min_confidence=MIN_CONFIDENCE, balance=balance.Balance(
      images_per_class=images_per_class(rows), allow_empty_classes=True)
  ).choose(str(folder), source, seeds.Seed(0), CLASSES, _HEADER, path)


def memory(folder: pathlib.Path, rows: int, path: str) -> None:
  """All columns in memory, ties by place."""
  table = pa.concat_tables([
      parquet.read_table(file, columns=['key', 'label', 'confidence'])
      for file in sorted(folder.iterdir())]).combine_chunks()
  labels = table['label'].to_numpy()
  confidences = table['confidence'].to_numpy()
  kept = np.flatnonzero(confidences >= np.float32(MIN_CONFIDENCE))
  copies = balance.Balance(
      images_per_class=images_per_class(rows), allow_empty_classes=True).copies(
          labels[kept], confidences[kept], classes=CLASSES, seed=seeds.Seed(0))
  used = copies > 0
  selected = table.take(pa.array(kept[used])).append_column(
      'copies', pa.array(copies[used], pa.int32()))
  parquet.write_table(selected, path)


def duckdb(folder: pathlib.Path, rows: int, path: str) -> None:
  """Two window functions; what does not fit in 4 GB goes to the disk."""
  import duckdb as engine
  wanted = images_per_class(rows)
  connection = engine.connect()
  connection.execute(f"""
      SET threads = {len(os.sched_getaffinity(0))};
      SET memory_limit = '4GB'; SET temp_directory = '{path}.spilled'""")
  connection.execute(f"""
      COPY (
        SELECT key, label, confidence,
               CASE WHEN members > {wanted} THEN 1
                    ELSE {wanted} // members END :: INTEGER AS copies
        FROM (SELECT key, label, confidence,
                     row_number() OVER (
                         PARTITION BY label
                         ORDER BY confidence DESC, key) AS place,
                     count(*) OVER (PARTITION BY label) AS members
              FROM read_parquet('{folder}/*.parquet')
              WHERE confidence >= {MIN_CONFIDENCE} :: FLOAT)
        WHERE place <= {wanted}
      ) TO '{path}' (FORMAT PARQUET)""")


def polars(folder: pathlib.Path, rows: int, path: str) -> None:
  """Ranks within classes, on its streaming engine as far as that goes."""
  import polars as engine
  wanted = images_per_class(rows)
  column = engine.col
  frame = engine.scan_parquet(f'{folder}/*.parquet').select(
      'key', 'label', 'confidence').filter(
          column('confidence') >= float(np.float32(MIN_CONFIDENCE)))
  frame = frame.sort('confidence', 'key', descending=[True, False]
                     ).with_columns(
      place=engine.int_range(engine.len()).over('label'),
      members=engine.len().over('label')).filter(column('place') < wanted)
  frame.select(
      'key', 'label', 'confidence',
      copies=engine.when(column('members') > wanted).then(1).otherwise(
          wanted // column('members')).cast(engine.Int32)
  ).sink_parquet(path)


ENGINES = {function.__name__: function
           for function in (ours, memory, duckdb, polars)}


def _measured(engine: str, folder: str, rows: int) -> dict:
  with tempfile.TemporaryDirectory(dir=folder) as results:
    done = subprocess.run(
        [sys.executable, os.path.abspath(__file__), f'--engine={engine}',
         f'--folder={folder}', f'--rows={rows}', f'--results={results}'],
        capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
  if done.returncode:
    return {'failed': (done.stderr.strip().splitlines() or ['killed'])[-1]}
  return json.loads(done.stdout.splitlines()[-1])


def _measure(engine: str, folder: pathlib.Path, rows: int, results: str
             ) -> None:
  before, cpu_before = time.perf_counter(), time.process_time()
  path = f'{results}/selection.parquet'
  ENGINES[engine](folder, rows, path)
  print(json.dumps({
      'seconds': round(time.perf_counter() - before, 2),
      'cpu_seconds': round(time.process_time() - cpu_before, 2),
      'peak_bytes': 1024 * resource.getrusage(
          resource.RUSAGE_SELF).ru_maxrss,
      'selected': parquet.read_metadata(path).num_rows}))


def main() -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument('--rows', type=int, default=1_000_000)
  parser.add_argument('--peers', default='', help='memory,duckdb,polars')
  parser.add_argument('--folder', help='for the files; a temporary one')
  parser.add_argument('--engine', help=argparse.SUPPRESS)
  parser.add_argument('--results', help=argparse.SUPPRESS)
  given = parser.parse_args()
  if given.engine:
    _measure(given.engine, pathlib.Path(given.folder) / 'predictions',
             given.rows, given.results)
    return
  folder = tempfile.mkdtemp(prefix='bench_select_', dir=given.folder)
  try:
    generate(pathlib.Path(folder) / 'predictions', given.rows)
    result = {'bench': 'select', 'rows': given.rows,
              **_measured('ours', folder, given.rows), 'peers': {}}
    for peer in filter(None, given.peers.split(',')):
      if peer in ('duckdb', 'polars') and not importlib.util.find_spec(peer):
        print(f'{peer} is not installed.')
      else:
        result['peers'][peer] = _measured(peer, folder, given.rows)
    print(json.dumps(result))
  finally:
    shutil.rmtree(folder)


if __name__ == '__main__':
  main()
