"""What a run leaves out by a list, and which lists it does not take."""

import dataclasses

import numpy as np
from pyarrow import parquet
import pytest

from ns import mixture
from ns.core import errors
from ns.mixture import leakage
from ns.mixture import leakage_list
from ns.mixture import without_leaks
from tests.support import data_sets
from tests.support import idx_files


def split(folder, **how):
  """Few labels, where images of the test set are in the train set, too."""
  pixels, labels = data_sets.pixels_and_labels(60, seed=1)
  test, _ = data_sets.pixels_and_labels(20, seed=2)
  # Places of the unlabelled and of the labelled, as this split has them.
  plain = data_sets.few_labels(folder / 'plain')
  unlabelled, labelled = plain.unlabelled.indices, plain.labelled.indices
  pixels[unlabelled[[3, 4, 20]]] = test[[0, 1, 0]]
  pixels[labelled[2]] = test[5][:, ::-1]
  write = lambda name, array: idx_files.write(folder / name, array)
  source = lambda name, images: mixture.Idx(
      name=name, classes=4, images=write(f'{name}-images', images),
      labels=write(f'{name}-labels', labels[:len(images)]))
  return mixture.FewLabels(**{
      'train': source('train', pixels), 'test': source('test', test),
      'labelled_per_class': 3, 'validation': 8, **how})


@pytest.fixture(name='made', scope='module')
def make_list(tmp_path_factory):
  """A split, and the path of its list of leaks."""
  folder = tmp_path_factory.mktemp('made')
  data = split(folder)
  # The noise of these images is all that tells them apart.
  leakage.Search(max_difference=0.05).run(
      data.compared, data.evaluation_sets, folder)
  return data, str(folder / leakage_list.NAME)


def bound(made, **how):
  data, path = made
  return dataclasses.replace(data, leakage=mixture.WithoutLeaks(
      path=path, **how))


@pytest.fixture(name='mixed', scope='module')
def make_foreign(tmp_path_factory):
  """A split with foreign images, two of which are in its test set."""
  folder = tmp_path_factory.mktemp('mixed')
  data = split(folder)
  images = data_sets.pixels_and_labels(20, seed=3)[0]
  images[[4, 9]] = data.test.pixels[[2, 7], ..., 0]
  mixed = mixture.WithForeign(data=data, share=0.2, images=mixture.Idx(
      name='foreign', classes=4, images=idx_files.write(folder / 'f', images),
      labels=idx_files.write(folder / 'l', np.zeros(20, np.uint8))))
  leakage.Search(max_difference=0.05).run(
      mixed.compared, mixed.evaluation_sets, folder)
  return mixed, str(folder / leakage_list.NAME)


@pytest.mark.parametrize('sets, pool, foreign', [
    (['unlabelled'], 3, [4, 9]), (['labelled'], 0, [])])
def test_foreign_images_are_left_out_as_the_pool_is(mixed, sets, pool, foreign):
  mixed, path = mixed
  found = dataclasses.replace(mixed, data=bound((mixed.data, path), sets=sets))
  assert found.leaks == ({'unlabelled': pool, 'foreign': len(foreign)}
                         if pool else {'labelled': 1})
  own = mixed.data.unlabelled.num_examples - pool
  assert found.unlabelled.num_examples == own + round(own / 4)
  # As many as there are left can be drawn.
  most = dataclasses.replace(found, share=(20 - len(foreign)) / (
      own + 20 - len(foreign)))
  drawn = most.unlabelled.keys()[own:]
  assert drawn == [key for index, key in enumerate(mixed.images.keys())
                   if index not in foreign]


def test_a_list_of_before_there_were_foreign_images(mixed, made):
  del made
  mixed, path = mixed
  other = dataclasses.replace(
      mixed, data=bound((mixed.data, path)),
      images=mixture.Textures(num_examples=50, image_size=8, channels=1))
  assert error(other.read).startswith(
      f'`{path}` should be a list of the leaks of `textures`, but is of ')


def error(call) -> str:
  with pytest.raises(errors.RunError) as caught:
    call()
  return str(caught.value)


@pytest.mark.parametrize('how, unlabelled, labelled', [
    ({}, [3, 4, 20], []), ({'sets': ['labelled']}, [], [2]),
    ({'sets': ['unlabelled', 'labelled']}, [3, 4, 20], [2]),
    ({'kinds': ['exact'], 'sets': ['labelled']}, [], []),
    ({'kinds': ['near'], 'sets': ['labelled']}, [], [2]),
    ({'max_difference': 0.0}, [3, 4, 20], [])])
def test_what_is_listed_is_left_out(made, how, unlabelled, labelled):
  data = bound(made, **how)
  for found, whole, leaks in (
      (data.unlabelled, made[0].unlabelled, unlabelled),
      (data.labelled, made[0].labelled, labelled)):
    kept = np.delete(np.arange(whole.num_examples), leaks)
    assert found.num_examples == len(kept)
    assert found.keys() == whole.keys(kept)
    read = lambda source: [r['key'].decode()
                           for r in source.records().as_numpy_iterator()]
    assert read(found) == whole.keys(kept)
    assert (found.digest() == whole.digest()) == (
        found.name not in data.leakage.sets)
  expected = {'unlabelled': len(unlabelled), 'labelled': len(labelled)}
  assert data.leaks == {
      name: count for name, count in expected.items()
      if name in data.leakage.sets}
  # What is compared is all of it, so that a list can be made anew.
  assert [source.digest() for source in data.compared] == [
      source.digest() for source in made[0].compared]


def test_nothing_is_left_out_without_a_list(made):
  assert made[0].leaks == {}


def test_declared_sets_leave_out_too(made, tmp_path):
  data, _ = made
  sets = mixture.Sets(train=data.train, pools=[data.test], validation=8,
                      test=data.test)
  leakage.Search(max_difference=0.05).run(
      sets.compared, sets.evaluation_sets, tmp_path)
  found = dataclasses.replace(sets, leakage=mixture.WithoutLeaks(
      path=str(tmp_path / leakage_list.NAME)))
  # All of that pool are test images.
  assert found.leaks == {'unlabelled': 20}
  assert found.unlabelled.num_examples == 0


def test_what_is_alike_within_a_set_stays(made, tmp_path):
  data, _ = made
  leakage.Search(max_difference=0.05).run(
      data.compared, data.evaluation_sets, tmp_path, within=data.compared)
  rows = parquet.read_table(tmp_path / leakage_list.NAME).to_pylist()
  # Two of the pool are the same image of the test set.
  assert [(row['index'], row['evaluation_index']) for row in rows
          if row['evaluation_set'] == 'unlabelled'] == [(3, 20)]
  found = bound((data, str(tmp_path / leakage_list.NAME)),
                sets=['labelled', 'unlabelled'])
  assert found.leaks == {'unlabelled': 3, 'labelled': 1}


def test_a_list_that_is_not_there(made, tmp_path):
  path = str(tmp_path / 'none.parquet')
  assert error(lambda: bound((made[0], path)).unlabelled) == (
      f'`{path}` should be a list of leaks, but does not exist; make it with '
      '`bazel run //tools:find_leakage`.')


def test_a_list_of_another_pool(made):
  data, path = made
  other = dataclasses.replace(bound(made), validation=9)
  said = error(lambda: other.unlabelled)
  assert said == (
      f'`{path}` should be made for the sources of this run, but `unlabelled`, '
      'of 39 images, had 40 images with other contents then; make it anew with '
      '`bazel run //tools:find_leakage`, or bind `WithoutLeaks.other_sources = '
      'True` to leave out what it names.')


def test_a_list_of_another_test_set(made, tmp_path):
  data = dataclasses.replace(bound(made), test=data_sets.idx(
      tmp_path, 'test', 16, seed=3))
  assert '`test`, of 16 images, had 20 images with other contents' in error(
      lambda: data.unlabelled)


def test_a_list_that_was_not_compared_with_a_set(made, tmp_path):
  data, _ = made
  leakage.Search().run(data.compared, data.evaluation_sets[1:], tmp_path)
  path = str(tmp_path / leakage_list.NAME)
  assert '`validation`, of 8 images, was not compared with;' in error(
      lambda: bound((data, path)).unlabelled)
  leakage.Search().run(data.compared[:1], data.evaluation_sets,
                       tmp_path / 'b')
  path = str(tmp_path / 'b' / leakage_list.NAME)
  assert error(lambda: bound((data, path)).unlabelled) == (
      f'`{path}` should be a list of the leaks of `unlabelled`, but is of '
      'labelled, validation; make it anew with `bazel run //tools:find_leakage`'
      ', or change `WithoutLeaks.sets`.')


def test_a_list_of_other_sources_is_read_by_its_keys(made):
  data, _ = made
  same = bound(made).unlabelled
  other = dataclasses.replace(
      bound(made, other_sources=True), split_seed=0, test=dataclasses.replace(
          data.test, name='renamed'))
  assert other.unlabelled.keys() == same.keys()


def test_keys_that_are_not_there(made):
  data, path = made
  # With another seed some of what leaks is elsewhere.
  other = dataclasses.replace(
      bound(made, other_sources=True), split_seed=1)
  there = set(other.compared[1].keys())
  named = set(parquet.read_table(path).filter(
      parquet.read_table(path)['set'].to_numpy(zero_copy_only=False)
      == 'unlabelled')['key'].to_pylist())
  gone = [key for key in named if key not in there]
  assert 0 < len(gone)
  said = error(lambda: other.unlabelled)
  assert said.startswith(
      f'`{path}` should name images of `unlabelled`, but {len(gone)} of its 3 '
      'keys are not there, such as `train/')


def test_a_list_that_was_edited(made, tmp_path):
  data, path = made
  heading, table = leakage_list.heading(path), leakage_list.read(path)
  columns = table.to_pydict()
  columns['index'] = [index + 1 for index in columns['index']]
  edited = str(tmp_path / 'edited.parquet')
  leakage_list.write(edited, heading.header, heading.told, [columns])
  assert error(lambda: bound((data, edited)).unlabelled) == (
      f'`{edited}` should have the keys of `unlabelled`, of which it has the '
      'digest, but has others; it was changed, so make it anew with `bazel run '
      '//tools:find_leakage`.')


def test_a_limit_above_that_of_the_list(made):
  assert error(lambda: bound(made, max_difference=0.06).unlabelled) == (
      '`WithoutLeaks.max_difference` should be at most the 0.05 that '
      f'`{made[1]}` was made with, but is 0.06; make the list with a larger '
      'one.')


@pytest.mark.parametrize('how, kind, said', [
    ({'sets': ['test']}, ValueError, "`WithoutLeaks.sets` should be some of "
     "'unlabelled', 'labelled', but is ['test']."),
    ({'kinds': []}, ValueError, "`WithoutLeaks.kinds` should be some of "
     "'exact', 'near', but is []."),
    ({'sets': 'unlabelled'}, TypeError, '`WithoutLeaks.sets` should be a value '
     "of type list or tuple, but is 'unlabelled'."),
    ({'max_difference': -1}, ValueError, '`WithoutLeaks.max_difference` should '
     'be a number at least 0, but is -1.'),
    ({'other_sources': 1}, ValueError, '`WithoutLeaks.other_sources` should be '
     'one of True, False, but is 1.')])
def test_wrong_bindings(how, kind, said):
  with pytest.raises(kind) as caught:
    without_leaks.WithoutLeaks(path='a', **how)
  assert str(caught.value) == said


def test_what_is_bound_in_its_place(made):
  for data in made[0], mixture.Sets(
      train=made[0].train, pools=[], validation=2):
    with pytest.raises(TypeError) as caught:
      dataclasses.replace(data, leakage='leakage.parquet')
    assert str(caught.value) == (
        f'`{type(data).__name__}.leakage` should be a value of type '
        "WithoutLeaks, but is 'leakage.parquet'.")


def test_only_the_keys_of_leaks_are_asked_for(tmp_path):
  calls = []

  class Source(mixture.sources.Source):
    name, num_examples = 'unlabelled', 3_000_000

    def digest(self):
      return 'd'

    def keys(self, indices=None):
      calls.append(len(indices))
      return [f'pool/{index:07}' for index in indices.tolist()]

  class Test(Source):
    name, num_examples = 'test', 1

  indices = np.arange(0, 3_000_000, 30)
  path = str(tmp_path / 'list.parquet')
  header = leakage_list.Header(
      search={'max_difference': 0.1},
      evaluation_sets=[leakage_list.described(Test())],
      sets=[leakage_list.described(Source())])
  count = len(indices)
  leakage_list.write(path, header, {}, [{
      'set': ['unlabelled'] * count,
      'key': [f'pool/{index:07}' for index in indices.tolist()],
      'index': indices, 'evaluation_set': ['test'] * count,
      'evaluation_key': ['test/0'] * count,
      'evaluation_index': np.zeros(count, np.int64),
      'kind': ['near'] * count, 'distance': np.zeros(count, np.int32),
      'difference': np.zeros(count, np.float32),
      'mirrored': np.zeros(count, bool)}])
  found = without_leaks.WithoutLeaks(path=path).of(Source(), [Test()])
  # Only the keys of what is left out are made.
  assert calls == [count]
  assert found.num_examples == 2_900_000
  np.testing.assert_array_equal(
      found._theirs(np.array([0, 1, 28, 29, 2_899_999])),
      [1, 2, 29, 31, 2_999_999])
