import dataclasses

import numpy as np
import pytest

from ns import mixture
from ns.core import errors
from ns.mixture import sources
from tests.support import data_sets
from tests.support import photos
from tests.support import source_contract
from tests.support import tf_records

make_cache = source_contract.make_cache


def tf_record(folder, files=2, each=3):
  """A labelled source, and its keys and images in order."""
  expected = []
  for number in range(files):
    images = [photos.encoded(0, number * each + i) for i in range(each)]
    tf_records.write(folder / f'r{number}', [
        tf_records.example(**{'image/encoded': image, 'image/class/label': 1})
        for image in images])
    expected += [(f'records/r{number}/{i}', image, None)
                 for i, image in enumerate(images)]
  source = mixture.TfRecord(name='records', files=f'{folder}/r*', classes=3,
                            class_names=['ant', 'bee', 'cow'])
  return source, expected


def two(tmp_path, class_names=('ant', 'bee', 'cow')):
  """Two labelled sources as a pool, and what it should have."""
  written = photos.folder(tmp_path / 'photos')
  folder = mixture.Folder(name='photos', path=str(tmp_path / 'photos'))
  records, expected = tf_record(tmp_path / 'records')
  pool = mixture.Pools(name='pool', parts=(folder, records),
                       class_names=class_names)
  return pool, [(key, image, None) for key, image, _ in photos.in_order(
      written, name='photos')] + expected


def test_it_is_its_parts_one_after_the_other(tmp_path, monkeypatch):
  monkeypatch.setattr(sources, '_MAX_SHARD', 8)
  pool, expected = two(tmp_path)
  assert pool.num_examples == 21 and pool.classes == 3
  assert pool.keys() == [key for key, _, _ in expected]
  assert source_contract.records(pool) == expected
  assert [shard.name for shard in pool.shards] == [
      'photos-00000-of-00002', 'photos-00001-of-00002', 'records-r0',
      'records-r1']
  ends = 0
  for shard in pool.shards:
    assert shard.first == ends
    ends += shard.num_examples
    assert source_contract.records(pool, shard) == expected[shard.first:ends]
    rows = np.arange(shard.num_examples)[1::2]
    assert source_contract.records(pool, shard, rows) == expected[
        shard.first + 1:ends:2]
  assert ends == 21
  across = np.array([13, 14, 15, 20])
  assert pool.keys(across) == [expected[i][0] for i in across]
  assert [r['image'] for r in pool.at(across).as_numpy_iterator()] == [
      expected[i][1] for i in across]


def test_shards_that_would_have_one_name(tmp_path):
  """Else the second would be taken for the first, and for done already."""
  parts = []
  for name, file in ('web', 'a-r0'), ('web-a', 'r0'):
    tf_records.write(tmp_path / name / file, [
        tf_records.example(**{'image/encoded': photos.encoded(0, 1)})])
    parts.append(mixture.TfRecord(
        name=name, files=f'{tmp_path}/{name}/*', label=''))
  pool = mixture.Pools(name='pool', parts=parts, class_names=('ant', 'bee'))
  assert source_contract.error(lambda: pool.shards) == (
      'The shards of `pool` should have distinct names, but two are '
      '`web-a-r0`, of which the second is `r0` of `web-a`; give that source '
      'another name.')


def test_labels_are_dropped_and_hidden(tmp_path):
  pool, _ = two(tmp_path)
  assert set(pool.records().element_spec) == {'key', 'image'}
  assert not pool.is_labelled
  assert pool.hidden_labels().tolist() == [
      *pool.parts[0].class_ids, *[0] * 6]


def test_labels_of_other_classes_are_of_no_use(tmp_path):
  pool, _ = two(tmp_path, class_names=('bee', 'ant', 'cow'))
  assert pool.hidden_labels() is None


def test_where_one_part_has_no_labels_nothing_is_compared(tmp_path):
  pool, _ = two(tmp_path)
  without = dataclasses.replace(pool.parts[1], label='', classes=None,
                                class_names=())
  assert dataclasses.replace(pool, parts=(pool.parts[0], without)
                             ).hidden_labels() is None


def test_the_digest_is_of_parts_and_order(tmp_path):
  pool, _ = two(tmp_path)
  again = dataclasses.replace(pool, name='else')
  turned = dataclasses.replace(pool, parts=pool.parts[::-1])
  fewer = dataclasses.replace(pool, parts=pool.parts[:1])
  more = dataclasses.replace(pool, class_names=('ant', 'bee', 'cow', 'dog'))
  assert again.digest() == pool.digest()
  assert len({p.digest() for p in (pool, turned, fewer, more)}) == 4


def test_pixels_of_one_shape(tmp_path):
  parts = [data_sets.idx(tmp_path, name, 5, size=8) for name in 'ab']
  pool = mixture.Pools(name='pool', parts=parts, class_names=tuple('0123'))
  assert pool.image_shape == (8, 8, 1) and pool.is_random_access
  assert len(list(pool.records())) == 10
  other = data_sets.idx(tmp_path, 'c', 5, size=9)
  assert dataclasses.replace(pool, parts=[*parts, other]).image_shape is None


def test_no_pool():
  pool = mixture.Pools(name='pool', parts=(), class_names=('a', 'b'))
  assert pool.num_examples == 0 and pool.shards == () and pool.keys() == []
  assert pool.hidden_labels() is None
  with pytest.raises(errors.RunError) as caught:
    pool.records()
  assert str(caught.value) == '`pool` has no images to read.'


def test_none_of_its_images(tmp_path):
  pool, _ = two(tmp_path)
  none = pool.columns(np.arange(0))
  assert {name: len(values) for name, values in none.items()} == {
      'key': 0, 'image': 0}
  assert not list(pool.at(np.arange(0)))


def test_it_reads_its_parts(tmp_path):
  pool, _ = two(tmp_path)
  pool.read()
  (tmp_path / 'records/r1').unlink()
  assert 'is not there' in source_contract.error(pool.read)
