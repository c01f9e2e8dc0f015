import numpy as np
from PIL import Image

from ns.objective import calibration
from ns.pseudolabel import reliability_diagram

# Where the first panel's square of 320 pixels lies.
LEFT, TOP, SIDE = 64, 78, 320
BLUE = (76, 114, 176)


def panel(confidences, right, bins=5):
  return reliability_diagram.Panel(
      heading='before', note='', rows=calibration.reliability(
          np.array(confidences), np.array(right), bins).rows())


def column(picture, confidence, panels_before=0):
  """Pixels from the floor of a panel upwards, at a confidence."""
  left = LEFT + panels_before * (SIDE + 64 + 26)
  pixels = np.array(picture)
  return pixels[TOP:TOP + SIDE, left + round(SIDE * confidence)][::-1]


def is_blue(pixels):
  return (pixels == BLUE).all(axis=-1)


def test_bars_are_as_high_as_answers_are_right():
  # Of four answers of 0.9 one is right, of two of 0.5 both.
  picture = reliability_diagram.draw('all', [panel(
      [0.9] * 4 + [0.5] * 2, [1, 0, 0, 0, 1, 1])] * 2)
  for number in range(2):
    sure, shy = column(picture, 0.85, number), column(picture, 0.45, number)
    assert is_blue(sure[4:SIDE // 4 - 4]).all()
    assert not is_blue(sure[SIDE // 4 + 2:]).any()
    # Hatched in red up to the confidence, white above.
    gap = sure[SIDE // 4 + 2:round(0.9 * SIDE) - 2]
    assert ((gap == (196, 78, 82)).all(axis=-1)).sum() > len(gap) / 4
    # The diagonal goes through it.
    assert (~is_blue(shy[4:SIDE // 2 - 4])).sum() <= 2
    assert ((shy[SIDE // 2 + 2:] == (214, 110, 40)).all(axis=-1)).sum() > (
        SIDE / 2 / 4)
    # No answers, no bar.
    assert not is_blue(column(picture, 0.15, number)).any()


def test_it_is_written_as_a_png(tmp_path):
  rows = [panel([0.5], [True]), panel([], [])]
  reliability_diagram.write('t', rows, tmp_path / 'a.png')
  with Image.open(tmp_path / 'a.png') as written:
    np.testing.assert_array_equal(
        np.array(written), np.array(reliability_diagram.draw('t', rows)))
