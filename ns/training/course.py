"""The course of a training: its steps from the first to the last.

`Training` and `FineTune` say how; this takes the steps, starts again from the
last checkpoint where it was killed, and goes back to one where it went wrong.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

from ns.core import errors
from ns.core import manifest
from ns.core import termination
from ns.models import weights
from ns.training import best as best_lib
from ns.training import broken as broken_lib
from ns.training import calls
from ns.training import checkpoint
from ns.training import clock as clock_lib
from ns.training import guard
from ns.training import host_batches
from ns.training import learning_rate
from ns.training import recent as recent_lib
from ns.training import sight
from ns.training import train_step


def run(how, job, horizon: learning_rate.Horizon, *, first_of_schedule: int = 0,
        prepare: Callable[[Any], None] = lambda network: None
        ) -> dict[str, Any]:
  """Trains, or goes on training from the last checkpoint in `job.folder`.

  Args:
    how: a `Training` or a `FineTune`: a frozen dataclass with what
      `ns.training.trainer.check_common` checks.
    job: a `Job`.
    horizon: of the schedule of the learning rate.
    first_of_schedule: which step of the schedule is the first one taken.
    prepare: as of `train_step.State.create`.

  Returns:
    The last metrics; `attempt` and, if that is not 0, `returns`, why there were
    others; `best_step` and `validation_accuracy` where the best is selected;
    `seconds` of all starts together.

  Raises:
    RunError: the course is bad, in the last attempt; or the batch or the step
      does not suit the devices.
    Terminated: that was asked for, and the last step is in a checkpoint.
  """
  train_step.check(how, job)
  if how.selection and job.accuracy is None:
    raise errors.RunError(
        f'`{type(how).__name__}.selection` measures on validation images, of '
        f'which {job.name} has none; leave it out, or bind a division of the '
        'data that has some.')
  rate = lambda step: how.learning_rate.at(first_of_schedule + step, horizon)
  return _Course(how, job, rate, prepare).run()


class _Course:
  """A training under way."""

  def __init__(self, how, job, rate, prepare):
    self._how, self._job, self._rate = how, job, rate
    self._state = train_step.State.create(how, job, prepare)
    self._best = best_lib.Best(self._state.average) if how.selection else None
    self._checkpoints = checkpoint.Checkpoints(
        job.folder / manifest.SCRATCH / 'checkpoints', self._state,
        how.checkpoints_to_keep,
        {'best': self._best.variables} if self._best else None)
    self._place = self._agreed(self._checkpoints.restore())
    self._seconds_before = self._place.seconds
    self._clock = clock_lib.Clock()

  def run(self) -> dict[str, Any]:
    """Takes all steps that are left, and writes the weights."""
    is_chief = self._job.hosts.is_chief
    if (self._how.guard.attempts > 1 and is_chief
        and self._checkpoints.is_empty):
      self._checkpoints.save(self._place)  # To have one to return to.
    show = sight.Sight if is_chief else sight.Unseen
    with show(self._job, self._how.num_steps, self._place.step) as seen:
      while True:
        try:
          metrics = self._take_steps(seen)
          break
        except guard.BadCourse as bad:
          self._go_back(seen, bad)
    place = self._place
    if self._best:
      self._best.give(self._state.average)
      metrics.update(best_step=place.best['step'],
                     validation_accuracy=place.best['accuracy'])
    if is_chief:
      for name in 'network', 'average':
        weights.save(getattr(self._state, name),
                     self._job.folder / f'{name}.npz')
    if place.attempt:
      metrics['returns'] = list(place.returns)
    metrics.update(broken_lib.results(self._job, place.broken))
    return {**metrics, **self._clock.whole(), 'seconds': self._seconds()}

  def _take_steps(self, seen: sight.Sight) -> dict[str, float]:
    """The steps of one attempt; gives the last metrics."""
    how, clock, first = self._how, self._clock, self._place.step
    hosts = self._job.hosts
    job, batches = self._of_attempt()
    source = host_batches.HostBatches(job.name, batches)
    feed = calls.Feed(
        iter(source), (call.count for call in calls.of_training(how, first)),
        is_ahead=how.steps_per_call > 1)
    broken = broken_lib.Broken(job, self._place.broken)
    take_steps = train_step.compiled_steps(how, job, self._state)
    recent = recent_lib.Recent(self._place.recent)
    metrics, known = {}, set()
    for call in calls.of_training(how, first):
      rates = [self._rate(step) for step in range(call.first, call.done)]
      clock.lap(clock_lib.REST)
      clock.mark()
      inputs, lost = zip(*feed.take())
      clock.lap(clock_lib.INPUT)
      if call.first == first:
        seen.first_batch(inputs[0])
      is_probe = call.count > 1 and recent.is_read
      recent.append(take_steps(inputs, call.first, rates))
      ends = hosts.any(termination.is_requested()) and not call.is_last
      if call.is_looked_at or ends or is_probe:
        recent.read()
      clock.lap(clock_lib.STEP, call.count * job.batch_size, is_probe)
      if not known:  # The step was compiled, and maybe the input started.
        clock.restart()
      elif call.count not in known:
        clock.forget()
      known.add(call.count)
      for images in lost:
        broken.meet(images)

      measured = {}
      if call.saves or ends or call.sums_up:
        self._place = dataclasses.replace(
            self._place, broken=broken.agreed(call.done))
      if call.is_looked_at or ends:
        self._look(call, recent, is_kept=(
            call.saves or ends or call.selects or call.is_last))
      if call.selects:
        measured = {'validation_accuracy': self._measure(call.done)}
        clock.skip()
      if call.sums_up:
        metrics = recent.sum_up()
        if self._place.broken:
          metrics['broken_images'] = sum(map(len, self._place.broken.values()))
        measured = {**metrics, **measured, **clock.window(),
                    'learning_rate': rates[-1]}
      if measured:
        seen.summary(call.done, self._state.network, {
            **measured, 'attempt': self._place.attempt,
            'seconds': self._seconds()}, is_last=call.is_last)
      if call.saves or ends:
        self._place = dataclasses.replace(
            self._place, step=call.done, recent=recent.read())
        self._save(ends=not call.saves)
      if ends:
        raise errors.Terminated
      seen.advance(call.count)
    clock.lap(clock_lib.REST)
    return {**metrics, 'attempt': self._place.attempt}

  def _of_attempt(self):
    """The job with the seeds of this attempt, and its batches."""
    job, place = self._job, self._place
    if not place.attempt:
      return job, job.batches(place.step)
    return (dataclasses.replace(job, seed=job.seed.of_attempt(place.attempt)),
            job.batches(place.step, place.attempt))

  def _look(self, call: calls.Call, recent: recent_lib.Recent,
            is_kept: bool) -> None:
    """Looks whether all is well; a bad state is never kept."""
    self._how.guard.look(
        self._job.name, call.done, [step['loss'] for step in recent.read()],
        self._state.average.variables if is_kept else ())

  def _measure(self, done: int) -> float:
    """Accuracy on validation; keeps the weights if they are the best."""
    accuracy = self._job.accuracy(self._state.average)
    # As the chief finds it: other hosts may round otherwise.
    hosts, best = self._job.hosts, self._place.best
    if hosts.any(hosts.is_chief and (
        not best or accuracy > best['accuracy'])):
      self._best.take(self._state.average)
      self._place = dataclasses.replace(
          self._place, best={'step': done, 'accuracy': accuracy})
    return accuracy

  def _save(self, ends: bool) -> None:
    if self._job.hosts.is_chief:
      self._checkpoints.save(
          dataclasses.replace(self._place, seconds=self._seconds()), ends)
    if ends:
      self._job.hosts.meet()  # It is there before any of them ends.

  def _agreed(self, place: checkpoint.Position) -> checkpoint.Position:
    """What this host has read, if all have read the same."""
    self._job.hosts.check_same(
        f'The last checkpoint in `{self._job.folder}`',
        f'{place.attempt} {place.step}')
    return place

  def _go_back(self, seen: sight.Sight, bad: guard.BadCourse) -> None:
    """Returns to the last checkpoint, for another attempt if there is one."""
    place = self._place
    if place.attempt + 1 >= self._how.guard.attempts:
      raise self._how.guard.used_up(bad, self._job.folder) from bad
    back = self._agreed(self._checkpoints.go_back())
    returns = [*place.returns, {'step': bad.step, 'reason': str(bad),
                                'returned_to': back.step}]
    self._place = dataclasses.replace(
        back, attempt=place.attempt + 1, returns=returns)
    self._save(ends=False)
    seen.go_back(back.step, str(bad))

  def _seconds(self) -> float:
    return self._seconds_before + self._clock.seconds
