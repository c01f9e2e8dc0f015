"""The schedule of a run as text, before anything is loaded or trained."""

from collections.abc import Sequence

from etils import epath

from ns.loop import stages as stages_lib


def text(run, stages: Sequence[stages_lib.Stage], work_dir: str) -> str:
  """A line about the data, one about the run, then one a stage."""
  data = run.data
  lines = [
      f'run in {work_dir}, seed {run.seed}, {data.classes} classes: '
      f'{data.labelled.num_examples:,} labelled, '
      f'{data.unlabelled.num_examples:,} unlabelled, '
      + ', '.join(f'{s.num_examples:,} {s.name}' for s in data.evaluation_sets)]
  width = max(len(stage.name) for stage in stages)
  for stage in stages:
    finished = stage.check(epath.Path(work_dir)) is not None
    done = '  (finished)' if finished else ''
    lines.append(f'  {stage.name:{width}}  {stage.size}{done}')
  return '\n'.join(lines)
