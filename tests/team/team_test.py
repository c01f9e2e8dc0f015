"""A run in a package outside gin/, started as a user starts it."""

import os
import subprocess

import pytest

from ns import config
from ns.config import locate

_PROGRAM = os.path.join(locate.root(), 'tests', 'team', 'team')
_GIN = 'tests/team/team.gin'


def _start(tmp_path, *arguments):
  """The program that ns_run made, as `bazel run` starts it."""
  return subprocess.run(
      [_PROGRAM, f'--gin_file={_GIN}', f'--work_dir={tmp_path}', *arguments],
      text=True, capture_output=True, timeout=120, check=False)


@pytest.mark.skipif('TEST_SRCDIR' not in os.environ, reason='Bazel builds it')
def test_it_plans(tmp_path):
  done = _start(tmp_path, '--plan')
  assert (done.returncode, done.stderr) == (0, '')
  assert 'confidence of at least 0.3, 300 images a class' in done.stdout
  assert not os.listdir(tmp_path)


@pytest.mark.skipif('TEST_SRCDIR' not in os.environ, reason='Bazel builds it')
def test_a_wrong_value_is_one_sentence(tmp_path):
  done = _start(tmp_path, '--gin.student/upside_down.UpsideDown.share=2')
  assert done.returncode == 2
  assert done.stderr == (
      'error: --gin.student/upside_down.UpsideDown.share=2: in `student`: '
      '`UpsideDown.share` should be a number at least 0 and at most 1, but is '
      '2.\n')


def test_its_own_component_is_in_its_own_generation_alone():
  teacher, student = config.compose([_GIN]).root.generations
  assert type(teacher.noise).__name__ == 'Sequence'
  assert type(student.noise).__name__ == 'UpsideDown'
  assert student.noise.share == 0.25


def test_a_component_is_swapped_from_the_command_line():
  teacher, student = config.compose(
      [_GIN], ['student/loop.Generation.noise=@noise.Off()']).root.generations
  assert type(teacher.noise).__name__ == 'Sequence'
  assert type(student.noise).__name__ == 'Off'
