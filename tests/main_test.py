"""Tests of ns/main.py: the program as a user meets it, on runs of fakes."""

import errno
import os
import subprocess
import sys

import pytest

from ns import main
from tests.config import runs

# Where a run of `run.gin` is kept, unless a flag says otherwise.
_WORK = 'work/run'


def _environment(**changes):
  kept = {name: value for name, value in os.environ.items()
          if not name.startswith(('BUILD_', 'TEST_'))}
  return {**kept, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path)),
          **{name: str(value) for name, value in changes.items()}}


def _main(folder, *arguments, **environment):
  """Runs the program in `folder`, where run.gin is; the finished process."""
  return subprocess.run(
      [sys.executable, '-m', 'ns.main', *arguments], cwd=folder, text=True,
      capture_output=True, timeout=60, env=_environment(**environment))


@pytest.fixture
def folder(tmp_path):
  """A folder with the run file of fakes."""
  runs.write(tmp_path, run=runs.RUN)
  return tmp_path


def test_gin_flags_are_rewritten_up_to_two_dashes():
  assert main.rewrite(
      ['main', '--gin.a/m.C.p="x=y"', '-gin.M=1', '--gin_file=f', '--',
       '--gin.M=2']) == [
           'main', '--gin_bindings=a/m.C.p="x=y"', '--gin_bindings=M=1',
           '--gin_file=f', '--', '--gin.M=2']


def test_plan_may_stand_alone():
  assert main.rewrite(['main', '--plan', '-plan', '--plan=measure', '--',
                       '--plan']) == [
      'main', '--plan=schedule', '--plan=schedule', '--plan=measure', '--',
      '--plan']


def test_a_plan_may_be_measured(folder):
  done = _main(folder, '--gin_file=run.gin', '--plan=measure')
  assert done.stdout == f'teacher, student1 in {folder / _WORK}, measured\n'
  assert (done.stderr, done.returncode) == ('', 0)


def test_a_run_prints_its_plan_and_runs(folder):
  done = _main(folder, '--gin_file=run.gin', '--work_dir=here')
  assert done.stdout == (
      f'teacher, student1 in {folder}/here\nran True True False\n')
  assert (done.stderr, done.returncode) == ('', 0)


def test_a_plan_stops_and_loads_no_tensorflow(folder):
  code = ('import runpy, sys\n'
          'sys.argv = ["main", "--gin_file=run.gin", "--plan"]\n'
          'try:\n  runpy.run_module("ns.main", run_name="__main__")\n'
          'finally:\n  print("tensorflow" in sys.modules)\n')
  done = subprocess.run(
      [sys.executable, '-c', code], cwd=folder, text=True, capture_output=True,
      timeout=60, env=_environment())
  assert done.stdout == f'teacher, student1 in {folder / _WORK}\nFalse\n'


def test_flags_files_and_search_paths_override(folder):
  (folder / 'team').mkdir()
  runs.write(folder / 'team', more="student1/loop.Generation.name = 'B'\n")
  done = _main(
      folder, '--gin_file=run.gin', '--gin_file=more.gin', '--plan',
      '--gin_search_paths=team', "--gin.teacher/loop.Generation.name='A'",
      '--gin.student1/loop.Generation.noise=@noise.Off()')
  assert done.stdout == f'A, B in {folder / _WORK}\n'
  assert done.returncode == 0


def test_under_bazel_the_users_folder_counts(folder, tmp_path_factory):
  runfiles = tmp_path_factory.mktemp('runfiles')
  done = _main(runfiles, '--gin_file=run.gin', '--work_dir=w', '--plan',
               BUILD_WORKING_DIRECTORY=folder)
  assert done.stdout == f'teacher, student1 in {folder}/w\n'
  done = _main(runfiles, '--gin_file=run.gin', '--plan',
               BUILD_WORKING_DIRECTORY=folder, BUILD_WORKSPACE_DIRECTORY='/ws')
  assert done.stdout == f'teacher, student1 in /ws/{_WORK}\n'


def test_notes_go_to_stderr(folder):
  runs.write(folder, run=runs.RUN + 'student1/noise.RandAugment.layers = 3\n')
  done = _main(folder, '--gin_file=run.gin', '--plan',
               '--gin.student1/loop.Generation.noise=@noise.Off()')
  assert done.stderr == (
      'note: nothing builds `noise.RandAugment` in the scope `student1` any '
      'more; its binding has no effect.\n')
  assert done.returncode == 0


def test_no_gin_file(folder):
  done = _main(folder)
  assert done.stderr == (
      'error: No gin file is given; name a run file, for example '
      '`--gin_file=gin/runs/smoke.gin`.\n')
  assert (done.stdout, done.returncode) == ('', 2)


def test_a_wrong_config_is_one_line(folder):
  done = _main(folder, '--gin_file=run.gin',
               '--gin.student1/noise.RandAugment.magnitude=99')
  assert done.stderr == (
      'error: --gin.student1/noise.RandAugment.magnitude=99: in `student1`: '
      '`RandAugment.magnitude` should be a number at least 0 and at most 30, '
      'but is 99.\n')
  assert (done.stdout, done.returncode) == ('', 2)


def test_a_missing_file_is_one_line(folder):
  done = _main(folder, '--gin_file=runn.gin')
  assert done.stderr.startswith('error: The gin file `runn.gin` does not exist')
  assert done.stderr.endswith('; did you mean `run.gin`?\n')
  assert (done.stderr.count('\n'), done.returncode) == (1, 2)


def test_a_bare_argument(folder):
  done = _main(folder, 'run.gin')
  assert done.stderr == (
      'error: `run.gin` is not a flag; write gin files as '
      '`--gin_file=gin/runs/smoke.gin` and overrides as `--gin.NAME=VALUE`.\n')
  assert done.returncode == 2


@pytest.mark.parametrize('fail, output, message, code', [
    ('plan', False, 'error: The work directory is of another config.\n', 1),
    ('run', True, 'error: The pool is empty.\n', 1),
    ('interrupt', True,
     'Interrupted; the same command goes on from what is finished and '
     'the last checkpoint.\n', 130),
    ('end', True,
     'Asked to end (SIGTERM), and nothing is lost; the same command goes on.\n',
     42)])
def test_a_run_that_ends_early_says_why(folder, fail, output, message, code):
  done = _main(folder, '--gin_file=run.gin',
               f"--gin.loop.SelfTraining.fail='{fail}'")
  assert (done.stderr, done.returncode) == (message, code)
  assert bool(done.stdout) == output


def test_a_bug_shows_its_trace(folder):
  done = _main(folder, '--gin_file=run.gin',
               "--gin.loop.SelfTraining.fail='bug'")
  assert 'Traceback' in done.stderr
  assert 'ZeroDivisionError: a bug' in done.stderr
  assert done.returncode == 1


@pytest.mark.parametrize('flag, message', [
    ('--gin_fiel=run.gin',
     "Unknown command line flag 'gin_fiel'. Did you mean: gin_file ?"),
    ('--plan=maybe',
     'flag --plan=maybe: value should be one of <schedule|measure>'),
    ('--work_dir', 'Missing value for flag --work_dir'),
    ('--work_dir=',
     '`--work_dir` is empty; give a folder, or leave the flag out.'),
    ('--gin_search_paths=/nowhere',
     'The search path `/nowhere` is not a folder.')])
def test_a_wrong_flag_is_one_line(folder, flag, message):
  done = _main(folder, '--gin_file=run.gin', flag)
  assert done.stderr == f'error: {message}\n'
  assert (done.stdout, done.returncode) == ('', 2)


def test_the_work_dir_is_called_after_the_run_file(folder):
  runs.write(folder, first='loop.SelfTraining.seed = 2\n')
  done = _main(folder, '--gin_file=first.gin', '--gin_file=run.gin', '--plan')
  assert done.stdout == f'teacher, student1 in {folder / _WORK}\n'


def test_what_the_file_system_refuses_is_one_line(folder):
  done = _main(folder, '--gin_file=run.gin',
               "--gin.loop.SelfTraining.fail='storage'")
  assert done.stderr == 'error: /nowhere/file: No such file or directory\n'
  assert done.returncode == 1


@pytest.mark.parametrize('code', [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_a_sentence(code):
  import tensorflow as tf
  rest = (' cannot be written, since the disk is full. What is finished and the '
          'last checkpoint are kept: make space, and the same command goes on '
          'from there.')
  error = OSError(code, os.strerror(code))
  assert main.storage_failure(error) == 'A file' + rest
  error.filename = '/run/a.npz'
  assert main.storage_failure(error) == '`/run/a.npz`' + rest
  error = tf.errors.ResourceExhaustedError(
      None, None, '{{function_node a}} /run/step-10.index; '
      f'{os.strerror(code)} [Op:MergeV2Checkpoints]')
  assert main.storage_failure(error) == '`/run/step-10.index`' + rest


def test_an_error_without_a_name():
  assert main.storage_failure(OSError(5, 'Input/output error')) == (
      'Input/output error')
  assert main.storage_failure(OSError('not a gzip file')) == 'not a gzip file'
  assert main.storage_failure(ValueError('/a; b')) is None


@pytest.mark.parametrize('path', ['/nowhere/file', 'FILE/below'])
def test_what_tensorflow_cannot_reach_is_one_line(tmp_path, path):
  import tensorflow as tf
  (tmp_path / 'FILE').touch()
  path = str(tmp_path / path)
  with pytest.raises(tf.errors.OpError) as caught:
    tf.function(tf.io.read_file)(path)
  reason = 'Not a directory' if 'FILE' in path else 'No such file or directory'
  assert main.storage_failure(caught.value) == f'{path}: {reason}'


def test_a_file_system_that_is_not_there_is_one_line():
  import tensorflow as tf
  with pytest.raises(tf.errors.UnimplementedError) as caught:
    tf.io.gfile.stat('s3://a/b')
  assert main.storage_failure(caught.value) == (
      "s3://a/b: File system scheme 's3' not implemented")


def test_a_bucket_that_is_not_reached_is_one_line():
  import tensorflow as tf
  error = tf.errors.FailedPreconditionError(
      None, None, 'Error executing an HTTP request: libcurl code 6 meaning '
      "'Could not resolve hostname', error details: Could not resolve host: "
      'a.b\n\t when reading gs://bucket/run/begun.json')
  assert main.storage_failure(error) == (
      "gs://bucket/run/begun.json: libcurl code 6 meaning 'Could not resolve "
      "hostname', error details: Could not resolve host: a.b")


def test_another_error_of_tensorflow_is_a_bug():
  import tensorflow as tf
  with pytest.raises(tf.errors.InvalidArgumentError) as caught:
    tf.reshape(tf.zeros([2]), [3])
  assert main.storage_failure(caught.value) is None


def test_output_that_nobody_reads_ends_the_run_quietly(folder):
  read, write = os.pipe()
  os.close(read)
  with os.fdopen(write, 'w') as pipe:
    done = subprocess.run(
        [sys.executable, '-m', 'ns.main', '--gin_file=run.gin'], cwd=folder,
        text=True, stdout=pipe, stderr=subprocess.PIPE, timeout=60,
        env=_environment())
  assert (done.stderr, done.returncode) == ('', 141)


def test_help_lists_the_flags(folder):
  done = _main(folder, '--help')
  for flag in ('--gin_file', '--gin_search_paths', '--work_dir', '--plan'):
    assert flag in done.stdout
  assert (done.stderr, done.returncode) == ('', 0)


def test_parts_of_a_run_are_chosen_by_flags(folder):
  done = _main(folder, '--gin_file=run.gin', '--work_dir=here',
               '--only=teacher,student1/label', '--until=student1',
               '--redo=teacher/train', '--verify', '--branch_from=there')
  chosen = ("['teacher', 'student1/label']", 'student1', "['teacher/train']")
  assert done.stdout == (
      f'teacher, student1 in {folder}/here, only {chosen[0]}, until '
      f'{chosen[1]}, redo {chosen[2]}\n'
      f'ran True True False True {folder}/there {" ".join(chosen)}\n')


def test_the_status_is_printed_and_nothing_run(folder):
  done = _main(folder, '--gin_file=run.gin', '--work_dir=here', '--status')
  assert done.stdout == f'nothing in {folder}/here\n'
