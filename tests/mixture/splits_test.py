import dataclasses
import hashlib

import numpy as np
from pyarrow import parquet
import pytest

from ns import mixture
from ns.core import errors
from ns.core import seeds
from ns.mixture import splits
from tests.support import data_sets
from tests.support import idx_files
from tests.support import photos


def split_of(folder, **changes):
  data = data_sets.few_labels(folder)
  return splits.FewLabels(**{
      'train': data.train, 'test': data.test, 'labelled_per_class': 3,
      'validation': 8, **changes})


def parts(data):
  """The indices of each part of the train source, by its name."""
  validation, _ = data.evaluation_sets
  return {part.name: part.indices
          for part in (data.labelled, data.unlabelled, validation)}


def error(call, kind=errors.RunError):
  with pytest.raises(kind) as caught:
    call()
  return str(caught.value)


@pytest.mark.parametrize('per_class', [1, 3, 10])
def test_each_class_has_exactly_as_many_labelled_images(tmp_path, per_class):
  data = split_of(tmp_path, labelled_per_class=per_class)
  assert np.bincount(data.labelled.class_ids).tolist() == [per_class] * 4


def test_the_parts_are_disjoint_and_complete_and_rising(tmp_path):
  found = parts(split_of(tmp_path))
  assert {name: len(indices) for name, indices in found.items()} == {
      'labelled': 12, 'unlabelled': 40, 'validation': 8}
  assert sorted(np.concatenate(list(found.values()))) == list(range(60))
  for indices in found.values():
    assert (np.diff(indices) > 0).all()


def test_the_split_is_a_permutations_head_then_the_first_of_each_class(
    tmp_path):
  data = split_of(tmp_path, split_seed=5)
  philox = np.random.Philox(seeds.Seed(5).child('split').value)
  order = np.random.Generator(philox).permutation(60).tolist()
  labels = data.train.class_ids
  labelled = []
  for index in order[8:]:
    if sum(labels[i] == labels[index] for i in labelled) < 3:
      labelled.append(index)
  found = parts(data)
  assert found['validation'].tolist() == sorted(order[:8])
  assert found['labelled'].tolist() == sorted(labelled)


def test_only_the_unlabelled_part_is_without_labels(tmp_path):
  data = split_of(tmp_path)
  validation, test = data.evaluation_sets
  assert [part.is_labelled for part in (
      data.labelled, data.unlabelled, validation, test)] == [
          True, False, True, True]
  np.testing.assert_array_equal(
      data.unlabelled.hidden_labels(),
      data.train.class_ids[data.unlabelled.indices])


def test_the_test_set_is_all_of_its_source(tmp_path):
  data = split_of(tmp_path)
  validation, test = data.evaluation_sets
  assert (validation.name, test.name) == ('validation', 'test')
  assert validation.source is data.train and test.source is data.test
  assert test.indices.tolist() == list(range(20))


def test_the_same_seed_gives_the_same_split_and_another_another(tmp_path):
  same = [parts(split_of(tmp_path, split_seed=3)) for _ in range(2)]
  other = parts(split_of(tmp_path, split_seed=4))
  for name in same[0]:
    np.testing.assert_array_equal(same[0][name], same[1][name])
    assert not np.array_equal(same[0][name], other[name])


def test_the_split_of_a_seed_never_changes(tmp_path):
  # Recorded from this version: results of runs are only comparable as long as
  # their splits are the same. NumPy may change what a permutation draws.
  found = parts(split_of(tmp_path))
  text = ';'.join(f'{name}:{",".join(map(str, found[name]))}'
                  for name in sorted(found))
  assert hashlib.sha256(text.encode()).hexdigest() == (
      '5efcfa631ba5dc3e2f1ab9204b7962258349d341eac552eda67e32259d776161')


def test_the_same_images_stay_held_out_with_more_labels(tmp_path):
  few = parts(split_of(tmp_path, labelled_per_class=2))
  many = parts(split_of(tmp_path, labelled_per_class=5))
  np.testing.assert_array_equal(few['validation'], many['validation'])
  assert set(few['labelled']) < set(many['labelled'])


def test_it_is_written_as_parquet(tmp_path):
  data = split_of(tmp_path)
  path = tmp_path / 'run' / 'splits.parquet'
  data.write(path)
  table = parquet.read_table(path).to_pydict()
  assert list(table) == ['key', 'split']
  where = dict(zip(table['key'], table['split'], strict=True))
  expected = {f'train/{i:02}': name
              for name, indices in parts(data).items() for i in indices}
  expected |= {f'test/{i:02}': 'test' for i in range(20)}
  assert where == expected and len(table['key']) == 80
  assert [p.name for p in path.parent.iterdir()] == ['splits.parquet']


@pytest.mark.parametrize('rank', [3, 4])
def test_the_image_shape_has_channels(tmp_path, rank):
  data = split_of(tmp_path)
  if rank == 4:
    for source in data.train, data.test:
      idx_files.write(source.images, source.pixels)
    data = split_of(tmp_path / 'again', train=remade(data.train),
                    test=remade(data.test))
  assert data.train.image_shape == (8, 8, 1)
  assert data.image_shape == (8, 8, 1)


def remade(source):
  return mixture.Idx(name=source.name, images=source.images,
                     labels=source.labels, classes=source.classes)


def test_ranks_may_differ_where_shapes_do_not(tmp_path):
  data = split_of(tmp_path)
  idx_files.write(data.test.images, data.test.pixels)
  assert split_of(tmp_path / 'again', train=remade(data.train),
                  test=remade(data.test)).image_shape == (8, 8, 1)


def test_counts_and_shape_do_not_read_the_test_images(tmp_path):
  data = split_of(tmp_path)
  path = data.test.images
  with open(path, 'r+b') as file:
    file.truncate(16)
  again = split_of(tmp_path / 'again', test=remade(data.test))
  assert again.image_shape == (8, 8, 1)
  assert again.evaluation_sets[1].num_examples == 20


def test_test_images_of_another_shape(tmp_path):
  larger = data_sets.idx(tmp_path, 'larger', 4, size=9)
  data = split_of(tmp_path, test=larger)
  assert error(lambda: data.image_shape) == (
      'The images of `larger` should be of the shape of those of `train`, '
      '(8, 8, 1), but are of (9, 9, 1).')


def test_other_classes_in_test(tmp_path):
  other = data_sets.idx(tmp_path, 'other', 4, classes=3)
  assert error(lambda: split_of(tmp_path, test=other).classes) == (
      "The classes of `other` should be those of `train`, 4 ('0', '1', '2', "
      "'3'), but are 3 ('0', '1', '2'); bind `class_names`, or look at the "
      'sources.')


@pytest.mark.parametrize('theirs, fit', [
    ((), True), ('abcd', True), ('abdc', False)])
def test_named_classes_are_compared_by_name(tmp_path, theirs, fit):
  data = split_of(tmp_path)
  named = split_of(
      tmp_path, train=dataclasses.replace(data.train, class_names=[*'abcd']),
      test=dataclasses.replace(data.test, class_names=[*theirs]))
  if fit:
    assert named.classes == 4
  else:
    assert error(lambda: named.classes).startswith(
        'The classes of `test` should be those of `train`, ')


def test_too_few_images_of_a_class(tmp_path):
  data = split_of(tmp_path, labelled_per_class=15)
  # 15 of each class, of which the validation set has some.
  rest = np.bincount(data.train.class_ids[np.setdiff1d(
      np.arange(60), parts(split_of(tmp_path))['validation'])])
  first = int(np.argmax(rest < 15))
  assert error(lambda: data.labelled) == (
      f'`FewLabels.labelled_per_class` is 15, but class {first} of `train` has '
      f'only {rest[first]} images outside the validation set.')


@pytest.mark.parametrize('validation', [60, 61])
def test_a_validation_set_of_everything(tmp_path, validation):
  data = split_of(tmp_path, validation=validation)
  assert error(lambda: data.unlabelled) == (
      '`FewLabels.validation` should leave some of the 60 images of `train`, '
      f'but is {validation}.')


def test_a_split_seed_of_too_many_bits(tmp_path):
  assert error(lambda: split_of(tmp_path, split_seed=2**64), ValueError) == (
      '`Seed.value` should be in [0, 2**64), but is 18446744073709551616.')


@pytest.mark.parametrize('field, value, said', [
    ('labelled_per_class', 0, 'a whole number of at least 1, but is 0.'),
    ('validation', 0, 'a whole number of at least 1, but is 0.'),
    ('split_seed', -1, 'a whole number of at least 0, but is -1.'),
    ('train', 'a', "a value of type Source, but is 'a'."),
    ('test', None, 'a value of type Source, but is None.')])
def test_wrong_fields(tmp_path, field, value, said):
  assert error(lambda: split_of(tmp_path, **{field: value}),
               (TypeError, ValueError)) == (
                   f'`FewLabels.{field}` should be {said}')


def test_any_labelled_source_will_do(tmp_path):
  for name in 'train', 'test':
    photos.folder(tmp_path / name, per_class=6)
  train, test = (mixture.Folder(
      name=name, path=str(tmp_path / name),
      manifest=str(tmp_path / f'{name}.parquet')) for name in ('train', 'test'))
  data = splits.FewLabels(train=train, test=test, labelled_per_class=2,
                          validation=3)
  data.read()
  validation, evaluated = data.evaluation_sets
  assert np.bincount(data.labelled.class_ids).tolist() == [2, 2, 2]
  assert evaluated.keys() == test.keys() and data.image_shape is None
  assert sorted(data.labelled.keys() + data.unlabelled.keys()
                + validation.keys()) == sorted(train.keys())
  assert data.class_names == ('ant', 'bee', 'cow')


def test_a_source_without_labels(tmp_path):
  pool = mixture.ImageFiles(name='pool', path=str(tmp_path))
  assert error(lambda: split_of(tmp_path, train=pool), ValueError) == (
      '`pool` should have labels, but has none.')
