import types

import numpy as np
import pytest

from ns.core import errors
from ns.pseudolabel import truth


def source(**told):
  return types.SimpleNamespace(name='pool', **{
      name: lambda value=value: value for name, value in told.items()})


def test_marks_of_some_rows():
  found = truth.of(source(hidden_labels=np.array([0, 1, -1, 2, 1])), 5)
  marks = found.marks(1, np.array([1, 1, 1]))
  assert found.names == ('right', 'foreign')
  assert marks['right'].tolist() == [True, False, False]
  assert marks['foreign'].tolist() == [False, True, False]


def test_what_a_source_says_is_foreign_counts_without_labels():
  found = truth.of(source(foreign=np.array([True, False])), 2)
  assert found.names == ('foreign',)
  assert found.marks(0, np.array([0, 0]))['foreign'].tolist() == [True, False]


def test_a_source_may_say_nothing():
  assert truth.of(source(), 3) == truth.Truth()
  assert truth.of(source(foreign=None, hidden_labels=None), 3).names == ()
  assert truth.of(source(foreign=np.zeros(3, bool)), 3).names == ()
  assert truth.report({'pool': 3, 'kept': 2, 'used': 1}, {}) == {}


def test_a_report():
  counts = {'pool': 100, 'kept': 50, 'used': 0}
  assert truth.report(counts, {
      'right': {'pool': 60, 'kept': 40, 'used': 0},
      'foreign': {'pool': 20, 'kept': 5, 'used': 0}}) == {
          'accuracy_pool': 0.6, 'accuracy_kept': 0.8, 'accuracy_used': None,
          'foreign_pool': 20, 'foreign_kept': 5, 'foreign_used': 0,
          'precision_pool': 0.8, 'precision_kept': 0.9, 'precision_used': None,
          'recall_kept': 0.5625, 'recall_used': 0.0}


@pytest.mark.parametrize('name, words', [
    ('hidden_labels', 'hidden labels'), ('foreign', 'foreign images')])
def test_one_for_each_image(name, words):
  with pytest.raises(errors.RunError) as caught:
    truth.of(source(**{name: np.zeros(4, int)}), 5)
  assert str(caught.value) == (
      f'The {words} of `pool` should be 5, one for each image, but are of '
      'shape [4].')
