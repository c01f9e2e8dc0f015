import dataclasses

from etils import epath
import pytest

from ns.core import manifest
from ns.loop import lock
from ns.loop import stages as stages_lib
from ns.loop import status
from ns.loop import work


def stage(kind):
  def make(run_folder, folder):
    (folder / 'out').write_text('x' * 2_500_000)
    return {'seconds': 185.0}
  return stages_lib.Stage(generation='student', kind=kind, form={'of': kind},
                          size='', make=make)


STAGES = [stage('label'), stage('train')]


@pytest.fixture(name='run')
def make_run(tmp_path):
  return epath.Path(tmp_path) / 'run'


def lines(run):
  return status.text(STAGES, run).splitlines()


def test_nothing_is_begun(run):
  assert lines(run) == [f'run in {run}: 0 of 2 stages finished',
                        '  student/label  not begun',
                        '  student/train  not begun']
  assert not run.exists()


def test_what_is_finished_and_what_is_begun(run):
  STAGES[0].run(run)
  manifest.begin(run / 'student' / 'train', STAGES[1].form)
  assert lines(run) == [
      f'run in {run}: 1 of 2 stages finished',
      '  student/label  finished in 3 min 05 s, 2.5 MB',
      '  student/train  begun']


def test_how_far_a_stage_is(run):
  for each in STAGES:
    manifest.begin(each.folder(run), each.form)
  (run / 'student/label/predictions-00000-of-00009.parquet').touch()
  checkpoints = run / 'student/train' / manifest.SCRATCH / 'checkpoints'
  checkpoints.mkdir(parents=True)
  for step in 750, 1000:
    (checkpoints / f'step-{step}.npz').touch()
  assert lines(run)[1:] == [
      '  student/label  begun, 1 shards labelled',
      '  student/train  begun, checkpoint at step 1,000']
  (checkpoints / 'ended').mkdir()  # By SIGTERM.
  (checkpoints / 'ended/step-1020.npz').touch()
  assert lines(run)[2].endswith('checkpoint at step 1,020')


def test_how_far_and_how_fast_a_training_is(run):
  training = dataclasses.replace(
      STAGES[1], work=work.Work(images=64_000, steps=1000))
  manifest.begin(training.folder(run), training.form)
  log = run / 'student/train' / manifest.METRICS
  state = lambda: status.text([training], run).splitlines()[1].strip()
  log.write_text('{"step": 100, "images_per_second": 9}\n'
                 '{"step": 750, "images_per_second": 160.0, "loss": 1.5}\n'
                 '{"step": 800, "images_per_')
  # A quarter of the images is left.
  assert state() == ('student/train  begun, step 750 of 1,000, 160 images/s, '
                     '1 min 40 s left')
  checkpoints = run / 'student/train' / manifest.SCRATCH / 'checkpoints'
  checkpoints.mkdir(parents=True)
  for name in 'step-500', 'attempt-1-step-700':
    (checkpoints / f'{name}.npz').touch()
  assert state().endswith(' left, checkpoint at step 700')
  for text in '', 'half', 'no json\n':
    log.write_text(text)
    assert state() == 'student/train  begun, checkpoint at step 700'


def test_it_says_when_a_program_works_on_the_run(run):
  with lock.held(run):
    assert lines(run)[0] == (f'run in {run}: 0 of 2 stages finished, a program '
                             'works on it')
  assert lines(run)[0] == f'run in {run}: 0 of 2 stages finished'
