"""Remakes the lock files of all platforms, and that of uv.

  ./bazelw run //tools/bazel:lock
  ./bazelw run //tools/bazel:lock -- --upgrade-package=NAME

Arguments go to `uv pip compile`. Pins that a lock already has are kept where
they still fit, so a second run changes nothing.
"""

import os
import pathlib
import subprocess
import sys

from tools.bazel import registry

_COMMAND = './bazelw run //tools/bazel:lock'
_TENSORFLOW_LEFT_OUT = '--excludes=tools/bazel/platforms/without_tensorflow.txt'

# Lock file: its sources and the options of its own.
_LOCKS = {
    'requirements_lock.txt': (
        ['requirements.in', 'tools/bazel/platforms/cpu.in'],
        [_TENSORFLOW_LEFT_OUT],
    ),
    'requirements_gpu_lock.txt': (
        ['requirements.in', 'tools/bazel/platforms/gpu.in'],
        [],
    ),
    'requirements_tpu_lock.txt': (
        ['requirements.in', 'tools/bazel/platforms/tpu.in'],
        [_TENSORFLOW_LEFT_OUT],
    ),
    'tools/bazel/uv_lock.txt': (['tools/bazel/uv.in'], []),
}


def command(
    *, uv: str, sources: list[str], lock: str, options: list[str]
) -> list[str]:
  """Returns the command, for the workspace, that makes one lock file."""
  return [
      uv, 'pip', 'compile', *sources, f'--output-file={lock}', '--quiet',
      '--generate-hashes', '--no-strip-extras', '--no-emit-index-url',
      '--no-emit-find-links', f'--custom-compile-command={_COMMAND}',
      # The same on any host: what the wheel of libtpu asks for, the newest.
      '--python-version=3.11', '--python-platform=x86_64-manylinux_2_31',
      *options,
  ]


def main(arguments: list[str]) -> int:
  """Remakes each lock; returns the exit code of the first that fails, or 0."""
  uv = pathlib.Path(arguments[0]).resolve()
  workspace = os.environ['BUILD_WORKSPACE_DIRECTORY']
  for lock, (sources, options) in _LOCKS.items():
    print(lock, flush=True)
    done = subprocess.run(
        command(
            uv=str(uv), sources=sources, lock=lock,
            options=[*options, *arguments[1:]],
        ),
        cwd=workspace,
        env=registry.environment(os.environ),
        check=False,
    )
    if done.returncode:
      return done.returncode
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
