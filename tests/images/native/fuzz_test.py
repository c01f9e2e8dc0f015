"""Random windows, resized in builds of the native bicubic.

One build has sanitizers, which end it where memory or arithmetic goes wrong;
another is for any processor, and gives the same bits. To search longer:

  ./bazelw run //tests/images/native:fuzz_sanitized -- 600  # seconds
"""

import pathlib
import subprocess

import pytest

_FOLDER = pathlib.Path(__file__).parent
_WINDOWS = 3000


def run(name):
  """What the build `name` prints; a build that cannot be here is skipped."""
  path = _FOLDER / name
  if not path.exists():
    pytest.skip(f'{name} is not built: this is not run by Bazel, or there is '
                'no C++ compiler with what it takes')
  done = subprocess.run([path, f'-{_WINDOWS}'], capture_output=True, text=True,
                        check=False)
  assert done.returncode == 0, done.stdout + done.stderr
  return done.stdout


def test_sanitizers_find_nothing():
  assert run('fuzz_sanitized').startswith(f'{_WINDOWS} windows, checksum ')


@pytest.mark.parametrize('name', ['fuzz_any', 'fuzz_sanitized'])
def test_processors_give_the_same_bits(name):
  assert run(name) == run('fuzz')
