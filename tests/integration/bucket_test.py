"""A whole run whose work directory is on a bucket."""

import dataclasses
import json

from etils import epath
import pytest

from ns import pseudolabel
from ns.core import errors
from ns.core import manifest
from ns.loop import lease
from ns.loop import lock
from ns.training import checkpoint
from tests.support import buckets
from tests.support import tiny


class Killed(BaseException):
  """What no code catches."""


def short(steps=6):
  return tiny.steps(steps, checkpoint_every_steps=2, summary_every_steps=2)


@pytest.fixture(name='run', scope='module')
def make_run(tmp_path_factory):
  return tiny.run(tmp_path_factory.mktemp('data'), changes={
      'teacher': {'training': short()},
      'student1': {'training': short(), 'select': pseudolabel.Select(
          min_confidence=None, balance=pseudolabel.Unbalanced())}})


@pytest.fixture(name='times', autouse=True)
def make_times(monkeypatch):
  """Leases of a moment."""
  held = lease.held
  monkeypatch.setattr(lease, 'held', lambda folder: held(
      folder, lease.Times(renewal=0.1, end=0.5, settling=0, look=0.01)))


def results(folder):
  return json.loads((folder / 'summary.json').read_text())


def without_times(found):
  """Without what differs between two runs of the same."""
  if isinstance(found, dict):
    return {name: without_times(value) for name, value in found.items()
            if name not in ('seconds', 'images_per_second')
            and 'share' not in name and 'wait' not in name}
  if isinstance(found, list):
    return [without_times(each) for each in found]
  return found


def test_a_run_is_made_there_killed_and_made_to_its_end(
    run, tmp_path, monkeypatch):
  run.run(str(tmp_path / 'local'))
  folder = buckets.new()
  save = checkpoint.Checkpoints.save

  def save_and_die(self, *args, **how):
    save(self, *args, **how)
    if 'student1' in str(self._folder):
      raise Killed

  with monkeypatch.context() as patched:
    patched.setattr(checkpoint.Checkpoints, 'save', save_and_die)
    with pytest.raises(Killed):
      run.run(str(folder))
  assert (folder / 'student1/train' / manifest.SCRATCH / 'checkpoints').exists()
  run.run(str(folder))
  local = epath.Path(tmp_path / 'local')
  assert without_times(results(folder)) == without_times(results(local))
  for name in 'teacher/train', 'student1/label', 'student1/train':
    here, there = (manifest.read(place / name) for place in (local, folder))
    assert here.contents == there.contents
  assert sorted(path.name for path in folder.iterdir()) == [
      'splits.parquet', 'student1', 'summary.json', 'teacher']
  assert 'finished in' in run.status(str(folder))

  # All is there, and right; a part of it is made again.
  run.run(str(folder), verify=True, redo=['student1/evaluate'])
  assert without_times(results(folder)) == without_times(results(local))


def test_two_runs_on_one_folder_are_refused(run):
  folder = buckets.new()
  with lock.held(folder):
    assert 'a program works on it' in run.status(str(folder))
    with pytest.raises(errors.RunError) as caught:
      run.run(str(folder))
  assert 'works on the run in' in str(caught.value)
  assert not list(folder.iterdir())


def test_another_configuration_is_refused_there_too(run):
  folder = buckets.new()
  manifest.begin(folder / 'teacher/train', run.stages()[0].form)
  other = dataclasses.replace(run, seed=1)
  with pytest.raises(errors.RunError) as caught:
    other.run(str(folder))
  assert 'teacher/train of another configuration (seed: 0 -> 1)' in str(
      caught.value)
