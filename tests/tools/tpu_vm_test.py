"""The scripts of tools/tpu_vm, as dry runs and with a gcloud of our own."""

import os
import pathlib
import shlex
import shutil
import subprocess

import pytest

FOLDER = pathlib.Path(__file__).parents[2] / 'tools' / 'tpu_vm'
SCRIPTS = {'create', 'install', 'start', 'servers', 'follow', 'delete',
           'survive', 'run_again'}
PLACE = ['--name=ns', '--zone=us-central2-b']


def script(name, *arguments, **environment):
  return subprocess.run(
      [str(FOLDER / f'{name}.sh'), *arguments], capture_output=True, text=True,
      timeout=60, env={**os.environ, 'TMPDIR': '/tmp', **environment})


def commands(name, *arguments):
  """What a dry run prints, each as its words."""
  done = script(name, *arguments, '--dry_run') if '--' not in arguments else (
      script(name, '--dry_run', *arguments))
  assert (done.stderr, done.returncode) == ('', 0)
  return [shlex.split(line) for line in done.stdout.splitlines()]


def tpus(*words):
  return ['gcloud', 'compute', 'tpus', *words, '--zone=us-central2-b']


def test_these_are_all():
  assert {path.stem for path in FOLDER.glob('*.sh')} == SCRIPTS | {'common'}


@pytest.mark.parametrize('name', sorted(SCRIPTS | {'common'}))
def test_bash_can_read_it(name):
  subprocess.run(['bash', '-n', str(FOLDER / f'{name}.sh')], check=True)


@pytest.mark.skipif(not shutil.which('shellcheck'), reason='no shellcheck here')
def test_shellcheck_finds_nothing():
  done = subprocess.run(
      ['shellcheck', '-x', *map(str, sorted(FOLDER.glob('*.sh')))],
      cwd=FOLDER.parents[1], capture_output=True, text=True, check=False)
  assert (done.stdout, done.returncode) == ('', 0)


@pytest.mark.parametrize('name', sorted(SCRIPTS))
def test_help_says_every_flag(name):
  done = script(name, '--help')
  assert (done.stderr, done.returncode) == ('', 0)
  text = (FOLDER / f'{name}.sh').read_text()
  known, = (part.split(')')[0] for part in text.split('flags=(')[1:])
  for flag in [part.split(']')[0] for part in known.split('[')[1:]] + [
      'dry_run', 'help']:
    assert f'--{flag}' in done.stdout
  assert f'tools/tpu_vm/{name}.sh' in done.stdout
  assert '#' not in done.stdout


def test_a_tpu_is_created():
  assert commands('create', *PLACE) == [tpus(
      'tpu-vm', 'create', 'ns', '--version=tpu-ubuntu2204-base',
      '--accelerator-type=v3-8')]
  assert commands('create', *PLACE, '--spot', '--type=v2-32', '--image=other',
                  '--project=ours') == [[*tpus(
                      'tpu-vm', 'create', 'ns', '--version=other',
                      '--accelerator-type=v2-32', '--spot'), '--project=ours']]


def test_a_tpu_is_queued_for():
  done = script('create', *PLACE, '--queued', '--spot', '--dry_run')
  assert shlex.split(done.stdout) == tpus(
      'queued-resources', 'create', 'ns', '--node-id=ns',
      '--runtime-version=tpu-ubuntu2204-base', '--accelerator-type=v3-8',
      '--spot')
  assert done.returncode == 0 and 'queued' in done.stderr


def test_a_checkout_is_copied_and_built():
  archive, copy, remove, unpack, build = commands(
      'install', *PLACE, '--run=smoke')
  assert archive == ['git', '-C', str(FOLDER.parents[1].resolve()), 'archive',
                     '--format=tar.gz', '--output=/tmp/noisy_student-ns.tar.gz',
                     'HEAD']
  assert copy == tpus('tpu-vm', 'scp', '/tmp/noisy_student-ns.tar.gz',
                      'ns:noisy_student.tar.gz', '--worker=all')
  assert remove == ['rm', '/tmp/noisy_student-ns.tar.gz']
  assert unpack == tpus(
      'tpu-vm', 'ssh', 'ns', '--worker=all',
      '--command=rm -rf noisy_student && mkdir noisy_student && '
      'tar -xzf noisy_student.tar.gz -C noisy_student')
  assert build == tpus(
      'tpu-vm', 'ssh', 'ns', '--worker=all', '--command=cd noisy_student && '
      'sudo ./bazelw build --config=tpu //gin/runs:smoke //tools/tpu_vm:server')


def test_a_label_of_another_package_may_be_run():
  build = commands('install', *PLACE, '--run=//team/runs:ours')[-1]
  assert ' //team/runs:ours ' in build[-2]


def test_a_run_is_started_and_goes_on_alone():
  started, = commands('start', *PLACE, '--run=smoke', '--work_dir=gs://b/s')
  assert started == tpus(
      'tpu-vm', 'ssh', 'ns', '--worker=0', '--command=cd noisy_student || '
      'exit; nohup setsid sudo tools/tpu_vm/run_again.sh --run=smoke -- '
      '--work_dir=gs://b/s >../run.log 2>&1 </dev/null &')


def test_a_coordinator_leaves_the_tpu_to_the_servers():
  binding = "--gin.loop.SelfTraining.runtime=@runtime.TpuPod()"
  started, = commands('start', *PLACE, '--run=smoke', '--work_dir=gs://b/s',
                      '--slice', '--', binding)
  line = started[-2].removeprefix('--command=')
  # Quoted for the shell there, too.
  assert shlex.split(line.split('; ')[1])[2:12] == [
      'sudo', 'env', 'TPU_NAME=ns', 'TPU_LOAD_LIBRARY=0',
      'tools/tpu_vm/run_again.sh', '--run=smoke', '--', '--work_dir=gs://b/s',
      binding, '>../run.log']


def test_the_servers_of_a_slice_and_the_log():
  assert commands('servers', *PLACE) == [tpus(
      'tpu-vm', 'ssh', 'ns', '--worker=all', '--command=cd noisy_student || '
      'exit; nohup setsid sudo ./bazelw run --config=tpu //tools/tpu_vm:server '
      '-- --port=8470 >../server.log 2>&1 </dev/null &')]
  assert commands('follow', *PLACE, '--lines=9', '--worker=3') == [tpus(
      'tpu-vm', 'ssh', 'ns', '--worker=3', '--command=tail -n 9 -F run.log')]


def test_a_tpu_is_deleted():
  assert commands('delete', *PLACE) == [
      tpus('tpu-vm', 'delete', 'ns', '--quiet')]
  assert commands('delete', *PLACE, '--queued') == [
      tpus('queued-resources', 'delete', 'ns', '--force', '--quiet')]


def test_a_round_of_survival_is_all_of_these():
  how = ['--run=smoke', '--work_dir=gs://b/s']
  assert commands('survive', *PLACE, *how, '--spot', '--slice', '--', '--x=1'
                  ) == [
      *commands('delete', *PLACE), *commands('create', *PLACE, '--spot'),
      *commands('install', *PLACE, '--run=smoke'), *commands('servers', *PLACE),
      *commands('start', *PLACE, *how, '--slice', '--', '--x=1')]


@pytest.mark.parametrize('name, arguments, said', [
    ('create', ['--zone=z'], '`--name=…` has to be given; see --help.'),
    ('create', ['--name'], '`--name` is no flag, or needs a value: '
     '`--name=VALUE`; see --help.'),
    ('create', ['--nmae=x'], '`--nmae` is no flag; see --help.'),
    ('create', ['--spot=yes'], '`--spot` takes no value.'),
    ('create', ['ns'], '`ns` is no flag; see --help.'),
    ('start', [*PLACE, '--run=smoke', '--work_dir=/tmp/w'],
     '`--work_dir` should be on a bucket, gs://…, since the disk of a TPU goes '
     'with it, but is `/tmp/w`.')])
def test_a_wrong_command_is_one_line(name, arguments, said):
  done = script(name, *arguments)
  assert done.stderr == f'{name}: {said}\n'
  assert (done.stdout, done.returncode) == ('', 2)


@pytest.fixture(name='copied')
def make_copy(tmp_path):
  """A checkout with the scripts and a ./bazelw that ends as a file says."""
  shutil.copytree(FOLDER, tmp_path / 'tools' / 'tpu_vm')
  bazelw = tmp_path / 'bazelw'
  bazelw.write_text('#!/bin/sh\necho "$@" >>started\n'
                    'read code <codes; sed -i 1d codes; exit "$code"\n')
  bazelw.chmod(0o755)
  return tmp_path


def run_again(folder, codes, *more):
  (folder / 'codes').write_text('\n'.join(map(str, codes)) + '\n')
  (folder / 'started').write_text('')
  done = subprocess.run(
      [str(folder / 'tools/tpu_vm/run_again.sh'), '--run=smoke', '--pause=0',
       *more, '--', '--work_dir=gs://b/s'],
      capture_output=True, text=True, timeout=60, check=False)
  starts = (folder / 'started').read_text().splitlines()
  assert set(starts) == {
      'run --config=tpu //gin/runs:smoke -- --work_dir=gs://b/s'}
  return len(starts), done.returncode


@pytest.mark.parametrize('codes, starts, code', [
    ([0], 1, 0), ([42, 42, 0], 3, 0), ([1], 1, 1), ([2], 1, 2), ([130], 1, 130),
    ([137, 0], 2, 0), ([137, 137, 137], 3, 137), ([137, 137, 42, 137, 0], 5, 0)
])
def test_a_run_starts_again_where_it_was_asked_to_end(
    copied, codes, starts, code):
  assert run_again(copied, codes, '--failures=2') == (starts, code)


GCLOUD = '''#!/usr/bin/env python3
import pathlib, sys
folder = pathlib.Path(__file__).parent
words = sys.argv[1:]
with open(folder / 'called', 'a') as file:
  print(' '.join(words), file=file)
def next_of(name):
  states = (folder / name).read_text().split()
  if len(states) > 1:
    (folder / name).write_text(' '.join(states[1:]))
  return states[0]
if 'describe' in words:
  state = next_of('states')
  if state == 'ABSENT':
    sys.exit(1)
  print(state)
elif words[0] == 'storage':
  sys.exit(int(next_of('unfinished')))
elif any('pgrep' in word for word in words):
  sys.exit(int(next_of('idle')))
'''


def survive(folder, *, states, unfinished, idle, more=()):
  """What it asked of gcloud, in short, its exit code and what it said."""
  for name, text in ('states', states), ('unfinished', unfinished), (
      'idle', idle), ('called', ''):
    (folder / name).write_text(text)
  gcloud = folder / 'gcloud'
  gcloud.write_text(GCLOUD)
  gcloud.chmod(0o755)
  subprocess.run(['git', 'init', '-q', str(folder)], check=True)
  subprocess.run(['git', '-C', str(folder), '-c', 'user.name=a', '-c',
                  'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'a'],
                 check=True)
  done = subprocess.run(
      [str(folder / 'tools/tpu_vm/survive.sh'), *PLACE, '--run=smoke',
       '--work_dir=gs://b/s', '--every=0', *more],
      capture_output=True, text=True, timeout=120, check=False,
      env={**os.environ, 'PATH': f'{folder}:{os.environ["PATH"]}',
           'TMPDIR': str(folder)})
  kinds = {'create': 'create', 'delete': 'delete', 'scp': 'install',
           'setsid': 'start'}
  called = [kinds[word] for line in (folder / 'called').read_text().splitlines()
            for word in line.split() if word in kinds]
  return called, done.returncode, done.stderr


@pytest.mark.skipif(not shutil.which('git'), reason='no git here')
def test_a_tpu_that_is_taken_away_is_made_again(copied):
  called, code, said = survive(
      copied, states='ABSENT CREATING READY READY PREEMPTED ABSENT READY READY',
      unfinished='1 1 1 1 1 1 1 1 0', idle='1 0 1 0')
  assert called == ['create', 'install', 'start', 'delete', 'create', 'install',
                    'start']
  assert code == 0 and said.endswith('survive: finished: gs://b/s\n')


@pytest.mark.skipif(not shutil.which('git'), reason='no git here')
def test_a_run_that_goes_on_is_left_alone(copied):
  called, code, _ = survive(
      copied, states='READY', unfinished='1 1 0', idle='0')
  assert (called, code) == ([], 0)


@pytest.mark.skipif(not shutil.which('git'), reason='no git here')
def test_a_run_that_failed_is_left_to_people(copied):
  called, code, said = survive(
      copied, states='READY', unfinished='1', idle='1 1')
  assert (called, code) == (['install', 'start'], 1)
  assert 'the run ended and is not finished' in said
