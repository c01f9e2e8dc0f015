"""Where a run stands, as text."""

from collections.abc import Sequence

from etils import epath

from ns.core import manifest
from ns.core import progress
from ns.loop import lock
from ns.loop import stages as stages_lib


def text(stages: Sequence[stages_lib.Stage], folder: epath.Path) -> str:
  """A line about the run, then one a stage.

  Args:
    stages: of the run, checked against `folder`.
    folder: the run's.
  """
  finished = sum(bool(stage.check(folder)) for stage in stages)
  going = ', a program works on it' if lock.is_held(folder) else ''
  lines = [f'run in {folder}: {finished} of {len(stages)} stages finished'
           + going]
  width = max(len(stage.name) for stage in stages)
  lines += [f'  {stage.name:{width}}  {_state(stage, folder)}'
            for stage in stages]
  return '\n'.join(lines)


def _state(stage: stages_lib.Stage, folder: epath.Path) -> str:
  made = stage.check(folder)
  if made:
    size = sum(output['bytes'] for output in made.outputs.values())
    return (f'finished in {progress.duration(made.seconds)}, '
            f'{size / 1e6:,.1f} MB')
  own = stage.folder(folder)
  if manifest.begun(own) is None:
    return 'not begun'
  steps = [path.name.removeprefix('step-').removesuffix('.index')
           for path in own.glob(f'{manifest.SCRATCH}/checkpoints/*.index')]
  shards = len(list(own.glob('predictions-*.parquet')))
  return 'begun' + (
      f', checkpoint at step {max(map(int, steps)):,}' if steps else
      f', {shards:,} shards labelled' if shards else '')
