"""A generation's weights out of a file, in place of training."""

import json
import math
import pathlib

import numpy as np
import pytest

from ns import models
from ns import noise
from ns import training
from ns.core import errors
from ns.core import manifest
from ns.models import weights
from tests.support import tiny

ORIGIN = {'model': 'tiny', 'copy': 'moving average', 'pixel_mean': [127.0],
          'pixel_std': [52.0]}


def network(seed=3):
  made = tiny.architecture().build(noise.ModelNoise(), 4, seed=seed)
  for number, variable in enumerate(made.variables):
    variable.assign(variable + number / 100)
  return made


@pytest.fixture(name='file')
def make_file(tmp_path):
  weights.save(network(), tmp_path / 'a.npz', {'origin': ORIGIN})
  return tmp_path / 'a.npz'


def arrays(path):
  with np.load(path) as stored:
    return {k: v for k, v in stored.items() if k != 'metadata'}


def test_the_weights_are_taken_over(tmp_path, file):
  made = training.FromCheckpoint(path=str(file))
  results = made.run(tiny.job(tmp_path / 'run'))
  for name in 'average.npz', 'network.npz':
    found = arrays(tmp_path / 'run' / name)
    assert found.keys() == arrays(file).keys()
    for path, value in arrays(file).items():
      np.testing.assert_array_equal(found[path], value)
    assert weights.metadata(tmp_path / 'run' / name) == {'origin': ORIGIN}
  parameters = sum(math.prod(v.shape) for v in network().trainable_variables)
  assert results.pop('seconds') > 0
  assert results == {'parameters': parameters,
                     'origin': {**ORIGIN, 'digest': weights.digest(file)}}
  json.dumps(results)  # Plain values, as a manifest wants them.
  assert sorted(p.name for p in (tmp_path / 'run').iterdir()) == [
      'average.npz', 'network.npz']


def test_a_file_that_says_nothing_of_itself(tmp_path):
  weights.save(network(), tmp_path / 'a.npz')
  made = training.FromCheckpoint(path=str(tmp_path / 'a.npz'))
  results = made.run(tiny.job(tmp_path / 'run'))
  assert results['origin'] == {'digest': weights.digest(tmp_path / 'a.npz')}
  assert weights.metadata(tmp_path / 'run/average.npz') == {}


def test_the_fingerprint_is_of_the_weights_and_not_of_their_place(
    tmp_path, file, monkeypatch):
  form = manifest.canonical(training.FromCheckpoint(path=str(file)))
  assert form == {'': 'ns.training.from_checkpoint.FromCheckpoint',
                  'digest': weights.digest(file)}
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', str(tmp_path))
  assert manifest.canonical(training.FromCheckpoint(path='a.npz')) == form
  (tmp_path / 'files').mkdir()
  weights.save(network(), tmp_path / 'files/b.npz', {'origin': {'path': 'x'}})
  monkeypatch.setenv('NS_WEIGHTS_DIR', str(tmp_path / 'files'))
  moved = training.FromCheckpoint(path='@weights/b.npz')
  assert manifest.canonical(moved) == form
  weights.save(network(seed=4), file)
  other = training.FromCheckpoint(path=str(file))
  assert manifest.canonical(other) != form


def test_no_such_file(tmp_path):
  made = training.FromCheckpoint(path=str(tmp_path / 'a.npz'))
  for ask in made.canonical, lambda: made.run(tiny.job(tmp_path)):
    with pytest.raises(errors.RunError) as raised:
      ask()
    assert str(raised.value) == (
        f'`{tmp_path}/a.npz` should have the weights of a trained network, but '
        'does not exist; a network without weights is never used.')


def test_weights_of_another_network(tmp_path, file):
  other = models.EfficientNet(
      image_size=8, stem_filters=8, head_filters=16, pixel_mean=(127.0,),
      pixel_std=(52.0,), block_groups=tiny.architecture().block_groups[:1])
  weights.save(other.build(noise.ModelNoise(), 4), file)
  with pytest.raises(errors.RunError) as raised:
    training.FromCheckpoint(path=str(file)).run(tiny.job(tmp_path / 'run'))
  assert str(raised.value).startswith(
      f'`{file}` should have exactly the variables of the network, but lacks ')
  assert not pathlib.Path(tmp_path / 'run').exists()


@pytest.mark.parametrize('name, theirs, ours', [
    ('pixel_mean', [0.0], [127.0]), ('pixel_std', [255.0], [52.0])])
def test_weights_for_other_pixels(tmp_path, file, name, theirs, ours):
  weights.save(network(), file, {'origin': {**ORIGIN, name: theirs}})
  with pytest.raises(errors.RunError) as raised:
    training.FromCheckpoint(path=str(file)).run(tiny.job(tmp_path / 'run'))
  assert str(raised.value) == (
      f'`{file}` has weights for `{name}` = {theirs}, but the architecture has '
      f'{ours}; bind it to that.')


def test_a_path_that_is_no_text():
  with pytest.raises(TypeError) as raised:
    training.FromCheckpoint(path=3)
  assert str(raised.value) == (
      '`FromCheckpoint.path` should be a value of type str, but is 3.')
