"""Programs that begin in a moment: forks of one that has imported TensorFlow.

A fork may only be made while TensorFlow is imported and nothing of it has run,
so it is a program of its own that waits for what to start.
"""

import contextlib
import dataclasses
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import traceback
from typing import IO

_SERVER = """
import sys
sys.path[:] = {path!r}
from tests.faults import forked
forked.serve()
"""


@dataclasses.dataclass
class Program:
  """One that was started.

  Attributes:
    pid: its number.
    output: where its standard output and error go.
  """
  pid: int
  output: pathlib.Path
  _answers: IO[str]

  def send(self, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # It may have ended.
      os.kill(self.pid, number)

  def wait(self) -> int:
    """Its exit code, as subprocess has it."""
    return int(self._answers.readline())


class Forked:
  """Starts functions as programs, one at a time; a context manager."""

  def __init__(self, folder: pathlib.Path):
    """`folder` is for their output."""
    self._folder, self._number = folder, 0
    self._server = subprocess.Popen(
        [sys.executable, '-c', _SERVER.format(path=sys.path)], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '2'})
    self._server.stdout.readline()  # It is ready.

  def __enter__(self):
    return self

  def __exit__(self, *error):
    self._server.communicate()

  def start(self, function: str, *args: str) -> Program:
    """Starts 'module:function' with these arguments."""
    self._number += 1
    output = self._folder / f'output-{self._number}'
    json.dump({'function': function, 'args': args, 'output': str(output)},
              self._server.stdin)
    self._server.stdin.write('\n')
    self._server.stdin.flush()
    answers = self._server.stdout
    return Program(int(answers.readline()), output, answers)


def serve() -> None:
  """Forks for each line on standard input."""
  from tests.faults import dying  # Which imports it all.
  del dying
  import tensorflow
  del tensorflow
  print('ready', flush=True)
  for line in sys.stdin:
    pid = os.fork()
    if not pid:
      _become(**json.loads(line))
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)


def _become(function: str, args: list[str], output: str) -> None:
  """Is the program, and ends."""
  file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
  os.dup2(file, 1)
  os.dup2(file, 2)
  code = 1
  try:
    module, _, name = function.partition(':')
    getattr(importlib.import_module(module), name)(*args)
    code = 0
  except SystemExit as ended:
    code = ended.code
    if isinstance(code, str):
      print(code, file=sys.stderr)
      code = 1
  except BaseException:  # Nothing of the server's goes on in its fork.
    traceback.print_exc()
  finally:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
