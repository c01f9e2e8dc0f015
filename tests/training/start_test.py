"""Where a training begins."""

import dataclasses

import numpy as np
import pytest

from ns import models
from ns import noise
from ns import training
from ns.core import errors
from ns.core import manifest
from ns.models import weights
from tests.support import tiny


@pytest.fixture(name='file')
def make_file(tmp_path):
  network = tiny.architecture().build(noise.ModelNoise(), 4, seed=3)
  for number, variable in enumerate(network.variables):
    variable.assign(variable + number / 100)
  weights.save(network, tmp_path / 'a.npz')
  return tmp_path / 'a.npz'


def test_a_training_begins_there(tmp_path, file):
  """One step of rate 0 leaves the weights; the average moves nowhere."""
  still = training.Training(
      num_steps=1, learning_rate=training.Cosine(peak=1.0, warmup_steps=0),
      optimizer=training.Sgd(momentum=0.0, nesterov=False))
  rates = type('Zero', (), {'at': lambda self, step, horizon: 0.0})()
  still = dataclasses.replace(still, learning_rate=rates)
  job = dataclasses.replace(tiny.job(tmp_path / 'run'), initial_weights=file)
  still.run(job)
  begin, network, average = (weights.read(path) for path in (
      file, tmp_path / 'run/network.npz', tmp_path / 'run/average.npz'))
  for name, value in begin.items():
    if '/moving_' in name:  # Those of normalisation have moved.
      continue
    np.testing.assert_array_equal(network[name], value)
    np.testing.assert_array_equal(average[name], value)


def test_the_fingerprint_is_of_the_weights(tmp_path, file):
  start = training.FromWeights(path=str(file))
  assert manifest.canonical(start) == {
      '': 'ns.training.start.FromWeights', 'digest': weights.digest(file)}
  assert manifest.canonical(training.FromTeacher()) != manifest.canonical(
      training.FromTeacher(generation='teacher'))


def test_another_network_is_said_before_the_run(file):
  training.FromWeights(path=str(file)).check(model=tiny.architecture(),
                                             classes=4)
  with pytest.raises(errors.RunError) as caught:
    training.FromWeights(path=str(file)).check(model=tiny.architecture(),
                                               classes=10)
  assert str(caught.value) == (
      '`FromWeights.path` should have weights of 10 classes, as the data has, '
      f'but `{file}` is of 4; import or train those of this data.')


def test_what_may_differ_and_what_may_not():
  check = lambda ours, theirs: training.FromTeacher().check_architectures(
      'b', ours, 'a', theirs)
  check(tiny.architecture(size=8), tiny.architecture(size=12))
  check(models.EfficientNet(normalization=models.BatchNorm(replicas='all')),
        models.EfficientNet())
  for changed in ({'depth': 1.2}, {'pixel_mean': (0.0, 0.0, 0.0)}):
    with pytest.raises(errors.RunError, match='Generation.model. of b should '
                       f'be that of a.*{next(iter(changed))}'):
      check(models.EfficientNet(**changed), models.EfficientNet())
  with pytest.raises(errors.RunError, match='KerasApplication'):
    check(models.EfficientNet(), models.KerasApplication(name='VGG16'))


def test_a_name_that_is_no_text():
  with pytest.raises(TypeError, match='`FromTeacher.generation` should be a '
                     'value of type str'):
    training.FromTeacher(generation=3)
