"""Learning rates as pure functions of the step, in plain Python.

A schedule offers `at(step, horizon) -> float`; step 0 is the first. It may
offer `check(horizon)`, which raises a `RunError` where it does not fit, and
`warmup(horizon) -> int`, the steps in which the rate rises.
"""

import dataclasses
import math

from ns.core import checks
from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Horizon:
  """How long a training is: what a schedule in epochs or shares counts with.

  Attributes:
    num_steps: of the whole schedule.
    labelled_batch: labelled images of a batch that count; whole unless they do
      by chance (`label_data_sample_prob`).
    num_labelled: labelled images in an epoch; None where nobody counted them.
  """
  num_steps: int
  labelled_batch: float
  num_labelled: int | None = None

  @property
  def steps_per_epoch(self) -> float:
    """Steps in which each labelled image is seen once; rarely whole."""
    if self.num_labelled is None:
      raise errors.RunError(
          '`Job.num_labelled` should be the number of labelled images, since '
          'the learning rate counts in epochs, but is None.')
    return self.num_labelled / self.labelled_batch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exponential:
  """The reference's: linear warm-up from 0, then a staircase down.

  peak = base_lr * labelled_batch / 256
  rate(step) = peak * step / warmup_steps                       while warming up
  rate(step) = peak * decay_factor**floor(step / decay_steps)       after that
  with warmup_steps = int(warmup_epochs * steps_per_epoch) and
  decay_steps = decay_epochs * train_ratio * steps_per_epoch. The steps of the
  warm-up count for the decay (utils.py, `build_learning_rate`). Everything is
  in epochs of the labelled images, so the same values serve every batch size:
  0.128 at a labelled batch of 2,048, as in the paper (section 3.2).

  Attributes:
    base_lr: the peak at a labelled batch of 256.
    decay_factor: of each stair.
    decay_epochs: the length of a stair.
    train_ratio: how many times longer than 350 epochs the training is: it
      stretches the stairs and not the warm-up; 2 in the paper up to B4.
    warmup_epochs: the length of the warm-up.
    staircase: whether the rate stays the same over a stair.
    final_base_lr: the rate, at a labelled batch of 256, towards the end: as
      long before the last step as the warm-up takes. It decides the length of a
      stair, in place of `decay_epochs` and `train_ratio` (main.py; 2e-4 for
      SVHN).
  """
  base_lr: float = 0.016
  decay_factor: float = 0.97
  decay_epochs: float = 2.4
  train_ratio: float = 1.0
  warmup_epochs: float = 5.0
  staircase: bool = True
  final_base_lr: float | None = None

  def __post_init__(self):
    checks.number(self, 'base_lr', above=0)
    checks.number(self, 'decay_factor', above=0, below=1)
    checks.number(self, 'decay_epochs', above=0)
    checks.number(self, 'train_ratio', above=0)
    checks.number(self, 'warmup_epochs', at_least=0)
    checks.one_of(self, 'staircase', (False, True))
    if self.final_base_lr is not None:
      checks.number(self, 'final_base_lr', above=0, below=self.base_lr)

  def at(self, step: int, horizon: Horizon) -> float:
    epoch = horizon.steps_per_epoch
    peak = self.base_lr * horizon.labelled_batch / 256
    warmup_steps = self.warmup(horizon)
    if step < warmup_steps:
      return peak * step / warmup_steps
    stairs = step / (self._stair(horizon) * epoch)
    return peak * self.decay_factor**(
        math.floor(stairs) if self.staircase else stairs)

  def warmup(self, horizon: Horizon) -> int:
    return int(self.warmup_epochs * horizon.steps_per_epoch)

  def check(self, horizon: Horizon) -> None:
    """Raises a `RunError` if the training ends before the warm-up."""
    epochs = horizon.num_steps / horizon.steps_per_epoch
    if self.warmup_epochs >= epochs:
      raise errors.RunError(
          f'`Exponential.warmup_epochs` should be below the {epochs:.4g} '
          f'epochs of the training ({horizon.num_steps:,} steps of '
          f'{horizon.labelled_batch:,} of {horizon.num_labelled:,} labelled '
          f'images), but is {self.warmup_epochs:g}; bind a smaller one, or '
          'train longer.')

  def _stair(self, horizon: Horizon) -> float:
    """The length of a stair in epochs."""
    if self.final_base_lr is None:
      return self.decay_epochs * self.train_ratio
    epochs = horizon.num_steps / horizon.steps_per_epoch - self.warmup_epochs
    return epochs * math.log(self.decay_factor) / math.log(
        self.final_base_lr / self.base_lr)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cosine:
  """Linear warm-up from 0, then half a cosine down to 0.

  rate(step) = peak * step / warmup_steps                       while warming up
  rate(step) = peak * (1 + cos(pi * t)) / 2    after that, where
  t = (step - warmup_steps) / (num_steps - warmup_steps)
  (the cosine: arXiv 1608.03983, equation 5, without restarts).

  Attributes:
    peak: the rate at the end of the warm-up.
    warmup_steps: steps of the warm-up.
  """
  peak: float
  warmup_steps: int = 0

  def __post_init__(self):
    checks.number(self, 'peak', above=0)
    checks.integer(self, 'warmup_steps', at_least=0)

  def at(self, step: int, horizon: Horizon) -> float:
    if step < self.warmup_steps:
      return self.peak * step / self.warmup_steps
    if step >= horizon.num_steps:
      return 0.0
    progress = (step - self.warmup_steps) / (
        horizon.num_steps - self.warmup_steps)
    return self.peak * (1 + math.cos(math.pi * progress)) / 2

  def warmup(self, horizon: Horizon) -> int:
    del horizon
    return self.warmup_steps


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant:
  """The same rate at every step.

  Attributes:
    rate: the rate.
  """
  rate: float

  def __post_init__(self):
    checks.number(self, 'rate', above=0)

  def at(self, step: int, horizon: Horizon) -> float:
    del step, horizon
    return self.rate
