import json
import os

import numpy as np
import pyarrow
from pyarrow import parquet
import pytest

from ns.mixture import source_manifest
from tests.support import source_contract

error = source_contract.error
never = lambda number: False
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
  assert table.schema.names == [
      'shard', 'row', 'path', 'bytes', 'mtime_ns', 'content', 'label', 'reason']
  assert table.to_pylist()[1] == {
      'shard': None, 'row': None, 'path': 'x/y.png', 'bytes': 3,
      'mtime_ns': None, 'content': None, 'label': None, 'reason': 'is empty'}
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
  manifest(files=[whole]).new_times('m', never)
  rows = [Example(shard=0, row=0, path='a', bytes=5,
                  mtime_ns=found.st_mtime_ns)]
  images = manifest(files=[file(path=str(tmp_path), num_records=1)], rows=rows)
  images.new_times('m', never)
  (tmp_path / 'a').unlink()
  for made in images, manifest(files=[whole]):
    assert error(lambda: made.new_times('m', never)) == (
        f'`{tmp_path}/a` should have the 5 bytes that it had when its source '
        'was looked through, but is not there; bring it back, or remove `m` to '
        'look through the source again.')


def test_files_that_are_the_same_with_another_time(tmp_path):
  for name in 'ab':
    (tmp_path / name).write_bytes(b'12345')
    os.utime(tmp_path / name, ns=(7, 7_000_000_000))
  made = manifest(files=[
      file(name, path=str(tmp_path / name), bytes=5, mtime_ns=time)
      for name, time in (('a', 7_000_000_000), ('b', 3))])
  asked = []
  assert made.new_times('m', lambda number: not asked.append(number)) == {
      1: 7_000_000_000}
  assert asked == [1]
  assert ('and has, but was written since, at 7000000000 for 3;'
          in error(lambda: made.new_times('m', never)))
  larger = manifest(files=[file(path=str(tmp_path / 'a'), bytes=6)])
  assert 'but has 5' in error(
      lambda: larger.new_times('m', lambda number: True))


def test_contents_enter_the_digest_once_they_are_known():
  images = lambda *contents: manifest(
      files=[file(num_records=2)],
      rows=[Example(shard=0, row=row, path=f'{row}', bytes=1, content=content)
            for row, content in enumerate(contents)]).digest()
  assert len({images(None, None), images(1, 2), images(1, 3)}) == 3


def test_a_manifest_of_before_there_were_contents(tmp_path):
  made, path = mixed(), tmp_path / 'm.parquet'
  made.write(path)
  table = parquet.read_table(path)
  told = json.loads(table.schema.metadata[b'manifest'])
  del told['passed_over']
  for each in told['files']:
    del each['marks']
  parquet.write_table(table.drop_columns('content').replace_schema_metadata(
      {'manifest': json.dumps(told)}), path)
  found = source_manifest.read(path)
  assert found.rows.equals(made.rows) and found.files == made.files
  assert found.digest() == made.digest() and found.passed_over == {}


def test_files_by_suffix():
  assert source_manifest.by_suffix({'.a': 2, '': 1, '.c': 1000, '.b': 2}) == (
      '1,000 .c, 2 .a, 2 .b, 1 without suffix')


def test_of_very_many_images_not_each_is_looked_at(tmp_path, monkeypatch):
  rows = [Example(shard=0, row=i, path=f'{i}', bytes=1, mtime_ns=1)
          for i in range(3)]
  made = manifest(files=[file(path=str(tmp_path))], rows=rows)
  assert 'is not there' in error(lambda: made.new_times('m', never))
  monkeypatch.setattr(source_manifest, '_MAX_LOOKED_AT', 2)
  made.new_times('m', never)


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
