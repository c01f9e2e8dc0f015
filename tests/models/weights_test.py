"""Weights as a file: a round trip, and each sentence of a wrong file."""

import hashlib
import json
import types

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
    weights.save(Twice(), tmp_path / 'a.npz')
  assert str(raised.value) == (
      '`Twice` should have variables of distinct paths, but has '
      '`network/classifier/kernel` twice.')
  assert not list(tmp_path.iterdir())


# What a file says of itself.

SAID = {'copy': 'moving average', 'parameters': 3, 'files': {'b': 'é', 'a': 1}}


def test_metadata_travels_with_the_weights(tmp_path):
  first, second = network(1), network(2)
  weights.save(first, tmp_path / 'a.npz', SAID)
  weights.load(second, tmp_path / 'a.npz')
  for ours, theirs in zip(first.variables, second.variables, strict=True):
    np.testing.assert_array_equal(ours, theirs)
  assert weights.metadata(tmp_path / 'a.npz') == SAID
  assert json.loads(stored(tmp_path / 'a.npz')['metadata'].item()) == SAID
  assert weights.read(tmp_path / 'a.npz').keys() == {
      v.path for v in first.variables}


def test_a_file_that_says_nothing(tmp_path):
  weights.save(network(1), tmp_path / 'a.npz')
  assert weights.metadata(tmp_path / 'a.npz') == {}


def test_equal_weights_and_metadata_give_equal_bytes(tmp_path):
  weights.save(network(1), tmp_path / 'a.npz', SAID)
  weights.save(network(1), tmp_path / 'b.npz',
               dict(reversed(list(SAID.items()))))
  assert (tmp_path / 'a.npz').read_bytes() == (tmp_path / 'b.npz').read_bytes()


def test_the_digest_is_of_the_arrays_alone(tmp_path):
  path = tmp_path / 'a.npz'
  weights.save(network(1), path)
  digest = weights.digest(path)
  expected = hashlib.sha256()
  for name, array in sorted(stored(path).items()):
    expected.update(f'{name} <f4 {array.shape}\n'.encode() + array.tobytes())
  assert digest == expected.hexdigest()
  weights.save(network(1), path, SAID)
  assert weights.digest(path) == digest
  arrays = stored(path)
  arrays[PATHS[0]] = arrays[PATHS[0]] + 1
  np.savez(path, **arrays)
  assert weights.digest(path) != digest
  renamed = {name + '_': a for name, a in stored(path).items()}
  np.savez(tmp_path / 'b.npz', **renamed)
  assert weights.digest(tmp_path / 'b.npz') != weights.digest(path)


def cut(content):
  return content[:len(content) // 2]


def flipped(content):
  """One byte of an array changed; the archive's list stays whole."""
  at = content.index(b'\x93NUMPY') + 200
  return content[:at] + bytes([content[at] ^ 255]) + content[at + 1:]


def emptied(content):
  """A list of the archive in which its first file is of no bytes."""
  at = content.index(b'PK\x01\x02') + 16  # Checksum, and both sizes.
  return content[:at] + bytes(12) + content[at + 12:]


@pytest.mark.parametrize('change, reason', [
    (cut, 'File is not a zip file'),
    (flipped, "Bad CRC-32 for file '"),
    (emptied, '`'),
    (lambda content: b'', 'File is not a zip file'),
    (lambda content: b'no archive', 'File is not a zip file'),
])
def test_a_damaged_file(tmp_path, change, reason):
  path = tmp_path / 'a.npz'
  weights.save(network(1), path)
  path.write_bytes(change(path.read_bytes()))
  said = error_of(network(2), path)
  assert said.startswith(f'`{path}` should be an npz file of weights, but '
                         f'cannot be read ({reason}')
  assert said.endswith('); write or copy it again.')
  with pytest.raises(errors.RunError) as raised:
    weights.digest(path)
  assert str(raised.value) == said


def test_whatever_bit_is_damaged(tmp_path):
  """It is told, or it says nothing of the arrays; or one of them is gone."""
  path, told = tmp_path / 'a.npz', 0
  variable = types.SimpleNamespace(numpy=lambda: np.arange(3))
  weights.write(path, {'network/a': variable, 'network/b': variable})
  whole = path.read_bytes()
  bits = [(at, 1 << bit) for at in range(len(whole))
          for bit in ([at % 8] if at < 500 else range(8))]
  for at, bit in bits:  # The archive's list is at the end.
    path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1:])
    try:
      found = weights.read(path)
    except errors.RunError as error:
      assert 'should be an npz file of weights, but' in str(error), at
      told += 1
    else:
      for name in found:
        np.testing.assert_array_equal(found[name], np.arange(3), err_msg=at)
  assert told > 0.5 * len(bits)


def test_arrays_of_objects_are_never_unpickled(tmp_path):
  path = tmp_path / 'a.npz'
  np.savez(path, a=np.array([{}], object))
  assert error_of(network(2), path) == (
      f'`{path}` should be an npz file of weights, but cannot be read (Object '
      'arrays cannot be loaded when allow_pickle=False); write or copy it '
      'again.')


@pytest.mark.parametrize('text, reason', [
    ('{', 'Expecting property name enclosed in double quotes: '
     'line 1 column 2 (char 1)'),
    ('3', 'its metadata is no JSON object')])
def test_metadata_that_is_no_object(tmp_path, text, reason):
  path = tmp_path / 'a.npz'
  np.savez(path, metadata=np.array(text))
  with pytest.raises(errors.RunError) as raised:
    weights.metadata(path)
  assert str(raised.value) == (
      f'`{path}` should be an npz file of weights, but cannot be read '
      f'({reason}); write or copy it again.')
