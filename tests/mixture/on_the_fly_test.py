"""Batches whose images of the pool have no labels yet."""

import dataclasses
import itertools

import numpy as np
import pytest

from ns import images
from ns import noise
from ns.core import seeds
from ns.mixture import inputs as inputs_lib
from ns.mixture import on_the_fly
from ns.mixture import views
from tests.support import data_sets

MIXTURE = on_the_fly.OnTheFly(labelled_batch=4, ratio=3, shuffle_buffer=16)


@pytest.fixture(name='data', scope='module')
def make_data(tmp_path_factory):
  return data_sets.few_labels(tmp_path_factory.mktemp('data'))


def inputs_of(data, **changes):
  return inputs_lib.Inputs(**{
      'labelled': data.labelled, 'unlabelled': data.unlabelled,
      'view': views.View(size=8, channels=1),
      'teacher_view': views.View(size=6, channels=1,
                                 crop=images.CentreCrop(padding=0)),
      'noise': noise.FlipAndShift(shift=2), **changes})


def take(data, count, first_step=0, mixture=MIXTURE, **changes):
  found = mixture.batches(inputs_of(data, **changes), seeds.Seed(3), first_step)
  return list(itertools.islice(found.as_numpy_iterator(), count))


def clean(data, view):
  """The images of the pool by their keys, as a view shows them."""
  records = view.of(data.unlabelled.records()).as_numpy_iterator()
  return {record['key']: record['image'] for record in records}


def test_a_batch_is_pieces_that_are_alike(data):
  batch, = take(data, 1)
  assert batch['image'].shape == (16, 8, 8, 1)
  assert batch['teacher_image'].shape == (12, 6, 6, 1)
  assert batch['is_labelled'].tolist() == [1, 0, 0, 0] * 4
  others = batch['is_labelled'] == 0
  assert not batch['label'][others].any()
  np.testing.assert_allclose(batch['label'].sum(-1), ~others, rtol=1e-6)
  assert (batch['weight'] == 1).all()
  assert set(batch) == {'image', 'teacher_image', 'label', 'weight',
                        'is_labelled', 'key'}


def test_the_teacher_sees_what_it_labels_before_noise_at_its_size(data):
  expected = clean(data, inputs_of(data).teacher_view)
  noisy = clean(data, inputs_of(data).view)
  differ = 0
  for batch in take(data, 5):
    places = np.flatnonzero(batch['is_labelled'] == 0)
    for place, image in zip(places, batch['teacher_image'], strict=True):
      key = batch['key'][place]
      np.testing.assert_array_equal(image, expected[key])
      differ += not np.array_equal(batch['image'][place], noisy[key])
  assert differ > 30  # Of 60: the student sees another picture.


def test_all_of_the_pool_comes_and_nothing_of_what_is_labelled(data):
  pool = set(clean(data, inputs_of(data).view))
  found = [key for batch in take(data, 20)
           for key in batch['key'][batch['is_labelled'] == 0]]
  assert set(found) == pool


def test_a_restart_goes_on_as_if_nothing_had_been(data):
  whole, later = take(data, 7), take(data, 3, first_step=4)
  for expected, found in zip(whole[4:], later, strict=True):
    assert expected.keys() == found.keys()
    for name, value in expected.items():
      np.testing.assert_array_equal(found[name], value)


def test_two_hosts_have_halves_of_the_batch(data):
  whole = take(data, 3)
  parts = [take(data, 3, worker=worker, workers=2) for worker in range(2)]
  for expected, *halves in zip(whole, *parts, strict=True):
    for name, value in expected.items():
      np.testing.assert_array_equal(
          np.concatenate([half[name] for half in halves]), value)


def test_labels_of_the_pool_that_are_known_are_not_used(data):
  known = dataclasses.replace(data.unlabelled, is_labelled=True)
  batch, = take(data, 1, unlabelled=known)
  assert not batch['label'][batch['is_labelled'] == 0].any()


@pytest.mark.parametrize('value', [-0.1, 1.5, 'high'])
def test_wrong_confidences(value):
  with pytest.raises(ValueError, match='`OnTheFly.min_confidence` should be a '
                     'number at least 0 and at most 1'):
    on_the_fly.OnTheFly(labelled_batch=4, ratio=1, min_confidence=value)
