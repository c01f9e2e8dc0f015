import json

from etils import epath
import pytest

from ns.core import errors
from ns.core import manifest
from ns.loop import stages


def stage(make=None, form=None, **changes):
  """A stage that writes a file and tells how many bytes."""
  def write(run_folder, folder):
    assert folder == run_folder / 'student' / 'select'
    (folder / 'out').write_text('abc')
    return {'bytes': 3}
  return stages.Stage(**{
      'generation': 'student', 'kind': 'select', 'make': make or write,
      'form': form or {'seed': 1}, 'size': 'some', **changes})


def forbidden(run_folder, folder):
  raise AssertionError('made again')


@pytest.fixture(name='run')
def make_run(tmp_path):
  return epath.Path(tmp_path) / 'run'


def test_a_stage_is_made_and_committed(run, capsys):
  made = stage().run(run)
  assert made.results == {'bytes': 3} and made.seconds >= 0
  assert list(made.outputs) == ['out']
  assert made.fingerprint == stage().fingerprint
  assert manifest.read(run / 'student' / 'select') == made
  assert {'tensorflow', 'keras', 'numpy'} == set(made.versions)
  assert capsys.readouterr().out == 'student/select: finished in 0 s\n'


def test_a_finished_stage_is_not_made_again(run, capsys):
  made = stage().run(run)
  capsys.readouterr()
  assert stage(forbidden).run(run) == made
  assert capsys.readouterr().out == 'student/select: finished already\n'


def test_seconds_that_a_stage_tells_stand_for_the_time(run):
  def make(run_folder, folder):
    del run_folder, folder
    return {'seconds': 3725.0, 'loss': 0.5}
  made = stage(make).run(run)
  assert made.seconds == 3725.0 and made.results == {'loss': 0.5}


@pytest.mark.parametrize('failure', [ValueError('no'), KeyboardInterrupt()])
def test_a_stage_that_fails_leaves_no_manifest_and_is_made_again(run, failure):
  def fail(run_folder, folder):
    (folder / 'half').write_text('half')
    raise failure
  with pytest.raises(type(failure)):
    stage(fail).run(run)
  folder = run / 'student' / 'select'
  assert sorted(p.name for p in folder.iterdir()) == ['begun.json', 'half']
  assert stage().check(run) is None
  made = stage().run(run)
  assert made.results == {'bytes': 3}


def test_what_is_begun_is_written_first(run):
  def look(run_folder, folder):
    assert manifest.begun(folder) == {'seed': 1}
    return {}
  stage(look).run(run)


def test_check_of_nothing_is_none(run):
  assert stage().check(run) is None
  assert not run.exists()


@pytest.mark.parametrize('finished', [False, True])
def test_another_configuration_is_refused(run, finished):
  if finished:
    stage(form={'seed': 1, 'noise': {'magnitude': 5}}).run(run)
  else:
    with pytest.raises(AssertionError):
      stage(forbidden, form={'seed': 1, 'noise': {'magnitude': 5}}).run(run)
  before = {p.name: p.read_bytes()
            for p in (run / 'student' / 'select').iterdir()}
  with pytest.raises(errors.RunError) as caught:
    stage(forbidden, form={'seed': 1, 'noise': {'magnitude': 7}}).run(run)
  assert str(caught.value) == (
      f'`{run}` has student/select of another configuration (noise.magnitude: '
      '5 -> 7); give another `--work_dir`, or `--redo=student/select` to make '
      'it and what follows from it again.')
  assert before == {p.name: p.read_bytes()
                    for p in (run / 'student' / 'select').iterdir()}


def test_three_differences_are_shown_and_the_others_counted(run):
  stage(form={name: 0 for name in 'abcde'}).run(run)
  with pytest.raises(errors.RunError) as caught:
    stage(form={name: 1 for name in 'abcde'}).check(run)
  assert '(a: 0 -> 1; b: 0 -> 1; c: 0 -> 1; 2 more); give' in str(caught.value)


def test_an_output_that_changed_is_told(run):
  stage().run(run)
  (run / 'student' / 'select' / 'out').write_text('abcd')
  with pytest.raises(errors.RunError) as caught:
    stage(forbidden).run(run)
  assert str(caught.value) == (
      f'`{run}/student/select/out` should have 3 bytes, but has 4; remove '
      f'`{run}/student/select` to make it again.')


def test_the_fingerprint_is_of_the_form_alone():
  assert stage().fingerprint == stage(forbidden, size='much',
                                      generation='x').fingerprint
  assert stage().fingerprint != stage(form={'seed': 2}).fingerprint


def test_results_are_in_the_manifest_as_json(run):
  stage().run(run)
  content = json.loads((run / 'student/select/manifest.json').read_text())
  assert content['results'] == {'bytes': 3}


def upstream(content='abc'):
  """A stage `student/label`, which writes `content`."""
  def write(run_folder, folder):
    del run_folder
    (folder / 'labels').write_text(content)
    return {}
  return stage(write, form={'label': 1}, kind='label')


def test_a_stage_tells_what_it_was_made_from(run):
  label = upstream()
  read = label.run(run)
  made = stage(reads=(label,)).run(run)
  assert made.inputs == {'student/label': read.contents}
  assert stage(forbidden, reads=(label,)).run(run) == made


def test_what_a_stage_reads_is_verified_first(run):
  label = upstream()
  label.run(run)
  labels = run / 'student' / 'label' / 'labels'
  labels.write_text('ABC')  # Of the same size.
  with pytest.raises(errors.RunError) as caught:
    stage(forbidden, reads=(label,)).run(run)
  assert str(caught.value) == (
      f'`{labels}` is not what was written there (its SHA-256 differs); remove '
      f'`{labels.parent}` to make it again.')


def test_a_stage_of_another_upstream_is_refused(run):
  label = upstream()
  label.run(run)
  stage(reads=(label,)).run(run)
  (run / 'student' / 'label').rmtree()
  assert stage(reads=(label,)).check(run)  # It may be made again as it was.
  upstream('other').run(run)
  with pytest.raises(errors.RunError) as caught:
    stage(reads=(label,)).check(run)
  folder = run / 'student' / 'select'
  assert str(caught.value) == (
      f'`{folder}` was made from another student/label than is there now; give '
      '`--redo=student/select` to make it and what follows from it again.')


def test_a_manifest_of_another_configuration_is_refused(run):
  stage().run(run)
  (run / 'student' / 'select' / 'begun.json').unlink()
  with pytest.raises(errors.RunError) as caught:
    stage(form={'seed': 2}).check(run)
  assert str(caught.value) == (
      f'`{run}/student/select` was made by another configuration; give another '
      '`--work_dir`, or `--redo=student/select` to make it and what follows '
      'from it again.')
