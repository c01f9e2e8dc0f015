import numpy as np
import pyarrow
from pyarrow import parquet
import pytest

from ns import mixture
from tests.support import photos
from tests.support import source_contract

make_cache = source_contract.make_cache
error = source_contract.error


def write(folder, counts=(11, 150), row_group=40, struct=False):
  """Files of so many rows, and what a source should make of them."""
  expected, seed = [], 0
  folder.mkdir(parents=True, exist_ok=True)
  for number, count in enumerate(counts):
    seeds = range(seed, seed + count)
    images = [photos.encoded(i % 3, i % 9) for i in seeds]
    width = len(str(count - 1))
    expected += [(f'made/{number}.parquet/{row:0{width}}', image, i % 3)
                 for row, (i, image) in enumerate(zip(seeds, images))]
    column = [{'bytes': i, 'path': 'x'} for i in images] if struct else images
    parquet.write_table(pyarrow.table({
        'other': [1.5] * count, 'image': column,
        'y': np.array(seeds) % 3 + 5}), folder / f'{number}.parquet',
                        row_group_size=row_group)
    seed += count
  return expected


def source(folder, **how):
  return mixture.Parquet(**{
      'name': 'made', 'files': f'{folder}/*.parquet', 'label': 'y',
      'label_offset': 5, 'classes': 3, **how})


def unlabelled(folder, **how):
  return source(folder, label='', label_offset=0, classes=None, **how)


@pytest.mark.parametrize('row_group', [7, 40, 1000])
@pytest.mark.parametrize('struct', [False, True])
def test_it_keeps_the_contract(tmp_path, row_group, struct):
  expected = write(tmp_path, row_group=row_group, struct=struct)
  source_contract.check(source(tmp_path), expected)


def test_without_labels_it_keeps_the_contract(tmp_path):
  expected = write(tmp_path)
  source_contract.check(
      unlabelled(tmp_path), [(*most, None) for *most, _ in expected])


def test_other_groups_of_rows_are_not_read(tmp_path, monkeypatch):
  write(tmp_path, counts=[100], row_group=20)
  made = source(tmp_path)
  shard, = made.shards
  read, iter_batches = [], parquet.ParquetFile.iter_batches

  def iter_and_note(self, *args, row_groups, **how):
    read.extend(row_groups)
    return iter_batches(self, *args, row_groups=row_groups, **how)

  monkeypatch.setattr(parquet.ParquetFile, 'iter_batches', iter_and_note)
  source_contract.records(made, shard, np.array([25, 39, 40]))
  assert read == [1, 2]


def test_a_restart_lists_and_counts_nothing(tmp_path, monkeypatch):
  write(tmp_path, counts=[5])
  source_contract.check_restart(lambda: source(tmp_path), monkeypatch)


def test_broken_rows_are_left_out_and_named(tmp_path):
  image = photos.encoded(0, 0)
  parquet.write_table(pyarrow.table({
      'image': [image, None, b'', image, image, b'no image', image],
      'y': [5, 6, 6, 8, None, 6, 7]}), tmp_path / '0.parquet')
  made = source(tmp_path, check_images=True, max_excluded=0.8)
  source_contract.check(made, [
      ('made/0.parquet/0', image, 0), ('made/0.parquet/6', image, 2)])
  assert made.excluded() == [
      ('made/0.parquet/1', 'has no `image`'),
      ('made/0.parquet/2', 'has no `image`'),
      ('made/0.parquet/3', 'is of class 3, counted from 0, where there are 3'),
      ('made/0.parquet/4', 'has no `y`'),
      ('made/0.parquet/5', 'does not decode')]


def test_a_truncated_file(tmp_path):
  expected = write(tmp_path, counts=[5, 20])
  path = tmp_path / '1.parquet'
  path.write_bytes(path.read_bytes()[:-30])
  assert '(`made/1.parquet`: cannot be read: ' in error(source(tmp_path).read)
  source_contract.check(source(tmp_path, max_excluded=0.5), expected[:5])


@pytest.mark.parametrize('changes', [{'image': 'jpeg'}, {'label': 'jpeg'}])
def test_no_such_column(tmp_path, changes):
  write(tmp_path, counts=[5])
  assert ('(`made/0.parquet`: has no column `jpeg`, but other, image, y)' in
          error(source(tmp_path, **changes).read))


def test_the_digest_is_of_contents(tmp_path):
  for name in 'ab':
    write(tmp_path / name, counts=[6])
  first = source(tmp_path / 'a').digest()
  assert source(tmp_path / 'b').digest() == first
  assert unlabelled(tmp_path / 'b').digest() != first
