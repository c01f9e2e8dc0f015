"""Where a run stands, as text."""

from collections.abc import Iterator
from collections.abc import Sequence
import json
import re
from typing import Any

from etils import epath

from ns.core import manifest
from ns.core import progress
from ns.core import table
from ns.loop import lock
from ns.loop import stages as stages_lib


# Of an attempt after the first, `attempt-1-step-500.index`.
_CHECKPOINT = re.compile(r'step-(\d+)\.npz$')


def text(stages: Sequence[stages_lib.Stage], folder: epath.Path) -> str:
  """A line about the run, then one a stage.

  Args:
    stages: of the run, checked against `folder`.
    folder: the run's.
  """
  made = [stage.check(folder) for stage in stages]
  going = ', a program works on it' if lock.is_held(folder) else ''
  lines = [f'run in {folder}: {sum(map(bool, made))} of {len(stages)} stages '
           f'finished{going}']
  width = max(len(stage.name) for stage in stages)
  lines += [f'  {stage.name:{width}}  {_state(stage, found, folder)}'
            for stage, found in zip(stages, made)]
  return '\n'.join(lines)


def _state(stage: stages_lib.Stage, made: manifest.Manifest | None,
           folder: epath.Path) -> str:
  if made:
    size = sum(output['bytes'] for output in made.outputs.values())
    return (f'finished in {progress.duration(made.seconds)}, '
            f'{size / 1e6:,.1f} MB')
  own = stage.folder(folder)
  if manifest.begun(own) is None:
    return 'not begun'
  told = ['begun', *_steps(stage, own)]
  shards = len(list(own.glob('predictions-*.parquet')))
  return ', '.join(told + ([f'{shards:,} shards labelled'] if shards else []))


def _steps(stage: stages_lib.Stage, own: epath.Path) -> Iterator[str]:
  """How far a training is, how fast, and what it would start again from."""
  log = own / manifest.METRICS
  last = _last(log.read_text()) if log.exists() else {}
  steps, images = stage.work.steps, stage.work.images
  if last and steps:
    yield f'step {last["step"]:,} of {steps:,}'
    if rate := last.get('images_per_second'):
      left = images * (1 - last['step'] / steps) / rate
      yield f'{table.number(rate)} images/s, {progress.duration(left)} left'
  # Those of the cadence, and that of a training that was asked to end.
  saved = [int(found[1]) for folder in ('checkpoints', 'checkpoints/ended')
           for path in own.glob(f'{manifest.SCRATCH}/{folder}/*.npz')
           if (found := _CHECKPOINT.search(path.name))]
  if saved:
    yield f'checkpoint at step {max(saved):,}'


def _last(lines: str) -> dict[str, Any]:
  """The last whole line of a log, from JSON."""
  whole = lines[:lines.rfind('\n') + 1].splitlines()
  try:
    return json.loads(whole[-1]) if whole else {}
  except ValueError:
    return {}
