"""The reference's rounding, by another route and by its published widths."""

import fractions
import math

import pytest

from ns.models import scaling

# width, depth, stem, head and blocks of b0 to b8 and l2. The coefficients are of
# efficientnet_builder.py, the rest is what its networks have.
FAMILY = [
    (1.0, 1.0, 32, 1280, 16), (1.0, 1.1, 32, 1280, 23),
    (1.1, 1.2, 32, 1408, 23), (1.2, 1.4, 40, 1536, 26),
    (1.4, 1.8, 48, 1792, 32), (1.6, 2.2, 48, 2048, 39),
    (1.8, 2.6, 56, 2304, 45), (2.0, 3.1, 64, 2560, 55),
    (2.2, 3.6, 72, 2816, 61), (4.3, 5.3, 136, 5504, 88),
]


@pytest.mark.parametrize('width, depth, stem, head, blocks', FAMILY)
def test_the_published_family(width, depth, stem, head, blocks):
  assert scaling.round_filters(32, width) == stem
  assert scaling.round_filters(1280, width) == head
  repeats = (1, 2, 2, 3, 3, 4, 1)
  assert sum(scaling.round_repeats(r, depth) for r in repeats) == blocks


def nearest(filters, width, divisor):
  """The nearest multiple, the upper of two; the next if 10 % is lost."""
  scaled = filters * fractions.Fraction(width)
  multiples = range(divisor, int(scaled) + 2 * divisor, divisor)
  best = min(multiples, key=lambda m: (abs(m - scaled), -m))
  return best if best >= fractions.Fraction(9, 10) * scaled else best + divisor


@pytest.mark.parametrize('divisor', [4, 8, 16])
def test_filters_are_the_nearest_multiple_that_loses_little(divisor):
  # Eighths, which floating point holds exactly.
  for eighths in range(1, 48):
    if eighths == 8:
      continue
    for filters in range(1, 70, 3):
      assert scaling.round_filters(filters, eighths / 8, divisor) == (
          nearest(filters, eighths / 8, divisor))


@pytest.mark.parametrize('filters, width, rounded', [
    (1, 0.1, 8),  # never below the divisor
    (24, 0.5, 16),  # 12: half-way goes up
    (8, 1.4, 16),  # 11.2: 8 would lose more than 10 %
    (20, 0.89, 24),  # 17.8: 16 would lose just more than 10 %
    (20, 0.88, 16),  # 17.6: 16 loses just less
])
def test_filters_worked_by_hand(filters, width, rounded):
  assert scaling.round_filters(filters, width) == rounded


def test_a_width_of_one_leaves_filters_alone():
  assert [scaling.round_filters(f, 1.0) for f in (1, 4, 12, 32)] == [
      1, 4, 12, 32]


def test_repeats_round_up():
  assert [scaling.round_repeats(3, d) for d in (0.1, 1, 1.01, 4 / 3, 2.5)] == [
      1, 3, 4, 4, 8]
  for repeats in range(1, 9):
    for eighths in range(1, 50):
      made = scaling.round_repeats(repeats, eighths / 8)
      assert made == math.ceil(fractions.Fraction(repeats * eighths, 8))
