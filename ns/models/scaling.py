"""Compound scaling: how a family's widths and depths are rounded.

Source: the reference's `efficientnet_model.py`, `round_filters` and
`round_repeats` (arXiv 1905.11946, section 3.3, for the idea).
"""

import math

DIVISOR = 8


def round_filters(filters: int, width: float, divisor: int = DIVISOR) -> int:
  """Filters scaled by `width`, as a multiple of `divisor`.

  Rounds to the nearest multiple, but never below 90 % of the scaled number. A
  width of 1 leaves the filters as they are, whatever they are a multiple of.

  Args:
    filters: the base network's number.
    width: the width coefficient.
    divisor: what the result is a multiple of.

  Returns:
    The scaled number of filters, at least `divisor` where it was scaled.
  """
  if width == 1.0:
    return filters
  scaled = filters * width
  rounded = max(divisor, int(scaled + divisor / 2) // divisor * divisor)
  return rounded + divisor if rounded < 0.9 * scaled else rounded


def round_repeats(repeats: int, depth: float) -> int:
  """Repeats of a block group scaled by `depth`, rounded up."""
  return math.ceil(repeats * depth)
