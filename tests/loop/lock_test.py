import signal
import subprocess
import sys

import pytest

from ns.core import errors
from ns.loop import lock

HOLDER = """
import sys
from ns.loop import lock
with lock.held(sys.argv[1]):
  print('held', flush=True)
  sys.stdin.read()
"""


@pytest.fixture(name='hold')
def make_hold(tmp_path):
  """Starts programs that hold the run in `tmp_path` until they are ended."""
  started = []

  def start():
    path = f'import sys; sys.path[:] = {sys.path!r}\n'
    program = subprocess.Popen(
        [sys.executable, '-c', path + HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    started.append(program)
    assert program.stdout.readline() == 'held\n'
    return program

  yield start
  for program in started:
    program.kill()
    program.communicate()


def test_a_second_program_is_refused(tmp_path, hold):
  hold()
  with pytest.raises(errors.RunError) as caught:
    with lock.held(tmp_path):
      raise AssertionError('held by two')
  assert str(caught.value) == (
      f'Another program works on the run in `{tmp_path}`; wait until it is '
      'finished, or give another `--work_dir`.')


def test_a_program_that_ends_lets_go(tmp_path, hold):
  program = hold()
  program.communicate('')
  assert program.returncode == 0
  with lock.held(tmp_path):
    pass


def test_a_killed_program_blocks_nobody(tmp_path, hold):
  program = hold()
  program.send_signal(signal.SIGKILL)
  program.wait()
  assert program.returncode == -signal.SIGKILL
  assert (tmp_path / 'lock').exists()
  hold()


def test_it_is_let_go_at_the_end_and_after_an_error(tmp_path, hold):
  with lock.held(tmp_path):
    pass
  with pytest.raises(KeyError):
    with lock.held(tmp_path):
      raise KeyError
  hold()


def test_the_folder_is_made(tmp_path):
  with lock.held(tmp_path / 'a' / 'b'):
    assert (tmp_path / 'a' / 'b').is_dir()


def test_two_runs_do_not_hinder_each_other(tmp_path, hold):
  hold()
  with lock.held(tmp_path / 'other'):
    pass
