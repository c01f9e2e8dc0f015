"""The declaration of batch normalisation: defaults, and each sentence."""

import dataclasses

import pytest

from ns.core import errors
from ns import models


def test_the_references_constants():
  made = models.BatchNorm()
  assert dataclasses.astuple(made) == (0.99, 1e-3, 'local')


@pytest.mark.parametrize('replicas', ['local', 'all', 2, 8])
def test_replicas(replicas):
  assert models.BatchNorm(replicas=replicas).replicas == replicas


@pytest.mark.parametrize('replicas', [0, 1, -1, True, 2.0, 'global', None])
def test_what_are_no_replicas(replicas):
  with pytest.raises(ValueError) as raised:
    models.BatchNorm(replicas=replicas)
  assert str(raised.value) == (
      "`BatchNorm.replicas` should be 'local', 'all' or a whole number of at "
      f'least 2, but is {replicas!r}.')


@pytest.mark.parametrize('fields, sentence', [
    ({'momentum': 1},
     '`BatchNorm.momentum` should be a number at least 0 and below 1, but is '
     '1.'),
    ({'epsilon': 0},
     '`BatchNorm.epsilon` should be a number above 0, but is 0.'),
])
def test_what_is_no_batch_norm(fields, sentence):
  with pytest.raises(ValueError) as raised:
    models.BatchNorm(**fields)
  assert str(raised.value) == sentence


@pytest.mark.parametrize('replicas, of_one, of_eight', [
    ('local', 1, 1), ('all', 1, 8), (2, None, 2), (8, None, 8), (3, None, None),
])
def test_group_size(replicas, of_one, of_eight):
  made = models.BatchNorm(replicas=replicas)
  for count, size in ((1, of_one), (8, of_eight)):
    if size:
      assert made.group_size(count) == size
      continue
    with pytest.raises(errors.RunError) as raised:
      made.group_size(count)
    assert str(raised.value) == (
        f'`BatchNorm.replicas` should divide the number of replicas, {count}, '
        f"but is {replicas}; bind a divisor of it, 'local' or 'all'.")
