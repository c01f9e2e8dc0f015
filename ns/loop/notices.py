"""What becomes of a run, told to its hook.

A notice is an object of JSON's types:

| name         | what                                                          |
|--------------|---------------------------------------------------------------|
| `event`      | 'stage_ended', 'stage_failed', 'run_ended', 'run_failed' or   |
|              | 'run_stopped', by SIGTERM or an interrupt, with nothing lost  |
| `work_dir`   | the run's folder                                              |
| `host`       | the name of the machine                                       |
| `time`       | of the notice, in seconds since 1970                          |
| `seconds`    | how long the stage took over all starts, or this start of all |
| `stage`      | its name, `student1/train`; null of a run                     |
| `generation` | its generation; null of a run                                 |
| `attempt`    | of a training that ended: how often it returned after a loss  |
|              | that was not finite; else null                                |
| `results`    | what the manifest of the stage says; of a run, its summary,   |
|              | null as long as stages are left                               |
| `error`      | the sentence; null where there is none                        |

A hook that fails, or does not end, is a warning, and the run goes on.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import socket
import sys
import time
from typing import Any

from ns.core import errors


@dataclasses.dataclass
class Outcome:
  """What there is to tell at the end; who works fills it in.

  Attributes:
    results: as of a notice.
    seconds: as of a notice; if None, the time in between.
    is_new: False if there is nothing to tell.
  """
  results: Any = None
  seconds: float | None = None
  is_new: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Notices:
  """Those of one start of a run.

  Attributes:
    hook: an object with `tell`, such as `Command`; None tells nobody.
    work_dir: the run's folder.
  """
  hook: Any
  work_dir: str

  @contextlib.contextmanager
  def of(self, stage=None) -> Iterator[Outcome]:
    """Tells how the block ends, of the stage or, without one, of the run."""
    begin, outcome = time.monotonic(), Outcome()
    kind = 'stage' if stage else 'run'
    try:
      yield outcome
    except (errors.Terminated, KeyboardInterrupt):
      if not stage:
        self._tell('run_stopped', stage, begin, outcome)
      raise
    except Exception as error:
      self._tell(f'{kind}_failed', stage, begin, outcome, error)
      raise
    if outcome.is_new:
      self._tell(f'{kind}_ended', stage, begin, outcome)

  def _tell(self, event, stage, begin, outcome, error=None) -> None:
    if self.hook is None:
      return
    seconds = outcome.seconds
    attempt = outcome.results.get('attempt') if (
        stage and outcome.results) else None
    notice = {
        'event': event, 'work_dir': self.work_dir,
        'host': socket.gethostname(), 'time': time.time(),
        'seconds': time.monotonic() - begin if seconds is None else seconds,
        'stage': stage and stage.name, 'generation': stage and stage.generation,
        'attempt': attempt, 'results': outcome.results,
        'error': None if error is None else (
            str(error) or type(error).__name__)}
    try:
      self.hook.tell(notice)
    except Exception as failure:  # Whatever a team's own hook raises.
      print(f'warning: `SelfTraining.hook` was to be told `{event}`, but: '
            f'{failure}', file=sys.stderr, flush=True)
