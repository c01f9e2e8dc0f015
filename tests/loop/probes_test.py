import dataclasses
import itertools
import tempfile
import types

import numpy as np
import pytest

from ns import training
from ns.images import crop
from ns.loop import probes
from ns.loop import work
from ns.mixture import batches
from ns.mixture import views
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
  # TensorFlow has files of its own there.
  assert not [path for path in scratch.iterdir() if path.is_dir()]


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


class Small:
  """A runtime of so many replicas and bytes."""

  def __init__(self, replicas, memory, on_host=False):
    self.replicas, self._memory, self.on_host = replicas, memory, on_host

  def memory_bytes(self):
    return self._memory

  def strategy(self):
    raise AssertionError


def halved(runtime, flops, needed=lambda size: ()):
  """What is taken for a batch of 24."""
  run = types.SimpleNamespace(runtime=runtime)
  return probes.fitting(run, 24, work.Work(images=1, flops=flops), needed)


@pytest.mark.parametrize('replicas, memory, on_host, fits', [
    (1, None, False, 24), (1, 2500, False, 24), (1, 2499, False, 12),
    (1, 700, False, 6), (1, 199, False, 0),
    # Replicas take a part each, all of them an equal one.
    (2, 1300, False, 24), (2, 700, False, 12), (5, 600, False, 20),
    # On the host the program counts, and half of the memory is others'.
    (1, 2 * 12499, True, 12), (1, 2 * 12500, True, 24), (1, 9000, True, 0)])
def test_a_batch_is_halved_until_it_fits(replicas, memory, on_host, fits):
  needed = lambda size: [
      types.SimpleNamespace(on_device=of, total=10_000 + of)
      for of in (1, 100 + 100 * size // replicas)]
  assert halved(Small(replicas, memory, on_host), 1, needed) == fits


def test_a_long_step_has_a_smaller_batch():
  # Four seconds an image on a host, and a step takes 20 at most.
  assert halved(Small(1, None, on_host=True), 2 * 10**11) == 3
  assert halved(Small(2, None, on_host=True), 2 * 10**11) == 6
  assert halved(Small(1, None), 2 * 10**11) == 24
  assert halved(Small(1, None, on_host=True), 10**15) == 1


def test_random_images_stand_in_for_a_batch(run):
  view = views.View(size=8, channels=1, crop=crop.AsIs())
  inputs = batches.Inputs(labelled=run.data.labelled, view=view)
  first, second = itertools.islice(probes.random_batches(inputs, 6), 2)
  assert first is second
  assert first['image'].shape == (6, 8, 8, 1)
  assert first['image'].dtype == np.uint8
  np.testing.assert_array_equal(
      np.argmax(first['label'], -1), [0, 1, 2, 3, 0, 1])
  assert set(first) == {'image', 'label', 'weight', 'is_labelled'}


def test_what_is_not_here_is_measured_without_it(run, monkeypatch):
  monkeypatch.setattr(probes, 'is_missing', lambda source: True)
  stages = [stage for stage in run.stages() if stage.name in (
      'teacher/train', 'student1/label', 'student1/select')]
  found = probes.run(run, stages, seconds=0.01)
  assert set(found) == {'teacher/train', 'student1/label'}
  assert {made.note for made in found.values()} == {'without reading images'}


class Absent:
  """A source whose files are not here."""
  missing = 'No files.'


def test_which_images_are_not_here(run):
  pool = run.data.unlabelled
  assert not probes.is_missing(pool)
  assert not probes.is_missing(run.data.labelled)
  assert probes.is_missing(dataclasses.replace(pool, source=Absent()))
