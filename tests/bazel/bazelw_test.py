"""The launcher, with stand-ins for bazel, apt-get, id and Python on PATH."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

_LAUNCHER = pathlib.Path('bazelw').resolve()
_TOOLS = ('cat', 'chmod', 'dirname', 'env', 'mkdir', 'sh')

_BAZEL = """#!/bin/sh
if [ "$*" = --version ]; then echo "bazel {version}"; exit; fi
echo "cwd=$PWD"
echo "use=${{USE_BAZEL_VERSION:-}}"
for argument; do echo "[$argument]"; done
echo noise >&2
exit {code}
"""


class Machine:
  """A machine with nothing but a few tools on PATH, and a checkout."""

  def __init__(self, root):
    self.bin = root / 'bin'
    self.bin.mkdir()
    self.checkout = root / 'check out'
    (self.checkout / 'sub/folder').mkdir(parents=True)
    shutil.copy(_LAUNCHER, self.checkout / 'bazelw')
    self.log = root / 'apt.log'
    for tool in _TOOLS:
      (self.bin / tool).symlink_to(shutil.which(tool))
    # The launcher names /usr/bin/python3.11 itself; here it is not there.
    launcher = self.checkout / 'bazelw'
    launcher.write_text(
        launcher.read_text().replace('/usr/bin/python3.11', '/no/python3.11')
    )

  def add(self, name, text):
    (self.bin / name).write_text(text)
    (self.bin / name).chmod(0o755)

  def add_bazel(self, name='bazel', version='no_version', code=0):
    self.add(name, _BAZEL.format(version=version, code=code))

  def add_python(self, name='python3.11', works=True):
    self.add(name, f'#!/bin/sh\nexit {0 if works else 1}\n')

  def add_apt(self, installs=(), root=True, update=0):
    """An apt-get that writes down its arguments and makes these programs."""
    made = ''.join(
        f'  *" {package}"*) cp "{source}" "{self.bin}/{program}" ;;\n'
        for package, program, source in installs
    )
    self.add('id', f'#!/bin/sh\necho {0 if root else 1000}\n')
    if 'cp' not in os.listdir(self.bin):
      (self.bin / 'cp').symlink_to(shutil.which('cp'))
    self.add(
        'apt-get',
        f'#!/bin/sh\necho "$@" >> "{self.log}"\necho apt says\n'
        f'case "$*" in\n  *update) exit {update} ;;\n{made}  *) exit 100 ;;\n'
        'esac\n',
    )

  def run(self, *arguments, folder='', launcher='./bazelw', **env):
    return subprocess.run(
        [launcher, *arguments],
        cwd=self.checkout / folder,
        env={'PATH': str(self.bin), **env},
        capture_output=True,
        text=True,
        check=False,
    )

  @property
  def apt(self):
    return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture(name='bare')
def _bare(tmp_path):
  return Machine(tmp_path)


@pytest.fixture(name='machine')
def _machine(bare):
  bare.add_bazel()
  bare.add_python()
  return bare


def _arguments(result):
  return [
      line[1:-1] for line in result.stdout.splitlines() if line.startswith('[')
  ]


def test_arguments_reach_bazel_as_they_are(machine):
  given = (
      '--output_base=/x y', 'run', '--config=gpu', '//a:b', '--', '--c=d e', '*'
  )
  result = machine.run(*given)
  assert _arguments(result) == list(given)
  assert result.returncode == 0


def test_with_bazel_there_it_says_nothing_and_calls_no_apt(machine):
  machine.add_apt()
  result = machine.run('test', '//...')
  assert result.stderr == 'noise\n'
  assert not machine.apt


@pytest.mark.parametrize('code', [0, 1, 3, 37])
def test_the_exit_code_is_that_of_bazel(machine, code):
  machine.add_bazel(code=code)
  assert machine.run('test').returncode == code


def test_it_runs_from_a_folder_below(machine):
  result = machine.run('test', folder='sub/folder', launcher='../../bazelw')
  assert f'cwd={machine.checkout}/sub/folder\n' in result.stdout


@pytest.mark.parametrize('version', ['7.7.1', '7.7.1- (@non-git)', '8.4.2'])
@pytest.mark.parametrize('folder', ['', 'sub/folder'])
def test_from_bazel_7_on_it_adds_a_bazelrc(machine, version, folder):
  machine.add_bazel(version=version)
  launcher = os.path.relpath('bazelw', folder) if folder else './bazelw'
  result = machine.run(
      '--batch', 'run', '//a', '--', '-x', folder=folder, launcher=launcher
  )
  added = f'--bazelrc={machine.checkout}/tools/bazel/bazel7.bazelrc'
  assert _arguments(result) == [added, '--batch', 'run', '//a', '--', '-x']


@pytest.mark.parametrize('version', ['no_version', '4.2.3', '5.4.0', '6.5.0'])
def test_before_bazel_7_it_adds_nothing(machine, version):
  machine.add_bazel(version=version)
  assert _arguments(machine.run('test', '//...')) == ['test', '//...']


def test_what_it_adds_turns_modules_off_and_the_workspace_on():
  text = _LAUNCHER.parent.joinpath('tools/bazel/bazel7.bazelrc').read_text()
  lines = [line for line in text.splitlines() if line[:1] not in ('', '#')]
  assert lines == ['common --noenable_bzlmod', 'common --enable_workspace']


def test_bazelisk_comes_first_with_a_release_that_works(machine):
  machine.add_bazel('bazelisk', version='7.7.1')
  assert 'use=7.7.1\n' in machine.run('test').stdout
  assert 'use=7.4.0\n' in machine.run('test', USE_BAZEL_VERSION='7.4.0').stdout


def test_bazel_is_given_no_release(machine):
  assert 'use=\n' in machine.run('test').stdout


def test_without_bazel_root_gets_it_from_debian(bare, tmp_path):
  bare.add_python()
  source = tmp_path / 'made'
  source.write_text(_BAZEL.format(version='no_version', code=5))
  source.chmod(0o755)
  bare.add_apt([('bazel-bootstrap', 'bazel', source)])
  result = bare.run('test', '//...')
  assert _arguments(result) == ['test', '//...']
  assert result.returncode == 5
  assert "installing Debian's bazel-bootstrap" in result.stderr
  assert 'apt says' in result.stderr
  assert 'apt says' not in result.stdout
  assert len(bare.apt) == 2
  assert bare.apt[0].endswith('update')
  assert bare.apt[1].endswith('--no-install-recommends bazel-bootstrap')


def test_lists_that_cannot_be_refreshed_do_not_stop_it(bare, tmp_path):
  bare.add_python()
  source = tmp_path / 'made'
  source.write_text(_BAZEL.format(version='no_version', code=0))
  source.chmod(0o755)
  bare.add_apt([('bazel-bootstrap', 'bazel', source)], update=100)
  result = bare.run('test')
  assert result.returncode == 0
  assert 'apt-get update failed' in result.stderr


def _assert_one_sentence(result, *said):
  assert result.returncode == 1
  assert not result.stdout
  sentences = [
      line for line in result.stderr.splitlines() if line.startswith('bazelw: ')
  ]
  assert sentences[-1].endswith('.')
  for words in said:
    assert words in sentences[-1]
  return sentences


def test_without_bazel_and_apt_it_says_what_to_do(bare):
  bare.add_python()
  bare.add('id', '#!/bin/sh\necho 0\n')
  result = bare.run('test')
  said = _assert_one_sentence(
      result, 'no bazelisk or bazel', 'apt-get install bazel-bootstrap'
  )
  assert len(said) == 1


def test_without_bazel_and_root_it_says_what_to_do(bare):
  bare.add_python()
  bare.add_apt(root=False)
  result = bare.run('test')
  _assert_one_sentence(result, 'no bazelisk or bazel', 'as root')
  assert not bare.apt


def test_when_apt_has_no_bazel_it_says_so(bare):
  bare.add_python()
  bare.add_apt()
  result = bare.run('test')
  _assert_one_sentence(result, 'could not install bazel-bootstrap')


def test_without_python_root_gets_it_from_debian(bare, tmp_path):
  bare.add_bazel()
  bare.add_python(works=False)  # a shim that only prints an error
  source = tmp_path / 'made'
  source.write_text('#!/bin/sh\n')
  source.chmod(0o755)
  bare.add_apt([('python3.11 python3.11-venv', 'python3.11', source)])
  result = bare.run('test')
  assert _arguments(result) == ['test']
  assert "installing Debian's python3.11" in result.stderr
  assert bare.apt[1].endswith('python3.11 python3.11-venv')


def test_without_python_and_root_it_says_what_to_do(bare):
  bare.add_bazel()
  bare.add_apt(root=False)
  result = bare.run('test')
  _assert_one_sentence(result, 'no CPython 3.11', 'NS_PYTHON')
  assert not bare.apt


def test_when_apt_has_no_python_it_says_so(bare):
  bare.add_bazel()
  bare.add_apt()
  _assert_one_sentence(bare.run('test'), 'could not install CPython 3.11')


@pytest.mark.parametrize('name', ['python3', 'python'])
def test_python_of_another_name_is_found(bare, name):
  bare.add_bazel()
  bare.add_python(works=False)
  bare.add_python(name)
  assert bare.run('test').returncode == 0


def test_ns_python_is_taken_before_path(machine):
  machine.add_python(works=False)
  machine.add_python('mine')
  result = machine.run('test', NS_PYTHON=str(machine.bin / 'mine'))
  assert result.returncode == 0


def test_ns_python_that_does_not_work_is_named(machine):
  machine.add_apt()
  result = machine.run('test', NS_PYTHON='/no/such')
  _assert_one_sentence(result, 'NS_PYTHON=/no/such', 'unset it')
  assert not machine.apt


def test_this_interpreter_is_taken_for_what_it_is(machine):
  # The probe is real here: the environment's own base, a CPython 3.11 with pip.
  machine.add('python3.11', '#!/bin/sh\nexit 1\n')
  host = os.path.realpath(sys.executable)
  assert machine.run('test', NS_PYTHON=host).returncode == 0
