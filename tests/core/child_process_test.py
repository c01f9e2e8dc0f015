import signal
import subprocess
import sys

import pytest

from ns.core import child_process

# A parent whose children tell that they are there, and wait for ever.
PROGRAM = """
import sys
sys.path[:] = {path!r}
from concurrent import futures
import multiprocessing
import os
import time
from ns.core import child_process

if __name__ == '__main__':
  pool = futures.ProcessPoolExecutor(
      2, mp_context=multiprocessing.get_context('spawn'),
      initializer=child_process.end_with_parent)
  print(*{{pool.submit(os.getpid).result() for _ in range(2)}}, flush=True)
  running = [pool.submit(time.sleep, 600) for _ in range(2)]
  running[0].result()
"""


def test_children_end_when_the_parent_is_killed(tmp_path):
  program = tmp_path / 'parent.py'
  program.write_text(PROGRAM.format(path=sys.path))
  parent = subprocess.Popen([sys.executable, str(program)],
                            stdout=subprocess.PIPE, text=True)
  assert parent.stdout.readline().split()
  parent.send_signal(signal.SIGKILL)
  # The children hold the other end of this pipe: it ends when they have.
  assert parent.communicate(timeout=60) == ('', None)


def test_it_is_for_children():
  with pytest.raises(RuntimeError, match='should be called in a process that '
                     '`multiprocessing` started, but this is not one'):
    child_process.end_with_parent()
