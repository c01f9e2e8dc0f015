import json
import subprocess
import sys

import numpy as np
from pyarrow import parquet
import pytest

from tools.bench import selection

ROWS = 60_000


@pytest.fixture(scope='module')
def selected(tmp_path_factory):
  """What each engine selects of the same predictions."""
  folder = tmp_path_factory.mktemp('bench')
  patch = pytest.MonkeyPatch()
  patch.setattr(selection, '_FILE_ROWS', 25_000)
  selection.generate(folder / 'predictions', ROWS)
  tables = {}
  for name in 'ours', 'memory', 'duckdb':
    path = str(folder / f'{name}.parquet')
    selection.ENGINES[name](folder / 'predictions', ROWS, path)
    tables[name] = parquet.read_table(path).sort_by('key')
  patch.undo()
  return tables


def test_the_engines_select_the_same(selected):
  ours = selected['ours']
  # SQL with keys as text, which numbers of nine digits are in the order of.
  for column in 'key', 'label', 'confidence':
    assert selected['duckdb'][column].to_pylist() == ours[column].to_pylist()
  assert selected['memory'].to_pydict() == ours.to_pydict()


def test_classes_are_skewed_and_some_are_cut(selected):
  wanted = selection.images_per_class(ROWS)
  assert wanted == 26
  table = selected['ours']
  per_class = np.bincount(table['label'], minlength=selection.CLASSES)
  assert per_class.max() == wanted
  assert (per_class == wanted).mean() > 0.2 < (per_class < wanted).mean()
  assert 0.2 < len(table) / ROWS < 0.35


def test_the_last_line_is_json(tmp_path):
  done = subprocess.run(
      [sys.executable, selection.__file__, '--rows=20000',
       '--peers=memory', f'--folder={tmp_path}'],
      capture_output=True, text=True, check=True,
      env={'PYTHONPATH': ':'.join(sys.path)})
  result = json.loads(done.stdout.splitlines()[-1])
  assert (result['bench'], result['rows']) == ('select', 20000)
  assert result['selected'] == result['peers']['memory']['selected'] > 0
  assert result['seconds'] > 0 and 2**20 < result['peak_bytes'] < 2**31
  assert not list(tmp_path.iterdir())
