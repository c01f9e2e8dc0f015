"""The schedule of a run as text, before anything is loaded or trained."""

from collections.abc import Collection
from collections.abc import Sequence

from ns.loop import stages as stages_lib


def text(run, stages: Sequence[stages_lib.Stage], finished: Collection[str],
         wanted: Collection[stages_lib.Stage], work_dir: str) -> str:
  """A line about the run and its data, then one a stage.

  Args:
    run: a `SelfTraining`.
    stages: of the run.
    finished: the names of those that are.
    wanted: those that are to be made.
    work_dir: where the run is.
  """
  data = run.data
  lines = [
      f'run in {work_dir}, seed {run.seed}, {data.classes} classes: '
      f'{data.labelled.num_examples:,} labelled, '
      f'{data.unlabelled.num_examples:,} unlabelled, '
      + ', '.join(f'{s.num_examples:,} {s.name}' for s in data.evaluation_sets)]
  width = max(len(stage.name) for stage in stages)
  for stage in stages:
    note = ('  (finished)' if stage.name in finished else
            '' if stage in wanted else '  (not now)')
    lines.append(f'  {stage.name:{width}}  {stage.size}{note}')
    lines += [f'  {"":{width}}  {detail}' for detail in stage.details]
  return '\n'.join(lines)
