import dataclasses
import tempfile

import pytest

from ns import training
from ns.loop import probes
from tests.support import tiny


@pytest.fixture(name='run', scope='module')
def make_run(tmp_path_factory):
  fine_tune = training.FineTune(
      image_size=8, num_steps=20, schedule_steps=40, labelled_batch=4,
      learning_rate=training.Constant(rate=0.1))
  return tiny.run(tmp_path_factory.mktemp('data'), changes={
      'teacher': {'fine_tune': fine_tune}})


@pytest.fixture(name='scratch', scope='module')
def make_scratch(tmp_path_factory):
  """Where temporary files go meanwhile."""
  scratch = tmp_path_factory.mktemp('scratch')
  before, tempfile.tempdir = tempfile.tempdir, str(scratch)
  yield scratch
  tempfile.tempdir = before


@pytest.fixture(name='measured', scope='module')
def make_measured(run, scratch):
  del scratch
  return probes.run(run, run.stages(), seconds=0.01)


def test_every_stage_has_a_rate_and_a_time(run, measured):
  assert list(measured) == [stage.name for stage in run.stages()]
  for stage in run.stages():
    found = measured[stage.name]
    # Its beginning and its images.
    assert found.seconds >= 0.999 * stage.work.images / found.images_per_second
    assert found.seconds < 60
    assert not found.note


def test_nothing_is_left_behind(measured, scratch):
  assert measured
  # TensorFlow has programs of its own there.
  assert not [path for path in scratch.iterdir()
              if path.is_dir() and path.name != '__pycache__']


def test_the_same_is_measured_once(run, monkeypatch):
  same = dataclasses.replace(run.generations[0], name='again')
  twice = dataclasses.replace(run, generations=[run.generations[0], same])
  stages = [stage for stage in twice.stages() if stage.kind == 'evaluate']
  assert len(stages) == 2
  built = []
  build = type(same.model).build
  monkeypatch.setattr(type(same.model), 'build', lambda *args, **how: (
      built.append(args), build(*args, **how))[1])
  assert len(probes.run(twice, stages, seconds=0.01)) == 2
  assert len(built) == 1


def test_what_is_not_here_is_measured_without_it(run, monkeypatch):
  monkeypatch.setattr(probes.stand_ins, 'is_missing', lambda source: True)
  stages = [stage for stage in run.stages() if stage.name in (
      'teacher/train', 'student1/label', 'student1/select')]
  found = probes.run(run, stages, seconds=0.01)
  assert set(found) == {'teacher/train', 'student1/label'}
  assert {made.note for made in found.values()} == {'without reading images'}
