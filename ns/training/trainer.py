"""Training of one network, from new weights to its moving average."""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
from typing import Any

from etils import epath

from ns.core import checks
from ns.core import manifest
from ns.core import seeds
from ns.core.runtime import alone
from ns.training import average as average_lib
from ns.training import calls
from ns.training import guard as guard_lib
from ns.training import learning_rate as learning_rate_lib
from ns.training import loss as loss_lib
from ns.training import optimizer as optimizer_lib
from ns.training import selection as selection_lib

PRECISIONS = ('float32', 'mixed_bfloat16')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
  """What is trained, on what and where to.

  Attributes:
    name: for messages, e.g. 'student1/train'.
    build: gives a network with new weights; takes their seed, in [0, 2**31),
      and the keyword `precision` where that is not 'float32'.
    batches: a function of the first step that gives the batches from there,
      each of all replicas of this host: dicts of the features in
      `ns.core.types`. It takes the number of the attempt, too, unless that is
      0.
    labelled_batch: labelled images in a batch.
    batch_size: all images in a batch.
    label_data_sample_prob: with which each labelled image counts in a step.
    num_labelled: labelled images in an epoch, for a learning rate in epochs.
    seed: of this training; its noise and weights derive from it.
    strategy: a `tf.distribute` strategy.
    hosts: those of the strategy, which train together; the chief alone writes.
    folder: for the weights, the checkpoints and the summaries.
    initial_weights: of a network, as `ns.models.weights.save` writes them, to
      start from in place of new weights; the network and its moving average
      both do, as in the reference.
    noise: an input noise to apply on the device, inside the step, to
      `images [batch, height, width, channels] uint8`; the batches have the
      images' seeds then. None where the batches come with their noise.
    accuracy: of a network on the validation set, a function of it; None where
      there is none.
    description: the configuration as text, for TensorBoard.
    teacher: a `StepTeacher` that labels in the step; the batches have
      `teacher_image` then.
    max_broken: how many images of each kind of `ns.training.broken` may be met
      that do not decode, an `ns.mixture.broken.Limit`.
  """
  name: str
  build: Callable[..., Any]
  batches: Callable[..., Any]
  labelled_batch: int
  batch_size: int
  label_data_sample_prob: float = 1.0
  num_labelled: int | None = None
  seed: seeds.Seed
  strategy: Any
  hosts: Any = alone.Alone()
  folder: epath.Path
  initial_weights: epath.Path | None = None
  noise: Any = None
  accuracy: Callable[[Any], float] | None = None
  description: str = ''
  teacher: Any = None
  max_broken: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def counted_labelled(self) -> float:
    """Labelled images of a batch that count, on average."""
    share = self.label_data_sample_prob
    return self.labelled_batch if share == 1 else self.labelled_batch * share


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
  """How a network is trained.

  Attributes:
    num_steps: optimizer steps.
    learning_rate: a schedule of `ns.training.learning_rate`.
    optimizer: of `ns.training.optimizer`.
    loss: what the loss is divided by: `PerLabelled` or `PerImage`.
    weight_decay: factor on half the squared weights; 1e-5 in the reference.
    average: the moving average, which is what the training gives.
    precision: 'float32', or 'mixed_bfloat16': the network computes in bfloat16,
      its weights, statistics, logits and loss stay float32.
    jit_compile: whether XLA compiles the step as a whole, on one device. On a
      CPU that is slow, and shows that a TPU would take the step.
    steps_per_call: steps that the device takes without the host in between,
      which is what a TPU needs. Their batches are in its memory together, and
      checkpoints, summaries and the end are between two calls.
    selection: `BestOnValidation`; None gives the moving average at the end.
    guard: what is done where the training goes wrong.
    checkpoint_every_steps: a killed training loses at most these steps.
    checkpoints_to_keep: a damaged one costs no more while there are others.
    summary_every_steps: steps between two points in TensorBoard, or two lines
      of `metrics.jsonl`.
  """
  num_steps: int
  learning_rate: Any
  optimizer: Any = optimizer_lib.Sgd()
  loss: Any = manifest.added(default=loss_lib.PerLabelled())
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
  needs_weights = False  # To begin with.

  def __post_init__(self):
    check_common(self)
    every = getattr(self.selection, 'every_steps', 1)
    if every > self.num_steps:
      raise ValueError(
          f'`{type(self.selection).__name__}.every_steps` should be at most '
          f'`Training.num_steps` = {self.num_steps}, but is {every}; at the '
          'last step alone there is nothing to choose from.')
    warmup = getattr(self.learning_rate, 'warmup_steps', 0)
    if warmup >= self.num_steps:
      raise ValueError(
          f'`{type(self.learning_rate).__name__}.warmup_steps` should be below '
          f'`Training.num_steps` = {self.num_steps}, but is {warmup}.')

  def check(self, *, model: Any, labelled_batch: float,
            num_labelled: int | None) -> learning_rate_lib.Horizon:
    """What can be known before any training.

    Args:
      model: the architecture.
      labelled_batch: labelled images of a batch that count.
      num_labelled: labelled images in all.

    Returns:
      How long the training is, for its learning rate.

    Raises:
      RunError: the learning rate does not fit that.
    """
    del model
    return checked_horizon(self.learning_rate, self.num_steps, labelled_batch,
                           num_labelled)

  def run(self, job: Job) -> dict[str, Any]:
    """Trains, or goes on training from the last checkpoint in `job.folder`.

    Writes `average.npz`, the moving average at the end or the one selected, and
    `network.npz`, the last weights themselves. The checkpoints are the stage's
    scratch: they go when the stage is committed, and not before.

    Returns:
      See `ns.training.course.run`.

    Raises:
      RunError: the training went wrong, as `guard` says, or something does not
        fit the job.
    """
    from ns.training import course
    horizon = self.check(model=None, labelled_batch=job.counted_labelled,
                         num_labelled=job.num_labelled)
    return course.run(self, job, horizon)


def check_common(how) -> None:
  """Checks the fields that every kind of training has."""
  for name in ('num_steps', 'checkpoint_every_steps', 'checkpoints_to_keep',
               'summary_every_steps'):
    checks.integer(how, name, at_least=1)
  calls.check(how)
  checks.number(how, 'weight_decay', at_least=0)
  checks.has_methods(how, 'learning_rate', 'at')
  checks.has_methods(how, 'optimizer', 'build')
  checks.has_methods(how, 'average', 'update')
  checks.has_methods(how, 'loss', 'images')
  checks.one_of(how, 'precision', PRECISIONS)
  checks.one_of(how, 'jit_compile', (False, True))
  checks.instance(how, 'guard', guard_lib.LossGuard)
  if how.selection is not None:
    checks.instance(how, 'selection', selection_lib.BestOnValidation)
  kind, optimizer = type(how).__name__, type(how.optimizer).__name__
  if how.weight_decay and getattr(how.optimizer, 'weight_decay', 0):
    raise ValueError(
        f'`{kind}.weight_decay` should be 0 with `{optimizer}`, which decays '
        f'the weights itself, but is {how.weight_decay}; bind 0 to one of '
        f'`{kind}.weight_decay` and `{optimizer}.weight_decay`.')


def checked_horizon(schedule, num_steps: int, labelled_batch: float,
                    num_labelled: int | None) -> learning_rate_lib.Horizon:
  """The horizon, when the schedule has found that it fits."""
  horizon = learning_rate_lib.Horizon(
      num_steps=num_steps, labelled_batch=labelled_batch,
      num_labelled=num_labelled)
  if hasattr(schedule, 'check'):
    schedule.check(horizon)
  return horizon
