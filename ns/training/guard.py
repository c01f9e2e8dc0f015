"""What a bad course of a training is, and what is done about it."""

from collections.abc import Iterable
import dataclasses
import math
from typing import Any

from ns.core import checks
from ns.core import errors


class BadCourse(Exception):
  """The course of a training is bad; its text says what is.

  Attributes:
    step: after how many steps that was seen.
  """

  def __init__(self, what: str, step: int):
    super().__init__(what)
    self.step = step


@dataclasses.dataclass(frozen=True, kw_only=True)
class LossGuard:
  """Ends a training that goes wrong, or lets it return to a good checkpoint.

  A loss or a weight that is no finite number is bad, and so is a loss above a
  bound. Training looks before each summary and each checkpoint, so no bad state
  is kept. What it returns to is the last checkpoint of its cadence. From there
  it goes on as another attempt, with seeds of its own: other images, other
  noise. Attempt 0 is as if there were no others.

  It enters no fingerprint: a training that ended may go on with more attempts.
  The attempt that a result is of is among the results.

  Attributes:
    attempts: how many there are in all; 1 ends the training where it goes
      wrong.
    max_loss: the largest loss of a step that is good; None for any number. The
      loss of a mixture is that of labelled images plus ratio times that of
      pseudo-labelled ones.
  """
  attempts: int = 1
  max_loss: float | None = None

  def __post_init__(self):
    checks.integer(self, 'attempts', at_least=1)
    if self.max_loss is not None:
      checks.number(self, 'max_loss', above=0)

  def look(self, name: str, step: int, losses: Iterable[float],
           variables: Iterable[Any] = ()) -> None:
    """Looks at how a training stands.

    Args:
      name: of the training.
      step: how many steps were taken.
      losses: of the last of them.
      variables: the weights to look at.

    Raises:
      BadCourse: something is bad.
    """
    import numpy as np
    losses = list(losses)
    mean = sum(losses) / len(losses) if losses else 0.0
    if not math.isfinite(mean):
      raise BadCourse(f'loss of {name} is {mean} at step {step}', step)
    if self.max_loss is not None and losses and max(losses) > self.max_loss:
      raise BadCourse(
          f'loss of {name} is {max(losses):g} before step {step}, above '
          f'`LossGuard.max_loss` = {self.max_loss:g}', step)
    # A loss is from before its update, which may have been too much.
    for variable in variables:
      if not np.isfinite(variable.numpy()).all():
        raise BadCourse(f'moving average of {name} is not finite in '
                        f'`{variable.path}` at step {step}', step)

  def used_up(self, bad: BadCourse, folder: Any) -> errors.RunError:
    """What is wrong in the last attempt, and the ways on."""
    slower = 'lower the peak of the learning rate or lengthen its warm-up'
    if self.attempts == 1:
      return errors.RunError(
          f'The {bad}; all earlier stages are kept. {slower.capitalize()}, '
          f'remove `{folder}`, and start again.')
    return errors.RunError(
        f'The {bad}, in the last of the {self.attempts} attempts that '
        '`LossGuard.attempts` allows; all earlier stages are kept. Bind more '
        'and start again, which goes on from the last good checkpoint; or '
        f'{slower}, remove `{folder}`, and start again.')
