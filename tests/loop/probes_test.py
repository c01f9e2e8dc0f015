import dataclasses
import tempfile

import pytest

from ns import mixture
from ns import models
from ns import pseudolabel
from ns import training
from ns.core import types
from ns.loop import probes
from ns.training import step_teacher
from tests.support import linear
from tests.support import tiny


@pytest.fixture(name='run', scope='module')
def make_run(tmp_path_factory):
  fine_tune = training.FineTune(
      image_size=8, num_steps=20, schedule_steps=40, labelled_batch=4,
      learning_rate=training.Constant(rate=0.1))
  in_step = mixture.OnTheFly(labelled_batch=8, ratio=2)
  return tiny.run(tmp_path_factory.mktemp('data'), students=2, changes={
      'teacher': {'model': linear.Architecture(), 'fine_tune': fine_tune},
      'student1': {'calibration': pseudolabel.TemperatureScaling(),
                   'export': models.Export()},
      'student2': {'model': linear.Architecture(), 'mixture': in_step,
                   'select': None}})


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
    assert 0 < found.seconds < 3600 and not found.note
    if stage.kind == 'export':
      assert found.images_per_second is None
      continue
    # Its beginning and its images.
    assert found.seconds >= 0.999 * stage.work.images / found.images_per_second


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
      'teacher/train', 'student1/label', 'student1/select', 'student2/train')]
  found = probes.run(run, stages, seconds=0.01)
  assert set(found) == {'teacher/train', 'student1/label', 'student2/train'}
  assert {made.note for made in found.values()} == {'without reading images'}


def test_a_teacher_labels_in_the_step_that_is_measured(run, monkeypatch):
  """All images that are not labelled, whole or missing."""
  labelled = []
  label = step_teacher.StepTeacher.label

  def label_and_note(self, network, batch):
    labelled.append((batch[types.IMAGE].shape[0],
                     batch[types.TEACHER_IMAGE].shape))
    return label(self, network, batch)

  monkeypatch.setattr(step_teacher.StepTeacher, 'label', label_and_note)
  stages = [stage for stage in run.stages() if stage.name == 'student2/train']
  for is_missing in False, True:
    if is_missing:
      monkeypatch.setattr(probes.stand_ins, 'is_missing', lambda source: True)
    probes.run(run, stages, seconds=0.01)
    assert set(labelled) == {(24, (16, 8, 8, 1))}
    labelled.clear()


@pytest.mark.parametrize('size, replicas, expected', [
    (24, 1, (8, 16)), (12, 1, (4, 8)), (6, 1, (2, 4)), (3, 1, (1, 2)),
    (2, 1, (1, 1)), (1, 1, (1, 1)), (24, 2, (8, 16)), (8, 4, (4, 4)),
    (7, 1, (2, 5))])
def test_a_smaller_batch_has_images_of_both_kinds(size, replicas, expected):
  found = probes._smaller(
      mixture.OnTheFly(labelled_batch=8, ratio=2), size, replicas)
  assert (found.labelled_batch, found.pseudo_labelled_batch) == expected
