"""Figures for people: aligned columns, numbers and sizes."""

from collections.abc import Collection
from collections.abc import Sequence

_UNITS = (('kB', 1e3), ('MB', 1e6), ('GB', 1e9), ('TB', 1e12), ('PB', 1e15))


def lines(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)
          ) -> list[str]:
  """A line a row: the columns of `left` to the left, the others to the right.

  A column in which nothing but the head is written, in the first row, goes.
  """
  rows = [list(row) for row in rows]
  kept = [index for index, column in enumerate(zip(*rows))
          if index == 0 or any(column[1:]) or len(rows) == 1]
  widths = [max(len(row[index]) for row in rows) for index in kept]
  return ['  '.join(
      row[index].ljust(width) if index in left else row[index].rjust(width)
      for index, width in zip(kept, widths)).rstrip() for row in rows]


def number(value: float) -> str:
  """Three digits of a small number, all of the whole part of a large one."""
  return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def size(count: float) -> str:
  """Bytes: '12 kB', '855 MB', '1.6 GB'."""
  unit, factor = _UNITS[0]
  for name, bound in _UNITS[1:]:
    if count >= bound:
      unit, factor = name, bound
  value = count / factor
  return f'{value:,.0f} {unit}' if value >= 10 else f'{value:.1f} {unit}'
