"""A generation's weights out of a file, in place of training."""

import json
import math
import pathlib
import subprocess
import sys

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
        '`FromCheckpoint.path` should be a file of weights, but there is no '
        f'`{tmp_path}/a.npz`; train a network or import one '
        '(`//tools:import_checkpoint`), and give its path.')


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
      f'`FromCheckpoint.path` should have weights for `{name}` = {ours}, as the '
      f'architecture, but `{file}` is for {theirs}; bind the architecture to '
      'that.')


def said_before(path, model=tiny.architecture(), classes=4):
  with pytest.raises(errors.RunError) as raised:
    training.FromCheckpoint(path=str(path)).check(model=model, classes=classes)
  return str(raised.value)


def test_weights_that_fit_pass_before_the_run(file):
  made = training.FromCheckpoint(path=str(file))
  made.check(model=tiny.architecture(), classes=4)
  # How many parameters it has is not known without building it.
  made.check(model=models.KerasApplication(name='VGG16'), classes=7)


def test_other_pixels_are_said_before_the_run(file):
  weights.save(network(), file, {'origin': {**ORIGIN, 'pixel_std': [255.0]}})
  assert said_before(file) == (
      '`FromCheckpoint.path` should have weights for `pixel_std` = [52.0], as '
      f'the architecture, but `{file}` is for [255.0]; bind the architecture '
      'to that.')


def test_other_classes_are_said_before_the_run(file):
  assert said_before(file, classes=10) == (
      '`FromCheckpoint.path` should have weights of 10 classes, as the data '
      f'has, but `{file}` is of 4; import or train those of this data.')


def test_another_network_is_said_before_the_run(file):
  # The parameters by hand: tests/loop/schedule_test.py.
  assert said_before(file, tiny.architecture(width=2.0)) == (
      '`FromCheckpoint.path` should have weights of the model, of 4,984 '
      f'parameters, but `{file}` has 1,470; is the architecture the one that '
      'was trained?')


def test_the_check_loads_no_tensorflow(file):
  program = (
      f'import sys; sys.path[:] = {sys.path!r}\n'
      'from ns import training\n'
      'from tests.support import tiny\n'
      f'training.FromCheckpoint(path={str(file)!r}).check(\n'
      '    model=tiny.architecture(), classes=4)\n'
      'assert "tensorflow" not in sys.modules')
  subprocess.run([sys.executable, '-c', program], check=True)

def test_a_path_that_is_no_text():
  with pytest.raises(TypeError) as raised:
    training.FromCheckpoint(path=3)
  assert str(raised.value) == (
      '`FromCheckpoint.path` should be a value of type str, but is 3.')
