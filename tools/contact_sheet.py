"""A contact sheet: rows of small pictures with words beside and below them."""

from collections.abc import Sequence
import dataclasses

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

# Pixels. Small pictures are enlarged by a whole number, so that a pixel stays a
# square; large ones are reduced.
_CELL = 96
_LABEL = 140
_GAP = 6
_LINE = 15
_FONT = 12
# The paper is neither white nor the grey that comes in from outside an image.
_INK, _PALE, _PAPER = (0, 0, 0), (80, 80, 80), (222, 226, 230)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
  """One row.

  Attributes:
    label: what it shows, left of it.
    images: [count, height, width, 1 or 3] uint8.
    captions: words below each picture, if any.
  """
  label: str
  images: np.ndarray
  captions: Sequence[str] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
  """Rows under a heading.

  Attributes:
    heading: of the section.
    rows: the rows, or none.
    note: a sentence below the heading, if any.
  """
  heading: str
  rows: Sequence[Row] = ()
  note: str = ''


def draw(title: str, sections: Sequence[Section]) -> Image.Image:
  """The sheet.

  Args:
    title: one line or several.
    sections: from top to bottom.

  Returns:
    An RGB picture, as large as it has to be.
  """
  blocks = list(_blocks(title, sections))
  width = max(block.width for block in blocks) + 2 * _GAP
  height = sum(block.height + _GAP for block in blocks) + _GAP
  sheet = Image.new('RGB', (width, height), _PAPER)
  top = _GAP
  for block in blocks:
    sheet.paste(block, (_GAP, top))
    top += block.height + _GAP
  return sheet


def _blocks(title, sections):
  """The pictures that the sheet has one below the other."""
  yield _text(title.splitlines(), _FONT + 2)
  for section in sections:
    yield _text(['', section.heading], _FONT + 2)
    if section.note:
      yield _text([section.note], _FONT, _PALE)
    for row in section.rows:
      yield _row(row)


def _text(lines, size, ink=_INK) -> Image.Image:
  font = ImageFont.load_default(size)
  width = max(int(font.getlength(line)) for line in lines) + 1
  block = Image.new('RGB', (width, (_LINE + 2) * len(lines)), _PAPER)
  for number, line in enumerate(lines):
    ImageDraw.Draw(block).text((0, (_LINE + 2) * number), line, ink, font)
  return block


def _row(row: Row) -> Image.Image:
  pictures = [_cell(image) for image in row.images]
  step = max([_CELL, *(picture.width for picture in pictures)]) + _GAP
  lines = max([0, *(caption.count('\n') + 1 for caption in row.captions)])
  below = (_LINE + 2) * lines  # With room for the tails of letters.
  height = max(picture.height for picture in pictures)
  block = Image.new(
      'RGB', (_LABEL + step * len(pictures), height + below), _PAPER)
  drawing = ImageDraw.Draw(block)
  font = ImageFont.load_default(_FONT)
  drawing.text((0, 0), row.label, _INK, font)
  for number, picture in enumerate(pictures):
    block.paste(picture, (_LABEL + step * number, 0))
  for number, caption in enumerate(row.captions):
    drawing.text((_LABEL + step * number, height), caption, _PALE, font)
  return block


def _cell(image: np.ndarray) -> Image.Image:
  """An image at the size of a cell, or close to it."""
  grey = image.shape[-1] == 1
  picture = Image.fromarray(image[..., 0] if grey else image).convert('RGB')
  longest = max(picture.size)
  if longest > _CELL:
    picture.thumbnail((_CELL, _CELL))
    return picture
  times = max(1, _CELL // longest)
  return picture.resize((picture.width * times, picture.height * times),
                        Image.Resampling.NEAREST)
