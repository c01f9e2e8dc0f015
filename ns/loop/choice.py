"""Which stages of a run a start makes, and which it makes again."""

from collections.abc import Collection
from collections.abc import Sequence
import dataclasses
import difflib

from ns.core import errors
from ns.loop import stages as stages_lib


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
  """A part of a run: stages by their names (`student1/train`), or all stages
  of a generation by its name (`student1`).

  Attributes:
    only: the stages to make; all if empty. What they are made from should be
      finished.
    until: the last stage to make, or the last generation; '' for no such end.
    redo: the stages to make again, with all that is made from them.
  """
  only: Sequence[str] = ()
  until: str = ''
  redo: Sequence[str] = ()

  def wanted(self, stages: Sequence[stages_lib.Stage]
             ) -> tuple[stages_lib.Stage, ...]:
    """The stages to make, in order.

    Raises:
      ConfigError: a flag names no stage of the run, or leaves none.
    """
    last = _named(stages, '--until', [self.until]) if self.until else stages
    end = 1 + max(stages.index(stage) for stage in last)
    only = _named(stages, '--only', self.only) if self.only else stages
    wanted = tuple(stage for stage in stages[:end] if stage in only)
    if not wanted:
      raise errors.ConfigError(
          f'`--only={",".join(self.only)}` lies after `--until={self.until}`, '
          'so there is nothing to make; leave one of the two out.')
    return wanted

  def redone(self, stages: Sequence[stages_lib.Stage]
             ) -> tuple[stages_lib.Stage, ...]:
    """The stages to make again: those named and all that is made from them.

    Raises:
      ConfigError: `--redo` names no stage of the run.
    """
    redone = []
    named = _named(stages, '--redo', self.redo)
    for stage in stages:
      if stage in named or any(read in redone for read in stage.reads):
        redone.append(stage)
    return tuple(redone)


def _named(stages: Sequence[stages_lib.Stage], flag: str,
           names: Sequence[str]) -> Collection[stages_lib.Stage]:
  known = {}
  for stage in stages:
    known.setdefault(stage.name, []).append(stage)
    known.setdefault(stage.generation, []).append(stage)
  for name in names:
    if name not in known:
      nearest, = difflib.get_close_matches(name, known, n=1, cutoff=0)
      raise errors.ConfigError(
          f'`{flag}={name}` should name a stage or a generation of the run; '
          f'the nearest is `{nearest}`.')
  return [stage for name in names for stage in known[name]]
