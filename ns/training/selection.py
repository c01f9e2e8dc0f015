"""Which weights of its course a training gives."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class BestOnValidation:
  """The moving average that was best on the validation set.

  Its accuracy is measured at every so many steps, and at the last one; of equal
  ones the first is taken. That accuracy is of the best of several, so it is
  higher than on other images; a test set is never looked at.

  Attributes:
    every_steps: how often.
  """
  every_steps: int

  def __post_init__(self):
    checks.integer(self, 'every_steps', at_least=1)
