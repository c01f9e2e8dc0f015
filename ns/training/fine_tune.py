"""Fine-tuning at a larger image size, after training."""

import dataclasses
from typing import Any

from ns.core import checks
from ns.core import errors
from ns.core import manifest
from ns.mixture import batches
from ns.training import average as average_lib
from ns.training import guard as guard_lib
from ns.training import learning_rate as learning_rate_lib
from ns.training import loss as loss_lib
from ns.training import optimizer as optimizer_lib
from ns.training import selection as selection_lib
from ns.training import trainer


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTune:
  """Trains on at a larger image size, on labelled images without input noise.

  Random crops make what is on a training image look larger than on an image to
  be classified; a few steps at a larger size set that right (FixRes,
  arXiv 1906.06423; Noisy Student, arXiv 1911.04252, section 3.2: 1.5 epochs,
  with the shallow layers of the largest networks frozen).

  The steps are the last `num_steps` of a schedule of `schedule_steps`, so the
  same learning rate serves training and fine-tuning (the reference's
  `train_last_step_num`), after its warm-up; a schedule of these steps alone may
  have a warm-up of its own. It starts from the moving average, with a new
  optimizer and a new average, as the reference does from a checkpoint.

  Attributes:
    image_size: height and width of the images, in pixels; at least the model's.
    num_steps: optimizer steps.
    schedule_steps: of the whole schedule of the learning rate, of batches as
      large as here.
    learning_rate: a schedule of `ns.training.learning_rate`.
    labelled_batch: images in a batch.
    frozen_blocks: the stem and so many first blocks stay as they are, their
      statistics too; None freezes nothing, 0 the stem alone.
    label_smoothing: of the labels; 0.1 in the reference (main.py).
    shuffle_buffer: as of `mixture.Labelled`.
    optimizer, weight_decay, average, precision, jit_compile, steps_per_call,
      selection, guard, checkpoint_every_steps, checkpoints_to_keep,
      summary_every_steps: as of `Training`.
  """
  image_size: int
  num_steps: int
  schedule_steps: int
  learning_rate: Any
  labelled_batch: int
  frozen_blocks: int | None = None
  label_smoothing: float = 0.1
  shuffle_buffer: int = 16384
  optimizer: Any = optimizer_lib.Sgd()
  weight_decay: float = 1e-5
  average: Any = average_lib.MovingAverage()
  precision: str = 'float32'
  jit_compile: bool = manifest.execution(default=False)
  steps_per_call: int = manifest.execution(default=1)
  selection: selection_lib.BestOnValidation | None = manifest.added(None)
  guard: guard_lib.LossGuard = manifest.execution(default=guard_lib.LossGuard())
  checkpoint_every_steps: int = manifest.execution(default=250)
  checkpoints_to_keep: int = manifest.execution(default=2)
  summary_every_steps: int = manifest.execution(default=100)
  needs_weights = True
  loss = loss_lib.PerLabelled()  # There are no others.

  def __post_init__(self):
    trainer.check_common(self)
    for name in ('image_size', 'labelled_batch', 'shuffle_buffer'):
      checks.integer(self, name, at_least=1)
    checks.integer(self, 'schedule_steps', at_least=self.num_steps)
    if self.frozen_blocks is not None:
      checks.integer(self, 'frozen_blocks', at_least=0)
    checks.number(self, 'label_smoothing', at_least=0, below=1)

  @property
  def mixture(self) -> batches.Labelled:
    """What its batches are made of."""
    return batches.Labelled(
        labelled_batch=self.labelled_batch, shuffle_buffer=self.shuffle_buffer,
        label_smoothing=self.label_smoothing)

  def check(self, *, model: Any, labelled_batch: int,
            num_labelled: int) -> learning_rate_lib.Horizon:
    """What can be known before any training.

    Args:
      model: the architecture.
      labelled_batch: labelled images in a batch.
      num_labelled: labelled images in all.

    Returns:
      How long the schedule of the learning rate is.

    Raises:
      RunError: the learning rate does not fit that, the images are smaller than
        those of the training, or the network cannot freeze so many blocks.
    """
    size = getattr(model, 'image_size', 0)
    if self.image_size < size:
      raise errors.RunError(
          f'`FineTune.image_size` should be at least {size}, the `image_size` '
          f'of the model, but is {self.image_size}.')
    if self.frozen_blocks is not None and not getattr(
        model, 'can_freeze', True):
      raise errors.RunError(
          '`FineTune.frozen_blocks` should be None for '
          f'`{type(model).__name__}`, whose networks have no '
          f'`freeze(blocks)`, but is {self.frozen_blocks}.')
    blocks = getattr(model, 'blocks', None)
    if (self.frozen_blocks is not None and isinstance(blocks, (list, tuple))
        and self.frozen_blocks > len(blocks)):
      raise errors.RunError(
          f'`FineTune.frozen_blocks` should be at most {len(blocks)}, the '
          f'blocks of the model, but is {self.frozen_blocks}.')
    horizon = trainer.checked_horizon(self.learning_rate, self.schedule_steps,
                                      labelled_batch, num_labelled)
    self._check_warmup(horizon)
    return horizon

  def _check_warmup(self, horizon: learning_rate_lib.Horizon) -> None:
    """The warm-up is over by then, or all of it is a part of the fine-tuning.
    """
    if not hasattr(self.learning_rate, 'warmup'):
      return
    first = self.schedule_steps - self.num_steps
    warmup = self.learning_rate.warmup(horizon)
    if warmup > first and (first or warmup >= self.num_steps):
      raise errors.RunError(
          f'`FineTune.schedule_steps` should be at least '
          f'{warmup + self.num_steps:,}, since the warm-up of '
          f'`{type(self.learning_rate).__name__}` takes {warmup:,} steps and '
          f'the last {self.num_steps:,} are taken here, but is '
          f'{self.schedule_steps:,}; bind the steps of the whole schedule, or '
          'a shorter warm-up.')

  def run(self, job: trainer.Job) -> dict[str, Any]:
    """Fine-tunes `job.initial_weights`, or goes on from the last checkpoint.

    Args:
      job: `build` gives a network for images of `image_size`, `batches` those
        of `mixture` at that size.

    Returns, raises, and writes: as `Training.run`.
    """
    from ns.training import course
    if job.initial_weights is None:
      raise errors.RunError(
          '`Job.initial_weights` should be the weights of a trained network '
          f'for {job.name}, but is None; fine-tuning follows training.')
    horizon = self.check(model=None, labelled_batch=job.labelled_batch,
                         num_labelled=job.num_labelled)
    return course.run(
        self, job, horizon, prepare=self._freeze,
        first_of_schedule=self.schedule_steps - self.num_steps)

  def _freeze(self, network) -> None:
    if self.frozen_blocks is None:
      return
    if not callable(getattr(network, 'freeze', None)):
      raise errors.RunError(
          '`FineTune.frozen_blocks` should be None for a network without '
          f'`freeze(blocks)` such as {type(network).__name__}, but is '
          f'{self.frozen_blocks}.')
    network.freeze(self.frozen_blocks)
