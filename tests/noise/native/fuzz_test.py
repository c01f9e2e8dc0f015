"""Random images, shapes and arguments, in builds of the native operations.

One build has sanitizers, which end it where memory or arithmetic goes wrong;
the others are for other processors, and give the same bits. To search longer:

  ./bazelw run //tests/noise/native:fuzz_sanitized -- 600  # seconds
"""

import pathlib
import subprocess

import pytest

_FOLDER = pathlib.Path(__file__).parent
_IMAGES = 6000


def run(name):
  """What the build `name` prints; a build that cannot be here is skipped."""
  path = _FOLDER / name
  if not path.exists():
    pytest.skip(f'{name} is not built: this is not run by Bazel, or there is '
                'no C++ compiler with what it takes')
  done = subprocess.run([path, f'-{_IMAGES}'], capture_output=True, text=True,
                        check=False)
  assert done.returncode == 0, done.stdout + done.stderr
  return done.stdout


def test_sanitizers_find_nothing():
  assert run('fuzz_sanitized').startswith(f'{_IMAGES} images, checksum ')


@pytest.mark.parametrize('name', ['fuzz_any', 'fuzz_avx2', 'fuzz_sanitized'])
def test_processors_give_the_same_bits(name):
  if name == 'fuzz_avx2' and 'avx2' not in pathlib.Path(
      '/proc/cpuinfo').read_text():
    pytest.skip('this processor has no AVX2')
  assert run(name) == run('fuzz')
