"""The course of a training: its steps from the first to the last.

`Training` and `FineTune` say how; this takes the steps, and starts again from
the last checkpoint where it was killed.
"""

from collections.abc import Callable
import itertools
import math
import time
from typing import Any

import numpy as np

from ns.core import errors
from ns.core import manifest
from ns.core import progress
from ns.core import termination
from ns.models import weights
from ns.training import calls
from ns.training import checkpoint
from ns.training import host_batches
from ns.training import learning_rate
from ns.training import summaries
from ns.training import train_step


def run(how, job, horizon: learning_rate.Horizon, *, first_of_schedule: int = 0,
        prepare: Callable[[Any], None] = lambda network: None
        ) -> dict[str, Any]:
  """Trains, or goes on training from the last checkpoint in `job.folder`.

  Args:
    how: a `Training` or a `FineTune`: a frozen dataclass with `num_steps`,
      `learning_rate`, `optimizer`, `weight_decay`, `average`, `precision`,
      `jit_compile`, `steps_per_call`, and the two cadences.
    job: a `Job`.
    horizon: of the schedule of the learning rate.
    first_of_schedule: which step of the schedule is the first one taken.
    prepare: as of `train_step.State.create`.

  Returns:
    The last metrics, and `seconds` of all starts together.

  Raises:
    RunError: the loss or a weight is no longer a finite number, or the batch
      or the step does not suit the devices.
    Terminated: that was asked for, and the last step is in a checkpoint.
  """
  train_step.check(how, job)
  state = train_step.State.create(how, job, prepare)
  take_steps = train_step.compiled_steps(how, job, state)
  checkpoints = checkpoint.Checkpoints(
      job.folder / manifest.SCRATCH / 'checkpoints', state)
  first, seconds_before, recent = checkpoints.restore()
  start = time.monotonic()
  seconds = lambda: seconds_before + time.monotonic() - start

  source = host_batches.HostBatches(job.name, job.batches(first))
  batches = iter(source)
  metrics = {}
  with (progress.Progress(job.name, how.num_steps, 'steps', first) as shown,
        summaries.Writer(job.folder / manifest.SUMMARIES) as writer):
    for step, count in calls.divided(
        first, how.num_steps, how.steps_per_call, how.checkpoint_every_steps,
        how.summary_every_steps):
      done = step + count
      rates = [how.learning_rate.at(first_of_schedule + taken, horizon)
               for taken in range(step, done)]
      recent.append(take_steps(list(itertools.islice(batches, count)), step,
                               rates))
      is_last = done == how.num_steps
      ends = termination.is_requested() and not is_last
      saves = ends or (done % how.checkpoint_every_steps == 0 and not is_last)
      if saves or is_last:  # A bad state is never saved.
        recent = _numbers(recent)
        _check_finite(job, done, _mean(recent, 'loss'), state.average)
      if done % how.summary_every_steps == 0 or is_last:
        recent = _numbers(recent)
        metrics = {name: _mean(recent, name) for name in recent[0]}
        _check_finite(job, done, metrics['loss'])
        metrics['images_per_second'] = (
            (done - first) * job.batch_size / (time.monotonic() - start))
        if source.broken:
          metrics['broken_images'] = len(source.broken)
        writer.write(done, {**metrics, 'learning_rate': rates[-1]})
        recent.clear()
      if saves:
        checkpoints.save(done, seconds(), recent)
      if ends:
        raise errors.Terminated
      shown.advance(count, f'loss {metrics["loss"]:.3f}' if metrics else '')

  weights.save(state.network, job.folder / 'network.npz')
  weights.save(state.average, job.folder / 'average.npz')
  return {**metrics, 'seconds': seconds()}


def _numbers(recent) -> list[dict[str, float]]:
  """The metrics of each step of some calls, no longer on the device."""
  return [dict(zip(metrics, values)) for metrics in recent
          for values in zip(*(np.ravel(of_steps).astype(float).tolist()
                              for of_steps in metrics.values()))]


def _mean(recent, name: str) -> float:
  return sum(metrics[name] for metrics in recent) / len(recent)


def _check_finite(job, step: int, loss: float, average=None) -> None:
  bad = '' if math.isfinite(loss) else f'loss of {job.name} is {loss}'
  # The loss is from before the last update, which may have been too much.
  for variable in average.variables if average is not None else ():
    if not bad and not np.isfinite(variable.numpy()).all():
      bad = f'moving average of {job.name} is not finite in `{variable.path}`'
  if bad:
    raise errors.RunError(
        f'The {bad} at step {step}; all earlier stages are kept. Lower the '
        'peak of the learning rate or lengthen its warm-up, remove '
        f'`{job.folder}`, and start again.')
