import json
import threading

from etils import epath
import pytest

from ns.core import errors
from ns.core import manifest
from ns.loop import stages
from tests.support import thread_hosts


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


def run_together(made, folder, workers=2):
  """The stages, one after the other, on each of so many hosts."""
  return thread_hosts.run(lambda hosts: [
      each.run(folder, hosts) for each in made], workers)


def test_the_first_host_makes_a_stage_and_the_others_wait(run, capsys):
  calls = []

  def make(run_folder, folder):
    calls.append(folder)
    (folder / 'out').write_text('abc')
    return {'bytes': 3}

  first, second = run_together([stage(make)], run)
  assert first == second == [manifest.read(run / 'student' / 'select')]
  assert len(calls) == 1
  assert capsys.readouterr().out == 'student/select: finished in 0 s\n'
  assert run_together([stage(forbidden)], run, 3) == [first] * 3
  assert capsys.readouterr().out == 'student/select: finished already\n'


def test_all_hosts_make_a_shared_stage_and_the_first_commits_it(run):
  lock, calls = threading.Lock(), []

  def make(run_folder, folder):
    assert manifest.begun(folder) is not None
    with lock:
      calls.append(folder)
      (folder / f'out-{len(calls)}').write_text('abc')
    both.wait(30)
    return {'calls': len(calls)}

  both = threading.Barrier(2)
  shared = stage(make, is_shared=True)
  after = stage(kind='train', reads=(shared,), make=lambda run_folder, folder: {
      'reads': manifest.read(shared.folder(run_folder)).fingerprint})
  first, second = run_together([shared, after], run)
  assert first == second and len(calls) == 2
  assert sorted(first[0].outputs) == ['out-1', 'out-2']
  assert first[1].results == {'reads': shared.fingerprint}


def test_a_host_that_does_not_see_the_folder(run, tmp_path, monkeypatch):
  monkeypatch.setattr(thread_hosts.hosts, '_SEEN_SECONDS', 0.0)
  folders = run, epath.Path(tmp_path) / 'another'
  with pytest.raises(errors.RunError) as caught:
    thread_hosts.run(lambda hosts: stage().run(folders[hosts.worker], hosts))
  assert str(caught.value) == (
      f'Worker 1 waited 0 s for `{folders[1]}/student/select`, which another '
      'host has written; `--work_dir` should be a folder that all hosts share.')
