import json
import os

import numpy as np
import pyarrow
from pyarrow import parquet
import pytest

from ns.mixture import source_manifest
from tests.support import source_contract

error = source_contract.error
Example = source_manifest.Example


def file(name='a', num_records=3, **how):
  return source_manifest.File(**{
      'name': name, 'path': f'/data/{name}', 'bytes': 10, 'mtime_ns': 7,
      'num_records': num_records, **how})


def manifest(files=(file(),), rows=(), **how):
  return source_manifest.Manifest(**{
      'declared': {'kind': 'Made', 'label': ''}, 'class_names': (),
      'files': tuple(files), 'rows': source_manifest.rows(rows), **how})


def mixed():
  """Five records of three in one file, two of two in the next, one of none."""
  return manifest(
      files=[file('a', 5), file('b', 2, first=4, whole='bb'), file('c', 0)],
      rows=[Example(shard=0, row=1, reason='bad'),
            Example(shard=0, row=4, reason='bad'),
            Example(shard=2, reason='has no records')])


def test_what_is_left_out_is_not_counted():
  made = mixed()
  assert made.counts.tolist() == [3, 2, 0]
  assert [made.good_rows(i).tolist() for i in range(3)] == [
      [0, 2, 3], [4, 5], []]
  assert len(made.excluded) == 3 and len(made.examples) == 0
  assert not made.has_paths


def test_the_share_that_is_left_out_is_of_images_or_of_files():
  assert manifest().share_excluded() == 0
  assert mixed().share_excluded() == pytest.approx(3 / 8)  # Of images.
  only_file = manifest(
      files=[file('a', 50), file('b', 50)],
      rows=[Example(shard=1, reason='cannot be read on')])
  assert only_file.share_excluded() == 1 / 2
  assert manifest(files=(), rows=[Example(path='x', reason='is empty')]
                  ).share_excluded() == 1


def test_it_reads_what_it_wrote(tmp_path):
  made, path = mixed(), tmp_path / 'cache' / 'm.parquet'
  made.write(path)
  found = source_manifest.read(path)
  assert (found.declared, found.class_names, found.files) == (
      made.declared, made.class_names, made.files)
  assert found.rows.equals(made.rows)
  assert found.digest() == made.digest()
  assert [p.name for p in path.parent.iterdir()] == ['m.parquet']


def test_it_is_a_parquet_file_for_all(tmp_path):
  path = tmp_path / 'm.parquet'
  made = manifest(rows=[Example(shard=0, row=2, label=1),
                        Example(path='x/y.png', bytes=3, reason='is empty')])
  made.write(path)
  table = parquet.read_table(path)
  assert table.schema.names == ['shard', 'row', 'path', 'bytes', 'mtime_ns',
                                'label', 'reason']
  assert table.to_pylist()[1] == {
      'shard': None, 'row': None, 'path': 'x/y.png', 'bytes': 3,
      'mtime_ns': None, 'label': None, 'reason': 'is empty'}
  told = json.loads(table.schema.metadata[b'manifest'])
  assert told['format'] == 1 and told['files'][0]['path'] == '/data/a'


@pytest.mark.parametrize('change', [
    dict(class_names=('x', 'y')), dict(files=[file('b')]),
    dict(files=[file(bytes=11)]), dict(files=[file(num_records=4)]),
    dict(files=[file(first=1)]), dict(rows=[Example(shard=0, row=1, label=0)]),
    dict(rows=[Example(shard=0, row=1, label=1)]),
    dict(rows=[Example(shard=0, row=1, reason='x')]),
    dict(rows=[Example(path='x')]), dict(rows=[Example(path='y')])])
def test_the_digest_changes_with_the_contents(change):
  assert manifest(**change).digest() != manifest().digest()
  assert manifest(**change).digest() == manifest(**change).digest()


@pytest.mark.parametrize('change', [
    dict(declared={}), dict(files=[file(path='/else')]),
    dict(files=[file(mtime_ns=8)])])
def test_the_digest_does_not_change_with_places_and_times(change):
  assert manifest(**change).digest() == manifest().digest()


def test_unchanged_files(tmp_path):
  (tmp_path / 'a').write_bytes(b'12345')
  found = os.stat(tmp_path / 'a')
  whole = file(path=str(tmp_path / 'a'), bytes=5, mtime_ns=found.st_mtime_ns)
  manifest(files=[whole]).check_unchanged('m')
  rows = [Example(shard=0, row=0, path='a', bytes=5,
                  mtime_ns=found.st_mtime_ns)]
  images = manifest(files=[file(path=str(tmp_path), num_records=1)], rows=rows)
  images.check_unchanged('m')
  (tmp_path / 'a').unlink()
  for made in images, manifest(files=[whole]):
    assert error(lambda: made.check_unchanged('m')) == (
        f'`{tmp_path}/a` should have the 5 bytes that it had when its source '
        'was looked through, but is not there; bring it back, or remove `m` to '
        'look through the source again.')


def test_of_very_many_images_not_each_is_looked_at(tmp_path, monkeypatch):
  rows = [Example(shard=0, row=i, path=f'{i}', bytes=1, mtime_ns=1)
          for i in range(3)]
  made = manifest(files=[file(path=str(tmp_path))], rows=rows)
  assert 'is not there' in error(lambda: made.check_unchanged('m'))
  monkeypatch.setattr(source_manifest, '_MAX_LOOKED_AT', 2)
  made.check_unchanged('m')


@pytest.mark.parametrize('write', [
    lambda path: path.write_bytes(b'PAR1'),
    lambda path: parquet.write_table(pyarrow.table({'key': ['a']}), path),
    lambda path: parquet.write_table(pyarrow.table({}).replace_schema_metadata(
        {'manifest': '{"format": 1, "declared": {}}'}), path)])
def test_a_file_that_is_no_manifest(tmp_path, write):
  path = tmp_path / 'm.parquet'
  write(path)
  said = error(lambda: source_manifest.read(path))
  assert said.startswith(
      f'`{path}` is no manifest of a source that can be read (')
  assert said.endswith('); remove it to make it anew.')


def test_a_manifest_of_another_format(tmp_path, monkeypatch):
  path = tmp_path / 'm.parquet'
  monkeypatch.setattr(source_manifest, 'FORMAT', 2)
  manifest().write(path)
  monkeypatch.undo()
  assert error(lambda: source_manifest.read(path)) == (
      f'`{path}` is no manifest of a source that can be read (it is of format '
      '2, not 1); remove it to make it anew.')


def test_paths_below_a_folder():
  assert source_manifest.join('/data', 'a/b') == '/data/a/b'
  assert source_manifest.join('/data', '/a/b') == '/a/b'
  assert source_manifest.join('/data', 'gs://a/b') == 'gs://a/b'


def test_labels_are_of_what_is_not_left_out():
  made = manifest(rows=[Example(shard=0, row=0, label=2),
                        Example(shard=0, row=1, reason='bad'),
                        Example(shard=0, row=2, label=0)])
  assert made.labels.tolist() == [2, 0] and made.labels.dtype == np.int64
