import dataclasses

import numpy as np
from pyarrow import parquet
import pytest

from ns import mixture
from ns.mixture import splits
from tests.support import data_sets
from tests.support import source_contract


@pytest.fixture(name='data')
def make_data(tmp_path):
  """A split with a pool of 40 of four classes."""
  return data_sets.few_labels(tmp_path)


def textures(count=50):
  return mixture.Textures(num_examples=count, image_size=8, channels=1)


def test_a_source_of_which_nothing_is_of_a_class(tmp_path):
  source = data_sets.idx(tmp_path, 'other', 9)
  foreign = mixture.Foreign(source=source)
  assert (foreign.name, foreign.num_examples) == ('other', 9)
  assert foreign.keys() == source.keys()
  assert foreign.digest() == source.digest()
  assert foreign.shards == source.shards and foreign.is_random_access
  assert foreign.image_shape == (8, 8, 1) and not foreign.is_labelled
  assert foreign.hidden_labels().tolist() == [-1] * 9
  assert foreign.foreign().tolist() == [True] * 9
  expected = [(key, image, None)
              for key, image, _ in source_contract.records(source)]
  for one, other in zip(source_contract.records(foreign), expected,
                        strict=True):
    assert one[0] == other[0] and one[2] is None
    np.testing.assert_array_equal(one[1], other[1])


def test_a_known_share_of_the_pool_is_foreign(data):
  mixed = mixture.WithForeign(data=data, images=textures(), share=0.2)
  mixed.read()
  pool = mixed.unlabelled
  # 10 of 50 are a fifth.
  assert pool.num_examples == 50
  assert pool.foreign().tolist() == [False] * 40 + [True] * 10
  assert pool.hidden_labels().tolist() == [
      *data.unlabelled.hidden_labels(), *[-1] * 10]
  keys = pool.keys()
  assert keys[:40] == data.unlabelled.keys()
  # Of 50 textures, 10 are drawn.
  assert len(set(keys[40:])) == 10 and keys[40:] == sorted(keys[40:])
  assert all(key.startswith('textures/') for key in keys[40:])
  assert keys[49] != 'textures/09'
  other = dataclasses.replace(mixed, split_seed=1).unlabelled
  assert other.keys()[40:] != keys[40:] and other.digest() != pool.digest()
  records = source_contract.records(pool)
  assert [key for key, _, _ in records] == keys
  index = int(keys[44].split('/')[1])
  np.testing.assert_array_equal(records[44][1], textures().pixels(index))
  assert [shard.name for shard in pool.shards] == [
      'unlabelled-00000-of-00001', 'textures-00000-of-00001']


def test_all_else_is_that_of_the_split(data, tmp_path):
  mixed = mixture.WithForeign(data=data, images=textures(), share=0.2)
  assert mixed.labelled.digest() == data.labelled.digest()
  assert [s.digest() for s in mixed.evaluation_sets] == [
      s.digest() for s in data.evaluation_sets]
  assert (mixed.classes, mixed.class_names, mixed.image_shape) == (
      4, data.class_names, (8, 8, 1))
  mixed.write(tmp_path / 'splits.parquet')
  table = parquet.read_table(tmp_path / 'splits.parquet').to_pydict()
  counts = np.unique(table['split'], return_counts=True)
  assert dict(zip(*counts)) == {
      'labelled': 12, 'unlabelled': 50, 'validation': 8, 'test': 20}


def test_beside_several_pools(tmp_path):
  sources = {name: data_sets.idx(tmp_path, name, 20, seed=seed)
             for seed, name in enumerate(('train', 'a', 'b'))}
  sets = mixture.Sets(train=sources['train'], validation=4,
                      pools=[sources['a'], sources['b']])
  mixed = mixture.WithForeign(data=sets, images=textures(10), share=0.2)
  assert mixed.unlabelled.foreign().tolist() == [False] * 40 + [True] * 10
  assert (mixed.unlabelled.hidden_labels()[:40] >= 0).all()
  assert mixed.unlabelled.records(
      mixed.unlabelled.shards[1]).cardinality() == 20
  # Or as one of the pools.
  sets = dataclasses.replace(sets, pools=[
      sources['a'], mixture.Foreign(source=sources['b'])])
  pool = sets.unlabelled
  assert pool.foreign().tolist() == [False] * 20 + [True] * 20
  assert pool.hidden_labels()[20:].tolist() == [-1] * 20
  part = mixture.Subset(name='part', source=pool, is_labelled=False,
                        indices=np.array([1, 19, 20, 39]))
  assert part.foreign().tolist() == [False, False, True, True]


def test_files_that_are_not_here_are_those_of_both(data, monkeypatch):
  mixed = mixture.WithForeign(data=data, images=textures(), share=0.2)
  assert mixed.missing == ()
  monkeypatch.setattr(mixture.Textures, 'missing', 'no')
  assert mixed.missing == (mixed.images,)
  assert mixture.Foreign(source=mixed.images).missing == 'no'


def test_where_nothing_is_declared_foreign_nothing_is_known(data):
  assert data.unlabelled.foreign() is None
  pool = mixture.Pools(name='pool', parts=(data.unlabelled,),
                       class_names=data.class_names)
  assert pool.foreign() is None


def test_foreign_images_are_known_where_labels_are_not(data):
  other = tuple('abcd')
  pool = mixture.Pools(name='pool', class_names=other, parts=(
      data.unlabelled, mixture.Foreign(source=textures(3))))
  assert pool.hidden_labels() is None
  assert pool.foreign().sum() == 3


@pytest.mark.parametrize('share, count', [(0.6, 60), (0.01, 0)])
def test_a_share_that_cannot_be(data, share, count):
  mixed = mixture.WithForeign(data=data, images=textures(), share=share)
  assert source_contract.error(mixed.read) == (
      '`WithForeign.share` should be of some of the 50 images of `textures`, '
      f'but {share} beside the 40 of `unlabelled` is {count}.')


def test_other_shapes(data):
  mixed = mixture.WithForeign(
      data=data, share=0.2,
      images=mixture.Textures(num_examples=50, image_size=9, channels=1))
  assert source_contract.error(lambda: mixed.image_shape) == (
      'The images of `textures` should be of the shape of those of `labelled`, '
      '(8, 8, 1), but are of (9, 9, 1).')


@pytest.mark.parametrize('change', [{'share': 0}, {'share': 1.0},
                                    {'split_seed': -1}])
def test_wrong_numbers(data, change):
  with pytest.raises(ValueError, match=f'`WithForeign.{list(change)[0]}`'):
    mixture.WithForeign(**{
        'data': data, 'images': textures(), 'share': 0.5, **change})


def test_a_name_that_another_source_has(data):
  """Images of both could have the same keys."""
  with pytest.raises(ValueError) as caught:
    mixture.WithForeign(data=data, share=0.5, images=dataclasses.replace(
        textures(), name=data.train.name))
  assert str(caught.value) == (
      '`WithForeign.images` should have a name that no source of '
      f'`WithForeign.data` has, but is {data.train.name!r}.')


def test_wrong_types(data):
  with pytest.raises(TypeError, match='`WithForeign.data` should be an object'):
    mixture.WithForeign(data=None, images=textures(), share=0.5)
  with pytest.raises(TypeError, match='`WithForeign.images` should be'):
    mixture.WithForeign(data=data, images=data, share=0.5)
  with pytest.raises(TypeError, match='`Foreign.source` should be'):
    mixture.Foreign(source=data)
  assert splits.image_shape(data.labelled) == (8, 8, 1)
