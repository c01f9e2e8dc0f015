"""Learning rates as pure functions of the step, in plain Python.

A schedule offers `at(step, num_steps) -> float`; step 0 is the first.
"""

import dataclasses
import math

from ns.core import checks


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

  def at(self, step: int, num_steps: int) -> float:
    if step < self.warmup_steps:
      return self.peak * step / self.warmup_steps
    if step >= num_steps:
      return 0.0
    progress = (step - self.warmup_steps) / (num_steps - self.warmup_steps)
    return self.peak * (1 + math.cos(math.pi * progress)) / 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant:
  """The same rate at every step.

  Attributes:
    rate: the rate.
  """
  rate: float

  def __post_init__(self):
    checks.number(self, 'rate', above=0)

  def at(self, step: int, num_steps: int) -> float:
    del step, num_steps
    return self.rate
