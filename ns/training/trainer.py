"""Training of one network, from new weights to its moving average."""

from collections.abc import Callable
import dataclasses
import math
import time
from typing import Any

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import manifest
from ns.core import progress
from ns.core import seeds
from ns.training import average as average_lib
from ns.training import optimizer as optimizer_lib


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
  """What is trained, on what and where to.

  Attributes:
    name: for messages, e.g. 'student1/train'.
    build: gives a network with new weights; takes their seed, in [0, 2**31).
    batches: a function of the first step that gives the batches from there.
    labelled_batch: labelled images in a batch: the loss is divided by it.
    batch_size: all images in a batch.
    seed: of this training; its noise and weights derive from it.
    strategy: a `tf.distribute` strategy.
    folder: for the weights, the checkpoints and the summaries.
  """
  name: str
  build: Callable[[int], Any]
  batches: Callable[[int], Any]
  labelled_batch: int
  batch_size: int
  seed: seeds.Seed
  strategy: Any
  folder: epath.Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
  """How a network is trained.

  Attributes:
    num_steps: optimizer steps.
    learning_rate: a schedule of `ns.training.learning_rate`.
    optimizer: of `ns.training.optimizer`.
    weight_decay: factor on half the squared weights; 1e-5 in the reference.
    average: the moving average, which is what the training gives.
    checkpoint_every_steps: a killed training loses at most these steps.
    summary_every_steps: steps between two points in TensorBoard.
  """
  num_steps: int
  learning_rate: Any
  optimizer: Any = optimizer_lib.Sgd()
  weight_decay: float = 1e-5
  average: Any = average_lib.MovingAverage()
  checkpoint_every_steps: int = manifest.execution(default=250)
  summary_every_steps: int = manifest.execution(default=100)

  def __post_init__(self):
    for name in ('num_steps', 'checkpoint_every_steps', 'summary_every_steps'):
      checks.integer(self, name, at_least=1)
    checks.number(self, 'weight_decay', at_least=0)
    checks.has_methods(self, 'learning_rate', 'at')
    checks.has_methods(self, 'optimizer', 'build')
    checks.has_methods(self, 'average', 'update')
    warmup = getattr(self.learning_rate, 'warmup_steps', 0)
    if warmup >= self.num_steps:
      raise ValueError(
          f'`{type(self.learning_rate).__name__}.warmup_steps` should be below '
          f'`Training.num_steps` = {self.num_steps}, but is {warmup}.')

  def run(self, job: Job) -> dict[str, Any]:
    """Trains, or goes on training from the last checkpoint in `job.folder`.

    Writes `average.npz`, the moving average, and `network.npz`, the weights
    themselves. The checkpoints are the stage's scratch: they go when the stage
    is committed, and not before.

    Returns:
      The last metrics, and `seconds` of all starts together.

    Raises:
      RunError: the loss or a weight is no longer a finite number.
    """
    from ns.models import weights
    from ns.training import checkpoint
    from ns.training import summaries
    from ns.training import train_step

    state = train_step.State.create(self, job)
    take_step = train_step.compiled(self, job, state)
    checkpoints = checkpoint.Checkpoints(
        job.folder / manifest.SCRATCH / 'checkpoints', state)
    first, seconds_before = checkpoints.restore()
    start = time.monotonic()
    seconds = lambda: seconds_before + time.monotonic() - start

    batches = iter(job.batches(first))
    recent, metrics = [], {}
    with (progress.Progress(job.name, self.num_steps, 'steps', first) as shown,
          summaries.Writer(job.folder / manifest.SUMMARIES) as writer):
      for step in range(first, self.num_steps):
        rate = self.learning_rate.at(step, self.num_steps)
        recent.append(take_step(next(batches), step, rate))
        done = step + 1
        is_last = done == self.num_steps
        saves = done % self.checkpoint_every_steps == 0 and not is_last
        # Before a checkpoint, too: a bad state is never saved, and who goes on
        # from there reports the same as who was not stopped.
        if done % self.summary_every_steps == 0 or saves or is_last:
          metrics = {name: float(sum(m[name] for m in recent)) / len(recent)
                     for name in recent[0]}
          _check_finite(job, done, metrics['loss'],
                        state.average if saves or is_last else None)
          metrics['images_per_second'] = (
              (done - first) * job.batch_size / (time.monotonic() - start))
          writer.write(done, {**metrics, 'learning_rate': rate})
          recent.clear()
        if saves:
          checkpoints.save(done, seconds())
        shown.advance(1, f'loss {metrics["loss"]:.3f}' if metrics else '')

    weights.save(state.network, job.folder / 'network.npz')
    weights.save(state.average, job.folder / 'average.npz')
    return {**metrics, 'seconds': seconds()}


def _check_finite(job: Job, step: int, loss: float, average) -> None:
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
