"""Where a training begins."""

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


def test_the_fingerprint_is_of_the_weights(file):
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


def test_a_file_that_is_changed_before_the_training_begins(file):
  start = training.FromWeights(path=str(file))
  before = manifest.canonical(start)
  assert start.unchanged_path() == file
  network = tiny.architecture().build(noise.ModelNoise(), 4, seed=4)
  weights.save(network, file)
  assert manifest.canonical(start) == before
  with pytest.raises(errors.RunError) as caught:
    start.unchanged_path()
  assert str(caught.value) == (
      '`FromWeights.path` should have the weights that it had when this '
      f'program was started, but `{file}` was changed since; put them back and '
      'start again, or start with another `--work_dir`.')


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
