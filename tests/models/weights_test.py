"""Weights as a file: a round trip, and each sentence of a wrong file."""

import numpy as np
import pytest

from ns.core import errors
from ns.models import weights
from ns.noise import model_noise
from tests.models import small_nets

PATHS = 'network/classifier/bias', 'network/classifier/kernel'


def network(seed, classes=5):
  made = small_nets.narrow().build(model_noise.ModelNoise(), classes, seed=seed)
  # Moving statistics and biases are not those of a new network either.
  for number, variable in enumerate(made.variables):
    variable.assign(variable + (number + seed) / 100)
  return made


def stored(path):
  with np.load(path) as arrays:
    return dict(arrays)


def error_of(made, path):
  before = [v.numpy() for v in made.variables]
  with pytest.raises(errors.RunError) as raised:
    weights.load(made, path)
  for variable, value in zip(made.variables, before):
    np.testing.assert_array_equal(variable, value)
  return str(raised.value)


def test_a_round_trip(tmp_path):
  first, second = network(1), network(2)
  weights.save(first, tmp_path / 'new/average.npz')
  assert [p.name for p in (tmp_path / 'new').iterdir()] == ['average.npz']
  weights.load(second, str(tmp_path / 'new/average.npz'))
  for ours, theirs in zip(first.variables, second.variables, strict=True):
    np.testing.assert_array_equal(ours, theirs)


def test_the_file_is_plain_numpy(tmp_path):
  made = network(1)
  weights.save(made, tmp_path / 'a.npz')
  arrays = stored(tmp_path / 'a.npz')
  assert sorted(arrays) == sorted(v.path for v in made.variables)
  for variable in made.variables:
    assert arrays[variable.path].dtype == np.float32
    np.testing.assert_array_equal(arrays[variable.path], variable)
  assert 'network/block_3/depthwise/norm/moving_variance' in arrays


def test_no_file(tmp_path):
  assert error_of(network(1), tmp_path / 'a.npz') == (
      f'`{tmp_path}/a.npz` should have the weights of a trained network, but '
      'does not exist; a network without weights is never used.')


def test_variables_that_the_file_lacks(tmp_path):
  path = tmp_path / 'a.npz'
  weights.save(network(1), path)
  arrays = stored(path)
  np.savez(path, **{k: v for k, v in arrays.items() if k not in PATHS})
  assert error_of(network(2), path) == (
      f'`{path}` should have exactly the variables of the network, but lacks '
      'network/classifier/bias, network/classifier/kernel (2 in all); is the '
      'architecture the one that was trained?')


def test_variables_that_the_network_lacks(tmp_path):
  path = tmp_path / 'a.npz'
  weights.save(network(1), path)
  more = {f'more_{number}': np.zeros(1) for number in range(7)}
  np.savez(path, **stored(path), **more)
  assert error_of(network(2), path) == (
      f'`{path}` should have exactly the variables of the network, but has '
      'also more_0, more_1, more_2, more_3, more_4 (7 in all); is the '
      'architecture the one that was trained?')


def test_another_shape(tmp_path):
  path = tmp_path / 'a.npz'
  weights.save(network(1, classes=4), path)
  assert error_of(network(2, classes=5), path) == (
      f'`{path}` should have `network/classifier/kernel` of shape (64, 5), but '
      'has (64, 4).')


def test_two_variables_of_one_path(tmp_path):
  made = network(1)
  kernel = made.classifier.kernel

  class Twice:
    variables = [kernel, made.classifier.bias, kernel]

  with pytest.raises(ValueError) as raised:
    weights.save(Twice, tmp_path / 'a.npz')
  assert str(raised.value) == (
      '`network` should have variables of distinct paths, but has '
      '`network/classifier/kernel` twice.')
  assert not list(tmp_path.iterdir())
