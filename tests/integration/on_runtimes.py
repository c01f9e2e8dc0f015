"""One small run on several runtimes, each in programs of its own.

`start` starts a program that makes the run on one device and on two (`DEVICES`),
or as one of several hosts of this machine (`hosts`).
"""

from collections.abc import Sequence
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys

from ns import models
from ns import pseudolabel
from ns.core import errors
from ns.core import progress
from ns.core import runtime
from ns.core import termination
from ns.core.runtime import named_output
from ns.mixture import sources
from tests.support import tiny

DEVICES = {'one': runtime.OneDevice(),
           'two': runtime.Mirrored(devices=2, device='cpu')}
HOSTS = 'hosts'
_STEPS = 12


def run(data, hardware):
  """A teacher and a student; all replicas normalise together."""
  model = dataclasses.replace(
      tiny.architecture(), normalization=models.BatchNorm(
          momentum=0.9, replicas='all'))
  select = pseudolabel.Select(min_confidence=None,
                              balance=pseudolabel.Unbalanced())
  common = {'model': model, 'select': select, 'training': tiny.steps(
      _STEPS, summary_every_steps=1, checkpoint_every_steps=5)}
  made = tiny.run(data, changes={'teacher': common, 'student1': common})
  return dataclasses.replace(made, runtime=hardware)


def main(data: str, work: str, kind: str, stage: str, step: str) -> None:
  """What the program does; it sends itself SIGKILL or SIGTERM at a moment.

  Args:
    data: a folder for the data set.
    work: the work directory; of `DEVICES`, the folder of both.
    kind: a name of `DEVICES`, all of them (''), or `HOSTS`.
    stage: at which it kills itself, when `step` is reached; '-…' asks it to
      end; '' for neither.
    step: of that stage, of a progress bar or a training; 0 is its beginning.
  """
  sources._MAX_SHARD = 16  # The pool of 40 images has three shards.
  if stage:
    _end_at(stage.lstrip('-'), int(step),
            signal.SIGTERM if stage[0] == '-' else signal.SIGKILL)
  with termination.heard():
    if kind == HOSTS:
      made = run(data, runtime.MultiWorker(device='cpu', start_seconds=120))
      if made.worker:
        named_output.begin(made.worker)
      made.run(work)
    else:
      for name in [kind] if kind else ('two', 'one'):
        run(data, DEVICES[name]).run(work if kind else f'{work}/{name}')


def _end_at(stage: str, step: int, number: int) -> None:
  """Sends the program a signal."""
  from ns.loop import stages
  from ns.training import train_step
  compiled, taken = train_step.compiled_steps, 0
  run_stage = stages.Stage.run
  advance = progress.Progress.advance

  def pass_step(name: str):
    nonlocal taken
    taken += name == stage
    if name == stage and taken == step:
      os.kill(os.getpid(), number)

  def run_and_begin(self, *args):
    if self.name == stage and not step:
      os.kill(os.getpid(), number)
    return run_stage(self, *args)

  def compiled_and_counted(how, job, state):
    take = compiled(how, job, state)

    def take_and_count(*args):
      metrics = take(*args)
      pass_step(job.name)
      return metrics

    return take_and_count

  def advance_and_count(self, *args, **how):
    if not self._what.endswith('/train'):  # Which has no bar on every host.
      pass_step(self._what)
    return advance(self, *args, **how)

  stages.Stage.run = run_and_begin
  train_step.compiled_steps = compiled_and_counted
  progress.Progress.advance = advance_and_count


def entry() -> None:
  """The program, with the exit codes of `ns.main`."""
  try:
    main(*sys.argv[1:])
  except errors.RunError as error:
    print('error:', error, file=sys.stderr)
    sys.exit(1)
  except errors.Terminated:
    sys.exit(42)


def start(data, work, kind: str = '', stage: str = '', step: int = 0,
          environment=None) -> subprocess.Popen:
  """Starts the program; arguments as of `main`."""
  code = (f'import sys; sys.path[:] = {sys.path!r}; '
          'from tests.integration import on_runtimes; on_runtimes.entry()')
  return subprocess.Popen(
      [sys.executable, '-c', code, str(data), str(work), kind, stage,
       str(step)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
      env={**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '3', **(environment or {})})


def start_hosts(data, work, ends: Sequence[tuple[str, int]] = (('', 0),) * 2
                ) -> list[subprocess.Popen]:
  """Starts the program as hosts; `ends` has `stage` and `step` of each."""
  free = [socket.create_server(('127.0.0.1', 0)) for _ in ends]
  addresses = [f'127.0.0.1:{server.getsockname()[1]}' for server in free]
  for server in free:
    server.close()
  return [start(data, work, HOSTS, stage, step, {'TF_CONFIG': json.dumps({
      'cluster': {'worker': addresses},
      'task': {'type': 'worker', 'index': index}})})
          for index, (stage, step) in enumerate(ends)]
