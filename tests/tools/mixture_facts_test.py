import numpy as np
import pytest
import tensorflow as tf

from ns import mixture
from tests.support import data_sets
from tests.support import photos
from tests.support import source_contract
from tools import mixture_facts

make_cache = source_contract.make_cache


def batches(labelled, keys, weights=None, classes=2):
  """Batches whose images are labelled where they are said to be."""
  labelled = np.array(labelled, np.float32)
  weights = np.ones_like(labelled) if weights is None else weights
  labels = np.where(labelled[..., np.newaxis] == 1, [0.75, 0.25], [0.0, 1.0])
  return tf.data.Dataset.from_tensor_slices({
      'is_labelled': labelled, 'key': np.array(keys),
      'label': labels.astype(np.float32), 'weight': weights})


def test_what_is_observed():
  found = mixture_facts.observe(batches(
      [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]],
      [list('abcd'), list('abee'), list('fghi')],
      np.array([[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 1, 1]], np.float32)), 3)
  speed, ready = found.pop('images_per_second'), found.pop(
      'first_batch_seconds')
  assert speed > 0 and ready > 0
  assert found == {
      'batches': 3, 'batch_size': 4, 'examples': 12, 'distinct': 9,
      'twice_in_a_batch': 1, 'weight_0': 2, 'weight_0_named': ['d', 'g'],
      'ratio': 3.0,
      'parts': [
          {'replicas': 1, 'images': 4, 'labelled_least': 1,
           'labelled_most': 1},
          {'replicas': 2, 'images': 2, 'labelled_least': 0,
           'labelled_most': 1},
          {'replicas': 4, 'images': 1, 'labelled_least': 0,
           'labelled_most': 1}],
      'label_mass': {'labelled': [0.75, 0.25], 'pseudo-labelled': [0, 1]}}


@pytest.mark.parametrize('labelled, ratio, kinds', [
    ([[1, 1]], 0, ['labelled']), ([[0, 0]], None, ['pseudo-labelled'])])
def test_one_kind_and_one_batch(labelled, ratio, kinds):
  found = mixture_facts.observe(batches(labelled, [list('ab')]), 1)
  assert found['ratio'] == ratio and list(found['label_mass']) == kinds
  assert found['images_per_second'] is None


def test_sets_and_classes(tmp_path):
  data = mixture.WithForeign(
      data=data_sets.few_labels(tmp_path), share=0.2,
      images=mixture.Textures(num_examples=10, image_size=8, channels=1))
  assert mixture_facts.sets(data) == [
      {'name': 'labelled', 'images': 12, 'shards': 1, 'has_labels': True,
       'foreign': None, 'leaks_left_out': None},
      {'name': 'unlabelled', 'images': 50, 'shards': 2, 'has_labels': False,
       'foreign': 10, 'leaks_left_out': None},
      {'name': 'validation', 'images': 8, 'shards': 1, 'has_labels': True,
       'foreign': None, 'leaks_left_out': None},
      {'name': 'test', 'images': 20, 'shards': 1, 'has_labels': True,
       'foreign': None, 'leaks_left_out': None}]
  selected = {'used_per_class': [1, 2, 3, 4], 'copies_per_class': [4] * 4}
  validation, _ = data.evaluation_sets
  assert mixture_facts.classes(data, selected) == {
      'names': ['0', '1', '2', '3'], 'images': {
          'labelled': [3, 3, 3, 3],
          'validation': [(validation.class_ids == c).sum() for c in range(4)],
          'test': [5, 5, 5, 5], 'pseudo-labelled': [1, 2, 3, 4],
          'with copies': [4, 4, 4, 4]}}
  assert 'pseudo-labelled' not in mixture_facts.classes(data, None)['images']


def test_leaks_that_are_left_out(tmp_path, monkeypatch):
  data = data_sets.few_labels(tmp_path)
  monkeypatch.setattr(type(data), 'leaks', {'unlabelled': 3})
  assert [(one['name'], one['leaks_left_out'])
          for one in mixture_facts.sets(data)] == [
              ('labelled', None), ('unlabelled', 3), ('validation', None),
              ('test', None)]


def test_what_is_left_out_and_why(tmp_path):
  photos.folder(tmp_path / 'labelled')
  photos.write(tmp_path / 'labelled/ant/empty.png', b'')
  for name in 'xyz':
    photos.write(tmp_path / f'labelled/bee/{name}.jpg', b'no image')
  train = mixture.Folder(name='labelled', path=str(tmp_path / 'labelled'),
                         check_images=True, max_excluded=0.5)
  photos.write(tmp_path / 'labelled/bee/notes.txt', b'no picture')
  data = mixture.Sets(train=train, validation=3, pools=())
  found, = mixture_facts.sources(data)
  named = found.pop('named')
  assert {tuple(pair) for pair in named} == {
      ('labelled/ant/empty.png', 'is empty'),
      *((f'labelled/bee/{name}.jpg', 'does not decode') for name in 'xyz')}
  assert found == {
      'name': 'labelled', 'kind': 'Folder', 'images': 15, 'shards': 1,
      'digests': 1, 'shape': None, 'left_out': 4,
      'passed_over': {'.txt': 1},
      'reasons': {'does not decode': 3, 'is empty': 1},
      'manifest': str(train.manifest_path)}


def test_the_page():
  observed = mixture_facts.observe(batches(
      [[1, 0, 0, 0]] * 2, [list('abcd'), list('abee')],
      np.array([[1, 1, 1, 0], [1, 1, 1, 1]], np.float32)), 2)
  observed |= {'first_batch_seconds': 0.25, 'images_per_second': 1234.5}
  assert mixture_facts.text({
      'sets': [{'name': 'labelled', 'images': 1200, 'shards': 1,
                'has_labels': True, 'foreign': None,
                'leaks_left_out': None},
               {'name': 'unlabelled', 'images': 50, 'shards': 2,
                'has_labels': False, 'foreign': 10, 'leaks_left_out': 7}],
      'sources': [{'name': 'photos', 'kind': 'Folder', 'images': 1250,
                   'shards': 1, 'digests': 0, 'shape': None, 'left_out': 2,
                   'passed_over': {'.tif': 1, '.xcf': 3},
                   'reasons': {'is empty': 2},
                   'named': [['photos/a.png', 'is empty']],
                   'manifest': None}],
      'classes': {'names': ['cat', 'dog'],
                  'images': {'labelled': [1000, 200]}},
      'observed': observed, 'note': 'A note.'}) == '''\
set         images  shards  of no class  leaks left out
labelled     1,200       1            -               -
unlabelled      50       2           10               7

source  kind    images  shards  digests  left out    shape
photos  Folder   1,250       1        0         2  differs
  photos: 2 is empty
    `photos/a.png`: is empty
  photos: passed over: 3 .xcf, 1 .tif

class  labelled  in batches, labelled  in batches, pseudo-labelled
cat       1,000               75.00 %                       0.00 %
dog         200               25.00 %                     100.00 %

2 batches of 4 images
  A note.
  pseudo-labelled images for each labelled one: 3
  labelled of the 4 images of each of 1 replica: 1 in every batch
  labelled of the 2 images of each of 2 replicas: 0 to 1
  labelled of the 1 images of each of 4 replicas: 0 to 1
  distinct images: 5 of 8 (62.5 %); twice in a batch: 1
  of weight 0, because they do not decode: 1
    `d`
  the first batch after 0.25 s, then 1,234 images/s'''
