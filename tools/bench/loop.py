"""What the loop adds to a training, and how soon it trains; from outside.

  ./bazelw run //tools/bench:loop
  ./bazelw run //tools/bench:loop -- --steps=300

Overhead: the teacher of the smoke run takes its steps in this process. Around
each call of the compiled step and each wait for a batch there is a stopwatch,
none of the loop's own. What is left of the time from the end of the first step
(which is compiled) to the end of the last is the loop's: learning rates,
progress, summaries, checkpoints.

Start: a fresh process runs the program on the smoke run, from nothing to the
end of its first step, which is when the log of its training has a line.

The last line is JSON; the goals are an `overhead_share` of at most 0.02, and a
`start_seconds` of at most 20 on two cores.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import time

_RUN_FILE = 'gin/runs/smoke.gin'
_STAGE = 'teacher/train'
# The program in a process of its own, with what this one finds.
_PROGRAM = """
import runpy
import sys
sys.path[:] = {path!r}
sys.argv[1:] = {flags!r}
runpy.run_module('ns.main', run_name='__main__', alter_sys=True)
"""


class Stopwatch:
  """Notes when each call of a function began and ended."""

  def __init__(self, clock=time.perf_counter):
    self._clock = clock
    self.laps = []

  def timed(self, function):
    """The function, whose calls are noted."""
    @functools.wraps(function)
    def call(*args):
      begin = self._clock()
      try:
        return function(*args)
      finally:
        self.laps.append((begin, self._clock()))
    return call

  def seconds(self, since: float, until: float) -> float:
    """Within the calls, of the time between two moments."""
    return sum(max(min(end, until) - max(begin, since), 0.0)
               for begin, end in self.laps)


def shares(steps: Stopwatch, inputs: Stopwatch) -> dict[str, float]:
  """Of the time from the end of the first call of steps to that of the last.

  Returns:
    `overhead_share`, what is neither in a step nor in a wait for a batch, and
    `input_wait_share`.
  """
  since, until = steps.laps[0][1], steps.laps[-1][1]
  whole = until - since
  waited = inputs.seconds(since, until)
  return {
      'overhead_share': (whole - waited - steps.seconds(since, until)) / whole,
      'input_wait_share': waited / whole}


@contextlib.contextmanager
def watched() -> Iterator[tuple[Stopwatch, Stopwatch]]:
  """Stopwatches around the calls of steps, and around the waits for batches."""
  from ns.training import host_batches
  from ns.training import train_step

  steps, inputs = Stopwatch(), Stopwatch()
  compiled, iterate = train_step.compiled_steps, (
      host_batches.HostBatches.__iter__)

  def iterate_timed(batches):
    following = inputs.timed(iterate(batches).__next__)
    while True:
      try:
        yield following()
      except StopIteration:
        return

  train_step.compiled_steps = lambda *args: steps.timed(compiled(*args))
  host_batches.HostBatches.__iter__ = iterate_timed
  try:
    yield steps, inputs
  finally:
    train_step.compiled_steps = compiled
    host_batches.HostBatches.__iter__ = iterate


def overhead(num_steps: int, folder: pathlib.Path) -> dict[str, float]:
  """Trains the teacher of the smoke run; see `shares`."""
  from ns import config

  run = config.compose([_RUN_FILE], [
      f'teacher/training.Training.num_steps = {num_steps}']).root
  with watched() as (steps, inputs):
    run.run(str(folder), only=[_STAGE])
  log = (folder / _STAGE / 'metrics.jsonl').read_text().splitlines()
  for line in map(json.loads, log):
    print(f'  step {line["step"]}: of the time, by the log, '
          f'{line["outside_share"]:.2%} outside, {line["input_wait_share"]:.2%}'
          ' waiting for input', flush=True)
  return shares(steps, inputs)


def start_seconds(folder: pathlib.Path, patience: float = 120) -> float:
  """From nothing to the end of the first step, in a process of its own.

  Raises:
    RuntimeError: the process ended without a step, or takes more than
      `patience` seconds.
  """
  flags = [f'--gin_file={_RUN_FILE}', f'--work_dir={folder}',
           '--gin.training.Training.summary_every_steps=1']
  log = folder / _STAGE / 'metrics.jsonl'
  begin = time.perf_counter()
  process = subprocess.Popen(
      [sys.executable, '-c', _PROGRAM.format(path=sys.path, flags=flags)],
      stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
  try:
    while not (log.exists() and log.read_bytes()):
      if process.poll() is not None or time.perf_counter() - begin > patience:
        process.kill()
        raise RuntimeError(f'No step was taken: {process.stderr.read()[-500:]}')
      time.sleep(0.02)
    return time.perf_counter() - begin
  finally:
    process.kill()
    process.communicate()


def main(argv: Sequence[str] | None = None) -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument('--steps', type=int, default=1000)
  parser.add_argument('--starts', type=int, default=3,
                      help='processes; the median is told')
  flags = parser.parse_args(argv)
  with tempfile.TemporaryDirectory() as folder:
    folder = pathlib.Path(folder)
    starts = []
    for number in range(flags.starts):
      starts.append(start_seconds(folder / str(number)))
      print(f'start {number + 1}: {starts[-1]:.1f} s to the end of the first '
            'step', flush=True)
    print(f'{flags.steps} steps of {_STAGE}:', flush=True)
    found = overhead(flags.steps, folder / 'overhead')
  figures = {**found, 'start_seconds': sorted(starts)[len(starts) // 2]}
  print(json.dumps({'bench': 'loop', **{
      name: float(f'{value:.4g}') for name, value in figures.items()}}))


if __name__ == '__main__':
  main()
