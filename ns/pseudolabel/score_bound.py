"""A bound on a score of the predictions, for `Select.bounds`."""

import dataclasses

from ns.core import checks
from ns.pseudolabel import header


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreBound:
  """Images are kept whose score is within the bounds, themselves included.

  Attributes:
    score: a column of the predictions, one of `header.SCORES`: `entropy`,
      `margin` or `energy`.
    at_least, at_most: the bounds, compared in float32, as the scores are; None
      is no bound, and one of them is needed.
  """
  score: str
  at_least: float | None = None
  at_most: float | None = None

  def __post_init__(self):
    checks.one_of(self, 'score', header.SCORES)
    for name in 'at_least', 'at_most':
      if getattr(self, name) is not None:
        checks.number(self, name)
    if self.at_least is None and self.at_most is None:
      raise ValueError('`ScoreBound.at_least` or `at_most` should be given, '
                       'but both are None; leave the bound out.')
    if None not in (self.at_least, self.at_most) and (
        self.at_least > self.at_most):
      raise ValueError(
          '`ScoreBound.at_least` should be at most `at_most` = '
          f'{self.at_most:g}, but is {self.at_least:g}.')

  def within(self, values):
    """[images] bool: which of the scores, [images] float32, are within."""
    kept = values == values  # Not of what is not a number.
    for name in 'at_least', 'at_most':
      bound = getattr(self, name)
      if bound is not None:
        bound = values.dtype.type(bound)
        kept &= values >= bound if name == 'at_least' else values <= bound
    return kept
