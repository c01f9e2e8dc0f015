import dataclasses
import json
import sys

import pytest

from ns import loop
from ns.core import errors
from ns.loop import lock
from ns.loop import steps
from tests.support import tiny


class Ear:
  """A hook that keeps what it is told."""

  def __init__(self, answer=None):
    self.heard, self._answer = [], answer

  def tell(self, event):
    self.heard.append(json.loads(json.dumps(event)))
    if self._answer:
      raise self._answer


@pytest.fixture(name='made')
def make_nothing(monkeypatch):
  """Replaces what stages do; an entry of what is given fails a stage."""
  failures = {}

  def make(kind):
    def do(run, generation, run_folder, folder, **more):
      del run, run_folder, more
      name = f'{generation.name}/{kind}'
      if name in failures:
        raise failures[name]
      (folder / 'out').write_text(name)
      if kind == 'evaluate':
        return {part: {'accuracy': 0.5} for part in ('validation', 'test')}
      if kind == 'select':
        return {name: 1 for name in ('used', 'accuracy_used')} | {
            f'{name}_per_class': [1] for name in ('pool', 'kept', 'copies')}
      return {'attempt': 2, 'loss': 0.25, 'seconds': 12.5} if (
          kind == 'train') else {}
    return do

  for kind in 'label', 'select', 'train', 'evaluate':
    monkeypatch.setattr(steps, kind, make(kind))
  return failures


def start(tmp_path, hook, **parts):
  run = dataclasses.replace(tiny.run(tmp_path / 'data'), hook=hook)
  run.run(str(tmp_path / 'run'), **parts)


def test_every_stage_and_the_run_are_told(tmp_path, made):
  ear = Ear()
  start(tmp_path, ear)
  assert [(each['event'], each['stage'], each['generation'])
          for each in ear.heard] == [
              ('stage_ended', 'teacher/train', 'teacher'),
              ('stage_ended', 'teacher/evaluate', 'teacher'),
              ('stage_ended', 'student1/label', 'student1'),
              ('stage_ended', 'student1/select', 'student1'),
              ('stage_ended', 'student1/train', 'student1'),
              ('stage_ended', 'student1/evaluate', 'student1'),
              ('run_ended', None, None)]
  first, second, *_, last = ear.heard
  assert first['work_dir'] == str(tmp_path / 'run')
  assert (first['results'], first['attempt'], first['seconds']) == (
      {'attempt': 2, 'loss': 0.25}, 2, 12.5)
  assert second['attempt'] is None and second['error'] is None
  assert last['results'] == json.loads(
      (tmp_path / 'run' / 'summary.json').read_text())
  assert 0 < last['seconds'] < 100


def test_what_is_finished_already_is_not_told_again(tmp_path, made):
  start(tmp_path, None, until='teacher')
  ear = Ear()
  start(tmp_path, ear, until='student1/select')
  assert [each['stage'] for each in ear.heard] == [
      'student1/label', 'student1/select', None]
  assert ear.heard[-1]['event'] == 'run_ended'
  assert ear.heard[-1]['results'] is None  # Stages are left.


def test_a_failure_is_told_with_its_sentence(tmp_path, made):
  made['student1/label'] = errors.RunError('The pool is gone.')
  ear = Ear()
  with pytest.raises(errors.RunError):
    start(tmp_path, ear)
  assert [(each['event'], each['stage'], each['error'])
          for each in ear.heard[2:]] == [
              ('stage_failed', 'student1/label', 'The pool is gone.'),
              ('run_failed', None, 'The pool is gone.')]


def test_a_bug_without_words_is_told_by_its_name(tmp_path, made):
  made['teacher/train'] = AssertionError()
  ear = Ear()
  with pytest.raises(AssertionError):
    start(tmp_path, ear)
  assert ear.heard[0]['error'] == 'AssertionError'


@pytest.mark.parametrize('end', [errors.Terminated, KeyboardInterrupt])
def test_a_run_that_is_asked_to_end_has_not_failed(tmp_path, made, end):
  made['student1/label'] = end()
  ear = Ear()
  with pytest.raises(end):
    start(tmp_path, ear)
  assert [(each['event'], each['error']) for each in ear.heard[2:]] == [
      ('run_stopped', None)]


def test_a_hook_that_fails_is_a_warning(tmp_path, made, capfd):
  start(tmp_path, Ear(OSError('no network')), until='teacher/train')
  assert capfd.readouterr().err.splitlines() == [
      f'warning: `SelfTraining.hook` was to be told `{event}`, but: no network'
      for event in ('stage_ended', 'run_ended')]


def test_a_real_command_hangs_and_the_run_goes_on(tmp_path, made, capfd):
  hook = loop.Command(timeout_seconds=0.3, words=[
      sys.executable, '-c', 'import time; time.sleep(60)'])
  start(tmp_path, hook, until='teacher/train')
  assert capfd.readouterr().err.count('took longer than 0.3 s') == 2
  assert (tmp_path / 'run/teacher/train/manifest.json').exists()


def test_a_run_that_another_works_on_tells_nothing(tmp_path, made):
  ear = Ear()
  with lock.held(tmp_path / 'run'), pytest.raises(errors.RunError):
    start(tmp_path, ear)
  assert not ear.heard


def test_a_hook_does_not_change_a_run(tmp_path):
  plain = tiny.run(tmp_path)
  hooked = dataclasses.replace(plain, hook=loop.Command(words='notify'))
  assert [stage.fingerprint for stage in plain.stages()] == [
      stage.fingerprint for stage in hooked.stages()]


def test_a_hook_has_to_tell(tmp_path):
  with pytest.raises(TypeError) as caught:
    dataclasses.replace(tiny.run(tmp_path), hook='notify')
  assert str(caught.value) == (
      '`SelfTraining.hook` should be an object with `tell()`, but is '
      "'notify'.")
