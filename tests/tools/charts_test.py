import numpy as np

from tools import charts

# Where plots begin, and the colours of series.
LEFT, TOP = 64, 44
LIGHT, MIDDLE, DARK = (188, 203, 226), (107, 142, 196), (38, 66, 120)


def share_of(pixels, colour):
  """Of the rows of a column of pixels that have a colour."""
  return (pixels == colour).all(axis=-1).mean()


def test_a_histogram_is_as_high_as_its_counts():
  picture = charts.histogram(
      'h', np.linspace(0, 1, 5), {'all': np.array([40, 20, 0, 4]),
                                  'some': np.array([10, 20, 0, 0])},
      width=400, height=200)
  plot = np.array(picture)[TOP:TOP + 200, LEFT:LEFT + 400]
  for place, (all_, some) in enumerate([(40, 10), (20, 20), (0, 0), (4, 0)]):
    column = plot[:, place * 100 + 50]
    assert abs(share_of(column, MIDDLE) - some / 40) < 0.02
    assert abs(share_of(column, LIGHT) - (all_ - some) / 40) < 0.02


def test_marks_stand_at_their_values():
  picture = charts.histogram('h', np.linspace(0, 1, 3), {'all': np.array(
      [1, 1])}, marks=[0.25], width=400)
  assert share_of(np.array(picture)[TOP:TOP + 240, LEFT + 100],
                  (196, 78, 82)) == 1


def test_bars_are_as_high_as_their_values():
  picture = charts.bars('b', ['x', 'y'], {'a': np.array([8, 2]),
                                          'b': np.array([0, 4])}, height=200)
  plot = np.array(picture)[TOP:TOP + 200]
  highest = lambda colour, part: max(
      share_of(plot[:, place], colour) for place in range(*part))
  middle = LEFT + (picture.width - LEFT - 14) // 2
  assert abs(highest(LIGHT, (LEFT, middle)) - 1) < 0.02
  assert abs(highest(LIGHT, (middle, picture.width)) - 0.25) < 0.02
  assert highest(MIDDLE, (LEFT, middle)) == 0
  assert abs(highest(MIDDLE, (middle, picture.width)) - 0.5) < 0.02


def test_many_bars_become_lines_by_rank():
  values = np.arange(100)[::-1]
  few = np.array(charts.bars('b', list(map(str, range(100))),
                             {'a': np.sort(values)}))
  many = np.array(charts.bars('b', list(map(str, range(100))), {'a': values}))
  np.testing.assert_array_equal(few, many)
  assert (many == LIGHT).all(axis=-1).any()


def test_a_matrix_is_dark_where_most_of_a_row_is():
  counts = np.array([[9, 1, 0], [0, 5, 0], [0, 0, 0]])
  pixels = np.array(charts.matrix('m', counts, ['a', 'b', 'c'], 'r', 'c'))
  # Of cells of 34 pixels, besides what is written in the middle.
  shade = lambda row, column: tuple(
      pixels[140 + 34 * row + 3, 118 + 34 * column + 3])
  assert shade(1, 1) == DARK
  assert shade(0, 2) == shade(2, 2) == (255, 255, 255)
  root = np.sqrt([0.9, 0.1])
  for column in range(2):
    np.testing.assert_allclose(
        shade(0, column), 255 + (np.array(DARK) - 255) * root[column], atol=1)


def test_pictures_on_one_sheet():
  one, other = (charts.histogram('h', np.array([0, 1]), {'a': np.array([1])},
                                 width=width) for width in (100, 200))
  sheet = np.array(charts.stacked([one, other, one], columns=2))
  assert sheet.shape == (2 * one.height, 2 * other.width, 3)
  np.testing.assert_array_equal(
      sheet[:one.height, other.width:], np.array(other))
