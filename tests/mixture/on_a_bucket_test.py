"""Sources whose files are on a bucket."""

import os

import pyarrow
from pyarrow import parquet
import pytest

from ns import mixture
from ns.core import errors
from ns.mixture import sources
from tests.support import buckets
from tests.support import photos
from tests.support import source_contract
from tests.support import tf_records

make_cache = source_contract.make_cache

IMAGES = [photos.encoded(i % 3, i) for i in range(20)]


def expected(file, count=20):
  return [(f'made/{file}/{row:02}', IMAGES[row], row % 3)
          for row in range(count)]


def test_tf_records(tmp_path):
  tf_records.write(tmp_path / 'a-0', [
      tf_records.example(image=image, label=i % 3)
      for i, image in enumerate(IMAGES)])
  tf_records.write(tmp_path / 'a-1', [
      tf_records.example(image=image, label=i % 3)
      for i, image in enumerate(IMAGES[:11])])
  source_contract.check(mixture.TfRecord(
      name='made', files=f'{buckets.copy(tmp_path)}/a-*', image='image',
      label='label', label_offset=0, classes=3),
                        expected('a-0') + expected('a-1', 11))


def test_parquet(tmp_path):
  parquet.write_table(pyarrow.table({
      'image': IMAGES, 'label': [i % 3 for i in range(20)]}),
                      tmp_path / 'a.parquet', row_group_size=7)
  source_contract.check(mixture.Parquet(
      name='made', files=f'{buckets.copy(tmp_path)}/a.parquet', image='image',
      label='label', classes=3), expected('a.parquet'))


def test_a_folder_of_images(tmp_path, monkeypatch):
  monkeypatch.setattr(sources, '_MAX_SHARD', 6)
  written = photos.folder(tmp_path)
  for name in 'notes.txt', 'ant/Thumbs.db', 'ant/.hidden.png', '.trash/a.png':
    photos.write(tmp_path / name, b'no picture')
  folder = buckets.copy(tmp_path)
  # Google's console marks the folders that it makes.
  buckets.server().call('put', name=f'{folder}/bee/'[5:], text='')
  source = mixture.Folder(name='made', path=str(folder))
  with buckets.server().counted() as made:
    assert source.class_names == ('ant', 'bee', 'cow')
  source_contract.check(source, photos.in_order(written))
  # Folders are listed, and no file is asked whether it is one.
  assert {name.removeprefix(str(folder)[5:]) for kind, name in made
          if kind == 'list'} == {'/', '/.trash/', '/notes.txt/', *(
              f'/{name}/{deep}' for name in ('ant', 'bee', 'cow')
              for deep in ('', 'deep/'))}


def test_a_list_of_images(tmp_path):
  written = photos.folder(tmp_path)
  folder = buckets.copy(tmp_path)
  (folder / 'list.txt').write_text('\n'.join(written))
  source = mixture.ImageFiles(name='made', path=str(folder / 'list.txt'))
  assert sorted(source.keys()) == sorted(f'made/{name}' for name in written)
  assert dict((os.path.relpath(key, 'made'), image) for key, image, _
              in source_contract.records(source)) == written


def test_what_is_not_there():
  folder = str(buckets.new())
  for source in (mixture.Folder(name='made', path=folder),
                 mixture.ImageFiles(name='made', path=folder),
                 mixture.TfRecord(name='made', files=f'{folder}/*', classes=3)):
    with pytest.raises(errors.Missing) as caught:
      _ = source.num_examples
    assert folder in str(caught.value)
