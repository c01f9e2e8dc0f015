"""Which pip installs uv, with stand-ins for the interpreter."""

import pytest

from tools.bazel import install_uv

_FAKE = """#!/bin/sh
case "$*" in
  *'pip --version'*) exit {pip};;
  *' venv '*) for last; do :; done; mkdir -p "$last/bin"
    cp "$0" "$last/bin/python3"; echo made >> {log}; exit {venv};;
  *'pip install'*) echo "$0 $@" >> {log}; exit {install};;
esac
"""


@pytest.fixture(name='run')
def _run(tmp_path):
  log = tmp_path / 'log'

  def run(**codes):
    python = tmp_path / 'python'
    python.write_text(
        _FAKE.format(**{'pip': 0, 'venv': 0, 'install': 0, **codes}, log=log)
    )
    python.chmod(0o755)
    install_uv.install(
        python=str(python), lock=tmp_path / 'lock.txt', target=tmp_path / 'site'
    )
    return log.read_text().splitlines()

  return run


def test_the_interpreters_own_pip_is_used(run, tmp_path):
  (installed,) = run()
  assert installed.startswith(f'{tmp_path}/python -I -m pip install')
  assert f'--target {tmp_path}/site' in installed
  assert '--require-hashes' in installed
  assert '--no-deps' in installed


def test_without_pip_that_of_ensurepip_is_used(run, tmp_path):
  made, installed = run(pip=1)
  assert made == 'made'
  assert not installed.startswith(f'{tmp_path}/python')
  assert '/bin/python3 -I -m pip install' in installed


def test_with_neither_it_says_what_to_install(run):
  said = 'neither pip nor ensurepip.*python3.11-venv'
  with pytest.raises(SystemExit, match=said):
    run(pip=1, venv=1)


def test_a_failing_pip_is_said(run):
  with pytest.raises(SystemExit, match='pip could not install lock.txt'):
    run(install=1)
