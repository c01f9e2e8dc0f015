"""Small charts as pictures: histograms, bars, matrices; with Pillow alone."""

from collections.abc import Mapping
from collections.abc import Sequence
import math

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

# Pixels.
_LEFT, _TOP, _BELOW, _RIGHT = 64, 44, 40, 14
_FONT, _SMALL = 14, 11
_INK, _PALE, _GRID, _PAPER = (
    (20, 20, 20), (95, 95, 95), (228, 228, 228), (255, 255, 255))
# Of series in order: light to dark, so that one within another is seen.
_COLOURS = ((188, 203, 226), (107, 142, 196), (38, 66, 120), (221, 132, 82))
_MARK = (196, 78, 82)
_CELL = 34


def histogram(title: str, edges: np.ndarray,
              series: Mapping[str, np.ndarray], marks: Sequence[float] = (),
              width: int = 640, height: int = 240) -> Image.Image:
  """Counts in bins; a series lies before the one that comes before it.

  Args:
    title: above it.
    edges: [bins + 1], ascending.
    series: counts [bins] by name; each a part of the one before.
    marks: values where a line stands.
    width, height: of the plot, without what is around it.
  """
  picture, drawing = _paper(title, width, height)
  most = max(1, *(int(counts.max(initial=0)) for counts in series.values()))
  scale = _axis(drawing, most, width, height)
  at = lambda value: _LEFT + round(
      width * (value - edges[0]) / (edges[-1] - edges[0]))
  for colour, counts in zip(_COLOURS, series.values()):
    for low, high, count in zip(edges, edges[1:], counts):
      if count:
        drawing.rectangle((at(low) + 1, scale(count), at(high) - 1,
                           _TOP + height), colour)
  for mark in marks:
    drawing.line((at(mark), _TOP, at(mark), _TOP + height), _MARK, 2)
  for tenth in range(0, 11, 2):
    value = edges[0] + (edges[-1] - edges[0]) * tenth / 10
    drawing.text((at(value), _TOP + height + 4), f'{value:g}', _PALE,
                 _font(_SMALL), 'ma')
  _legend(drawing, list(series), height)
  return picture


def bars(title: str, names: Sequence[str], series: Mapping[str, np.ndarray],
         height: int = 240) -> Image.Image:
  """A group of bars for each name; above 60 names, steps by rank.

  Args:
    title: above it.
    names: [groups].
    series: values [groups] by name.
    height: of the plot.
  """
  groups = len(names)
  ranked = groups > 60
  width = 900 if ranked else max(360, groups * (12 * len(series) + 14))
  picture, drawing = _paper(
      title + (', each line from most to least' if ranked else ''), width,
      height, _BELOW + (0 if ranked else 54))
  most = max(1, *(int(np.max(values, initial=0)) for values in series.values()))
  scale = _axis(drawing, most, width, height)
  step = width / groups
  for number, (colour, values) in enumerate(zip(_COLOURS, series.values())):
    if ranked:
      points = [(_LEFT + round(step * (place + 0.5)), scale(value)) for
                place, value in enumerate(np.sort(values)[::-1])]
      drawing.line(points, colour, 3)
      continue
    bar = (step - 8) / len(series)
    for place, value in enumerate(values):
      left = _LEFT + round(step * place + 4 + bar * number)
      if value:
        drawing.rectangle((left, scale(value), left + round(bar) - 1,
                           _TOP + height), colour)
  if not ranked:
    for place, name in enumerate(names):
      _slanted(picture, name, _LEFT + round(step * (place + 0.5)),
               _TOP + height + 4)
  _legend(drawing, list(series), height + (0 if ranked else 54))
  return picture


def matrix(title: str, values: np.ndarray, names: Sequence[str], rows: str,
           columns: str, note: str = '') -> Image.Image:
  """Shares of rows as shades, with percentages where there is room.

  Args:
    title: above it.
    values: [classes, classes] counts.
    names: [classes].
    rows, columns: what they are.
    note: below the title.
  """
  count = len(names)
  side = _CELL if count <= 24 else max(1, 760 // count)
  label = 118
  width = side * count
  # Room for the last name, which leans to the right.
  picture = Image.new('RGB', (max(label + width + 90, 560),
                              150 + width + 30), _PAPER)
  drawing = ImageDraw.Draw(picture)
  drawing.text((8, 8), title, _INK, _font(_FONT))
  drawing.text((8, 28), note, _PALE, _font(_SMALL))
  drawing.text((8, 48), f'rows: {rows}; columns: {columns}', _PALE,
               _font(_SMALL))
  top = 140
  shares = values / np.maximum(values.sum(axis=1, keepdims=True), 1)
  # The root, so that few are seen too.
  shades = 255 + (np.array(_COLOURS[2]) - 255) * np.sqrt(
      shares)[..., np.newaxis]
  picture.paste(Image.fromarray(shades.round().astype(np.uint8)).resize(
      (width, width), Image.Resampling.NEAREST), (label, top))
  for row in range(count):
    for column in range(count) if side >= 24 else ():
      share = float(shares[row, column])
      if share >= 0.005:
        drawing.text((label + side * column + side // 2,
                      top + side * row + side // 2),
                     f'{100 * share:.0f}', _PAPER if share > 0.3 else _INK,
                     _font(_SMALL), 'mm')
    if side >= 10:
      drawing.text((label - 6, top + side * row + side // 2),
                   names[row][:16], _INK, _font(_SMALL), 'rm')
  if side >= 10:
    for column, name in enumerate(names):
      _slanted(picture, name, label + side * column + side // 2, top - 4,
               upwards=True)
  drawing.rectangle((label, top, label + width - 1, top + width - 1),
                    outline=_GRID)
  return picture


def stacked(pictures: Sequence[Image.Image], columns: int = 1) -> Image.Image:
  """Pictures in rows of some, on one sheet."""
  width = max(picture.width for picture in pictures)
  rows = [pictures[i:i + columns] for i in range(0, len(pictures), columns)]
  heights = [max(picture.height for picture in row) for row in rows]
  sheet = Image.new('RGB', (width * min(columns, len(pictures)), sum(heights)),
                    _PAPER)
  top = 0
  for row, height in zip(rows, heights):
    for place, picture in enumerate(row):
      sheet.paste(picture, (width * place, top))
    top += height
  return sheet


def _paper(title, width, height, below=_BELOW):
  picture = Image.new(
      'RGB', (_LEFT + width + _RIGHT, _TOP + height + below), _PAPER)
  drawing = ImageDraw.Draw(picture)
  drawing.text((8, 10), title, _INK, _font(_FONT))
  return picture, drawing


def _axis(drawing, most: int, width: int, height: int):
  """Draws the axis of counts; gives their height in the picture."""
  step = 10 ** math.floor(math.log10(most))
  step = next(step * part for part in (0.2, 0.5, 1, 2)
              if most / (step * part) <= 6)
  step = max(1, round(step))
  scale = lambda count: _TOP + height - round(height * count / most)
  for tick in range(0, most + 1, step):
    drawing.line((_LEFT, scale(tick), _LEFT + width, scale(tick)), _GRID)
    drawing.text((_LEFT - 6, scale(tick)), f'{tick:,}', _PALE, _font(_SMALL),
                 'rm')
  return scale


def _legend(drawing, names: Sequence[str], height: int) -> None:
  left, top = _LEFT, _TOP + height + 22
  for colour, name in zip(_COLOURS, names):
    drawing.rectangle((left, top, left + 10, top + 10), colour)
    drawing.text((left + 15, top + 5), name, _PALE, _font(_SMALL), 'lm')
    left += 34 + round(_font(_SMALL).getlength(name))


def _slanted(picture, words: str, x: int, y: int, upwards: bool = False
             ) -> None:
  """Words that rise to the right: up from (x, y), or down to it."""
  words = words[:14]
  font = _font(_SMALL)
  strip = Image.new('RGBA', (round(font.getlength(words)) + 2, 14))
  ImageDraw.Draw(strip).text((1, 0), words, _INK, font)
  turned = strip.rotate(45, expand=True, resample=Image.Resampling.BICUBIC)
  place = ((x - 6, y - turned.height) if upwards
           else (x - turned.width + 6, y))
  picture.paste(turned, place, turned)


def _font(size: int):
  return ImageFont.load_default(size)
