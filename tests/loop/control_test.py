"""Parts of a run, made again, verified, taken from another run; stages of
fakes, which count how often they are made."""

from etils import epath
import pytest

from ns.core import errors
from ns.loop import steps
from tests.support import tiny

STAGES = ['teacher/train', 'teacher/evaluate', 'student1/label',
          'student1/select', 'student1/train', 'student1/evaluate']


@pytest.fixture(name='made')
def make_fakes(monkeypatch):
  """The stages made, in order."""
  made = []

  def fake(kind):
    def make(run, generation, run_folder, folder, **more):
      made.append(f'{generation.name}/{kind}')
      (folder / 'out').write_text(f'{kind} {run.seed}')
      counts = {name: [1] for name in (
          'pool_per_class', 'kept_per_class', 'copies_per_class')}
      return {'used': 5, **counts, **{
          name: {'accuracy': 0.5} for name in ('validation', 'test')}}
    return make

  for kind in 'label', 'select', 'train', 'evaluate', 'finetune':
    monkeypatch.setattr(steps, kind, fake(kind))
  return made


def start(folder, seed=0, data='data', **how):
  tiny.run(folder / data, seed=seed).run(str(folder / 'run'), **how)


def error(kind, *args, **how):
  with pytest.raises(kind) as caught:
    start(*args, **how)
  return str(caught.value)


def test_all_is_made_once(tmp_path, made):
  start(tmp_path)
  start(tmp_path)
  assert made == STAGES
  assert (tmp_path / 'run' / 'summary.json').exists()


def test_until_a_stage_then_on(tmp_path, made, capsys):
  start(tmp_path, until='student1/select')
  assert made == STAGES[:4]
  assert not (tmp_path / 'run' / 'summary.json').exists()
  assert capsys.readouterr().out.endswith(
      'student1/select is finished; leave `--only` and `--until` out to go '
      'on\n')
  start(tmp_path)
  assert made == STAGES


def test_only_a_stage(tmp_path, made):
  start(tmp_path, only=['teacher/train'])
  start(tmp_path, only=['student1/label'])
  assert made == ['teacher/train', 'student1/label']


def test_only_a_stage_that_something_is_missing_for(tmp_path, made):
  assert error(errors.RunError, tmp_path, only=['student1/label']) == (
      'student1/label is made from teacher/train, which is not finished; leave '
      '`--only` out, or add it there.')
  assert not made


def test_a_stage_is_made_again_with_what_follows(tmp_path, made, capsys):
  start(tmp_path)
  made.clear()
  start(tmp_path, redo=['student1/select'])
  assert made == STAGES[3:]
  assert 'student1/train: removed, to be made again\n' in (
      capsys.readouterr().out)


def test_another_configuration_is_made_again_where_it_is_asked_for(
    tmp_path, made):
  start(tmp_path)
  made.clear()
  assert '`--redo=teacher/train` to make it' in error(
      errors.RunError, tmp_path, seed=1)
  # What is above the stage is still of the other seed.
  assert 'has teacher/train of another' in error(
      errors.RunError, tmp_path, seed=1, redo=['student1'])
  assert not made
  start(tmp_path, seed=1, redo=['teacher/train'])
  assert made == STAGES


def test_a_misspelt_stage_is_said_before_anything(tmp_path, made):
  assert 'the nearest is `student1/train`' in error(
      errors.ConfigError, tmp_path, redo=['student1/trian'])
  assert not made and not (tmp_path / 'run').exists()


def test_checksums_are_compared_on_request(tmp_path, made, capsys):
  start(tmp_path)
  capsys.readouterr()
  start(tmp_path, verify=True)
  assert capsys.readouterr().out.startswith('teacher/train: verified\n')
  output = tmp_path / 'run' / 'teacher' / 'evaluate' / 'out'
  output.write_text('evaluate 1')  # As long as before.
  start(tmp_path)
  assert error(errors.RunError, tmp_path, verify=True) == (
      f'`{output}` is not what was written there (its SHA-256 differs); remove '
      f'`{output.parent}` to make it again.')


def other_run(tmp_path, **how):
  return tiny.run(tmp_path / 'data', **how).run(
      str(tmp_path / 'other'), reuse=str(tmp_path / 'run'))


def test_a_run_branches_from_another(tmp_path, made, capsys):
  """The teacher is the same in both, the student is not."""
  start(tmp_path)
  made.clear()
  capsys.readouterr()
  other_run(tmp_path, changes={'student1': {'training': tiny.steps(41)}})
  assert made == STAGES[4:]
  assert capsys.readouterr().out.startswith(
      f'teacher/train: taken from {tmp_path}/run\n')
  for name in 'begun.json', 'manifest.json', 'out':
    theirs, ours = (epath.Path(tmp_path) / run / 'student1' / 'label' / name
                    for run in ('run', 'other'))
    assert theirs.read_bytes() == ours.read_bytes()


def test_a_run_to_branch_from_exists(tmp_path, made):
  with pytest.raises(errors.RunError) as caught:
    other_run(tmp_path)
  assert str(caught.value) == (
      '`--branch_from` should be the work directory of another run, but '
      f'`{tmp_path}/run` does not exist.')
  assert not made and not (tmp_path / 'other').exists()


def test_nothing_is_taken_from_a_run_of_another_seed(tmp_path, made):
  start(tmp_path)
  made.clear()
  other_run(tmp_path, seed=1)
  assert made == STAGES


def test_what_is_damaged_there_is_not_taken(tmp_path, made):
  start(tmp_path)
  (tmp_path / 'run' / 'teacher' / 'train' / 'out').write_text('train 1')
  with pytest.raises(errors.RunError, match='is not what was written there'):
    other_run(tmp_path)


def test_where_a_run_stands(tmp_path, made):
  start(tmp_path, until='teacher')
  text = tiny.run(tmp_path / 'data').status(str(tmp_path / 'run'))
  assert [line.split()[:2] for line in text.splitlines()[1:4]] == [
      ['teacher/train', 'finished'], ['teacher/evaluate', 'finished'],
      ['student1/label', 'not']]


def test_a_plan_says_what_is_made_now(tmp_path, made):
  run = tiny.run(tmp_path / 'data')
  start(tmp_path, until='teacher/train')
  text = run.plan(str(tmp_path / 'run'), until='student1/label')
  lines = {line.split()[0]: line for line in text.splitlines()
           if line[:1].strip()}
  assert lines['teacher/train'].endswith('(finished)')
  assert not lines['student1/label'].endswith(')')
  assert lines['student1/select'].endswith('(not now)')
  # What is made again is not finished.
  lines = run.plan(str(tmp_path / 'run'), redo=['teacher/train']).splitlines()
  assert not any('(finished)' in line for line in lines)
