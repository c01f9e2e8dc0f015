"""A reliability diagram as a picture: how right answers of a confidence are.

A panel for each table of reliability (`ns.objective.calibration`). A bar goes
from confidence to confidence of its bin, up to the share of right answers; what
lies between that and the mean confidence is hatched, above the bar where the
answers are too sure and within it where they are not sure enough. On the
diagonal both are the same. Below are the shares of the answers that are in each
bin. Drawn with Pillow alone.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from etils import epath
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont

from ns.core import files

# Pixels.
_SIDE, _SHARES, _MARGIN, _GAP = 320, 80, 64, 26
_HEAD = 78
_FONT, _SMALL = 15, 12
_INK, _PALE, _GRID, _PAPER = (
    (20, 20, 20), (95, 95, 95), (226, 226, 226), (255, 255, 255))
_RIGHT, _LIGHT = (76, 114, 176), (188, 203, 226)
_TOO_SURE, _TOO_SHY = (196, 78, 82), (214, 110, 40)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
  """One table.

  Attributes:
    heading: above it.
    note: below the heading.
    rows: of the table, as of `Reliability.rows`.
  """
  heading: str
  note: str
  rows: Sequence[Mapping[str, Any]]


def write(title: str, panels: Sequence[Panel], path: epath.PathLike) -> None:
  """Writes the panels, beside each other, as a PNG; it is there when whole."""
  with files.written_aside(path) as aside, files.opened(aside, 'wb') as file:
    draw(title, panels).save(file, format='PNG')


def draw(title: str, panels: Sequence[Panel]) -> Image.Image:
  """The panels as a picture."""
  each = _SIDE + _MARGIN + _GAP
  below = _SIDE + _SHARES + _GAP + 48
  picture = Image.new(
      'RGB', (each * len(panels) + _GAP, _HEAD + below + 34), _PAPER)
  drawing = ImageDraw.Draw(picture)
  drawing.text((_GAP, 12), title, _INK, _font(_FONT + 2))
  for number, panel in enumerate(panels):
    _draw(picture, panel, _MARGIN + each * number, _HEAD)
  _legend(drawing, _MARGIN, _HEAD + below + 4)
  return picture


def _draw(picture, panel, left: int, top: int) -> None:
  drawing = ImageDraw.Draw(picture)
  bottom, right = top + _SIDE, left + _SIDE
  drawing.text((left, top - 40), panel.heading, _INK, _font(_FONT))
  drawing.text((left, top - 20), panel.note, _PALE, _font(_SMALL))
  floor = bottom + _GAP + _SHARES
  for tenth in range(0, 11, 2):
    x = left + _SIDE * tenth // 10
    y = bottom - _SIDE * tenth // 10
    drawing.line((x, top, x, bottom), _GRID)
    drawing.line((left, y, right, y), _GRID)
    drawing.text((x, floor + 4), f'{tenth / 10:g}', _PALE, _font(_SMALL), 'ma')
    drawing.text((left - 6, y), f'{tenth / 10:g}', _PALE, _font(_SMALL), 'rm')
  answers = max(1, sum(row['count'] for row in panel.rows))
  most = max(1, *(row['count'] for row in panel.rows)) / answers
  for row in panel.rows:
    if not row['count']:
      continue
    low = left + round(_SIDE * row['from']) + 1
    high = left + round(_SIDE * row['to']) - 1
    level = lambda share: bottom - round(_SIDE * min(1.0, share))
    drawing.rectangle((low, level(row['accuracy']), high, bottom), _RIGHT)
    _gap(drawing, low, high, level(row['confidence']), level(row['accuracy']))
    share = round(_SHARES * row['count'] / answers / most)
    drawing.rectangle((low, floor - max(1, share), high, floor), _PALE)
  drawing.line((left, bottom, right, top), _INK)
  drawing.rectangle((left, top, right, bottom), outline=_PALE)
  drawing.line((left, floor, right, floor), _PALE)
  drawing.text((left - 6, floor - _SHARES), f'{100 * most:.0f} %', _PALE,
               _font(_SMALL), 'rm')
  drawing.text((left - 6, floor), '0', _PALE, _font(_SMALL), 'rm')
  drawing.text((left + _SIDE // 2, floor + 22), 'confidence', _PALE,
               _font(_SMALL), 'ma')
  _upright(picture, 'share of right answers', left - 46, top, _SIDE)
  _upright(picture, 'answers', left - 46, floor - _SHARES, _SHARES)


def _gap(drawing, low, high, sure, right) -> None:
  """Hatches what is between mean confidence and accuracy, as y of both."""
  if sure == right:
    return
  colour = _TOO_SURE if sure < right else _TOO_SHY
  first, last = min(sure, right), max(sure, right)
  drawing.rectangle((low, first, high, last),
                    _PAPER if sure < right else _LIGHT)
  for y in range(first, last + 1, 3):
    drawing.line((low, y, high, y), colour)
  drawing.line((low, sure, high, sure), colour, 2)


def _legend(drawing, left: int, top: int) -> None:
  for colour, words in (
      (_RIGHT, 'right answers'), (_TOO_SURE, 'too sure, up to the confidence'),
      (_TOO_SHY, 'not sure enough, from the confidence on')):
    drawing.rectangle((left, top, left + 11, top + 11), colour)
    drawing.text((left + 17, top + 6), words, _PALE, _font(_SMALL), 'lm')
    left += 50 + round(_font(_SMALL).getlength(words))


def _upright(picture, words: str, left: int, top: int, height: int) -> None:
  """Words from below upwards, in the middle of `height`."""
  font = _font(_SMALL)
  width = round(font.getlength(words)) + 2
  strip = Image.new('RGB', (width, 16), _PAPER)
  ImageDraw.Draw(strip).text((1, 0), words, _PALE, font)
  picture.paste(strip.rotate(90, expand=True),
                (left, top + (height - width) // 2))


def _font(size: int):
  return ImageFont.load_default(size)
