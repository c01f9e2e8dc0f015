"""Installs uv from its lock file into a folder, with the host's pip.

  python install_uv.py --lock=uv_lock.txt --target=site

pip is the interpreter's own or, where it has none, the one that its ensurepip
carries.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import registry


def _has_pip(python: str, env: dict[str, str]) -> bool:
  return (
      subprocess.run(
          [python, '-I', '-m', 'pip', '--version'],
          env=env,
          capture_output=True,
          check=False,
      ).returncode
      == 0
  )


def install(*, python: str, lock: pathlib.Path, target: pathlib.Path) -> None:
  """Installs the distributions of `lock` into `target`.

  Args:
    python: an interpreter with pip or ensurepip.
    lock: a requirements file with hashes.
    target: the folder to fill.

  Raises:
    SystemExit: neither pip nor ensurepip is there, or pip failed.
  """
  env = registry.environment(os.environ)
  with tempfile.TemporaryDirectory() as scratch:
    if not _has_pip(python, env):
      made = subprocess.run(
          [python, '-I', '-m', 'venv', '--clear', scratch],
          env=env, capture_output=True, text=True, check=False,
      )
      if made.returncode:
        sys.exit(
            f'{made.stdout}\n{python} has neither pip nor ensurepip: install'
            ' one of them (on Debian: apt-get install python3.11-venv).'
        )
      python = os.path.join(scratch, 'bin', 'python3')
    done = subprocess.run(
        [
            python, '-I', '-m', 'pip', 'install', '--quiet', '--target', target,
            '--require-hashes', '--only-binary=:all:', '--no-deps',
            '--no-cache-dir', '-r', lock,
        ],
        env=env,
        check=False,
    )
    if done.returncode:
      sys.exit(f'pip could not install {lock.name} (its reason is above).')


if __name__ == '__main__':
  parser = argparse.ArgumentParser(description=__doc__)
  # This runs in the empty environment: what that was made from may have pip.
  parser.add_argument('--python', default=os.path.realpath(sys.executable))
  parser.add_argument('--lock', type=pathlib.Path, required=True)
  parser.add_argument('--target', type=pathlib.Path, required=True)
  install(**vars(parser.parse_args()))
