import json

import numpy as np
from pyarrow import parquet
import pytest

from ns import mixture
from ns.core import seeds
from ns.mixture import splits
from tests.support import data_sets
from tests.support import photos
from tests.support import source_contract

make_cache = source_contract.make_cache
error = source_contract.error


def folder(tmp_path, name, **how):
  photos.folder(tmp_path / name, **how)
  return mixture.Folder(name=name, path=str(tmp_path / name))


def images(tmp_path, name):
  photos.folder(tmp_path / name)
  return mixture.ImageFiles(name=name, path=str(tmp_path / name))


def sets(tmp_path, **how):
  return mixture.Sets(**{
      'train': folder(tmp_path, 'train'), 'pools': [
          images(tmp_path, 'web'), folder(tmp_path, 'video')],
      'validation': 4, 'test': folder(tmp_path, 'test', first_seed=50), **how})


def test_every_image_is_where_it_was_declared(tmp_path):
  data = sets(tmp_path)
  validation, test = data.evaluation_sets
  assert [(s.name, s.num_examples, s.is_labelled) for s in (
      data.labelled, data.unlabelled, validation, test)] == [
          ('labelled', 11, True), ('unlabelled', 30, False),
          ('validation', 4, True), ('test', 15, True)]
  assert sorted(data.labelled.keys() + validation.keys()) == sorted(
      data.train.keys())
  assert data.unlabelled.keys() == [
      key for pool in data.pools for key in pool.keys()]
  assert test.keys() == data.test.keys()
  assert data.class_names == ('ant', 'bee', 'cow') and data.classes == 3
  assert data.image_shape is None
  data.read()


def test_what_is_held_out_is_drawn_by_seed(tmp_path):
  data = sets(tmp_path, split_seed=3)
  philox = np.random.Philox(seeds.Seed(3).child('split').value)
  order = np.random.Generator(philox).permutation(15)
  validation, _ = data.evaluation_sets
  assert validation.indices.tolist() == sorted(order[:4])
  assert data.labelled.indices.tolist() == sorted(order[4:])
  other = sets(tmp_path, split_seed=4).evaluation_sets[0]
  assert other.keys() != validation.keys()


def test_a_share_may_be_held_out(tmp_path):
  data = sets(tmp_path, validation=0.2)
  assert data.evaluation_sets[0].num_examples == 3
  assert data.labelled.num_examples == 12


def test_validation_may_be_a_source_and_test_be_missing(tmp_path):
  data = sets(tmp_path, validation=folder(tmp_path, 'val', per_class=2),
              test=None)
  validation, = data.evaluation_sets
  assert validation.name == 'validation'
  assert validation.keys() == data.validation.keys()
  assert data.labelled.keys() == data.train.keys()


def test_it_is_written_as_parquet(tmp_path, monkeypatch):
  data = sets(tmp_path)
  path = tmp_path / 'splits.parquet'
  data.write(path)
  parts = data.labelled, data.unlabelled, *data.evaluation_sets
  table = parquet.read_table(path)
  assert table.to_pydict() == {
      'key': [key for part in parts for key in part.keys()],
      'split': [part.name for part in parts for _ in part.keys()]}
  told = [{'name': part.name, 'num_examples': part.num_examples,
           'digest': part.digest()} for part in parts]
  assert json.loads(table.schema.metadata[b'parts']) == told
  monkeypatch.setattr(splits, '_MAX_LISTED', 20)
  data.write(path)
  table = parquet.read_table(path)
  assert set(table['split'].to_pylist()) == {'labelled', 'validation', 'test'}
  assert json.loads(table.schema.metadata[b'parts']) == told


def test_what_is_left_out_is_counted(tmp_path):
  data = sets(tmp_path, pools=[mixture.ImageFiles(
      name='web', path=str(tmp_path / 'web'), max_excluded=0.2)])
  images(tmp_path, 'web')
  photos.write(tmp_path / 'web/x.png', b'')
  count = data.pools[0].num_examples
  assert splits.left_out(data) == {'web': {
      'count': 1, 'share': pytest.approx(1 / (count + 1)), 'max_share': 0.2}}


def test_a_class_without_a_labelled_image(tmp_path):
  photos.folder(tmp_path / 'train', classes=('ant', 'bee'))
  (tmp_path / 'train/cow').mkdir()
  train = mixture.Folder(name='train', path=str(tmp_path / 'train'))
  data = sets(tmp_path / 'more', train=train)
  assert error(data.read) == (
      'Every class should have a labelled image in `train`, but 1 have none '
      'outside the validation set, the first of them `cow`; where it has some '
      f'now, remove `{train.manifest_path}` to look through the source again.')


def test_other_classes_in_test(tmp_path):
  data = sets(tmp_path, test=folder(tmp_path, 'other', classes=('ant', 'dog')))
  assert error(lambda: data.classes) == (
      "The classes of `other` should be those of `train`, 3 ('ant', 'bee', "
      "'cow'), but are 2 ('ant', 'dog'); bind `class_names`, or look at the "
      'sources.')


def test_images_of_other_shapes(tmp_path):
  parts = [data_sets.idx(tmp_path, name, 8, size=size)
           for name, size in (('a', 8), ('b', 8), ('c', 9))]
  data = lambda pool: mixture.Sets(train=parts[0], pools=[pool], validation=2)
  assert data(parts[1]).image_shape == (8, 8, 1)
  assert error(lambda: data(parts[2]).image_shape) == (
      'The images of `c` should be of the shape of those of `a`, (8, 8, 1), '
      'but are of (9, 9, 1).')


@pytest.mark.parametrize('validation', [15, 16, 0.01, 0.99])
def test_a_validation_set_of_all_or_nothing(tmp_path, validation):
  data = sets(tmp_path, validation=validation)
  assert error(lambda: data.labelled) == (
      '`Sets.validation` should hold out some of the 15 images of `train` and '
      f'leave some, but is {validation}.')


@pytest.mark.parametrize('changes, said', [
    ({'train': 3}, '`Sets.train` should be a value of type Source, but is 3.'),
    ({'pools': 'web'}, '`Sets.pools` should be a value of type list or tuple, '
     "but is 'web'."),
    ({'pools': [3]}, '`Sets.pools` should be a list of sources, such as '
     '`[@mixture.ImageFiles()]`, but is [3].'),
    ({'validation': 0}, '`Sets.validation` should be a whole number of at '
     'least 1, but is 0.'),
    ({'validation': 1.0}, '`Sets.validation` should be a number above 0 and '
     'below 1, but is 1.0.'),
    ({'test': 'x'}, "`Sets.test` should be a value of type Source, but is "
     "'x'."),
    ({'split_seed': -1}, '`Sets.split_seed` should be a whole number of at '
     'least 0, but is -1.')])
def test_wrong_fields(tmp_path, changes, said):
  with pytest.raises((TypeError, ValueError)) as caught:
    sets(tmp_path, **changes)
  assert str(caught.value) == said


def test_sources_without_labels_and_pools_of_one_name(tmp_path):
  web = images(tmp_path, 'web')
  for changes, said in (
      ({'train': web}, '`web` should have labels, but has none.'),
      ({'test': web}, '`web` should have labels, but has none.'),
      ({'pools': [web, web]},
       "`Sets.pools` should have distinct names, but 2 are 'web'.")):
    with pytest.raises(ValueError) as caught:
      sets(tmp_path, **changes)
    assert str(caught.value) == said
