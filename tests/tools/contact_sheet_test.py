"""A contact sheet: what is where on it."""

import numpy as np

from tools import contact_sheet


def pictures(count, side, channels=3):
  rng = np.random.default_rng(side)
  return rng.integers(0, 256, (count, side, side, channels)).astype(np.uint8)


def draw(*rows, note=''):
  return np.asarray(contact_sheet.draw('Title', [contact_sheet.Section(
      heading='Heading', rows=rows, note=note)]))


def find(sheet, picture):
  """Where on the sheet `picture` is, pixel for pixel: (row, column)."""
  height, width, _ = picture.shape
  corners = np.argwhere((sheet == picture[0, 0]).all(-1))
  return [(int(y), int(x)) for y, x in corners
          if np.array_equal(sheet[y:y + height, x:x + width], picture)]


def test_small_images_are_enlarged_by_a_whole_number():
  colour, grey = pictures(2, 28), pictures(1, 20, channels=1)
  sheet = draw(contact_sheet.Row(label='colour', images=colour),
               contact_sheet.Row(label='grey', images=grey))
  places = [find(sheet, np.kron(image, np.ones([times, times, 1], np.uint8)))
            for image, times in ((colour[0], 3), (colour[1], 3),
                                 (np.tile(grey[0], 3), 4))]
  (first,), (second,), (below,) = places
  assert first[0] == second[0] and first[1] < second[1]
  assert below[0] > first[0] and below[1] == first[1]


def test_large_images_are_reduced():
  images = np.zeros([3, 224, 120, 3], np.uint8)
  images[...] = [250, 3, 7]
  sheet = draw(contact_sheet.Row(label='large', images=images))
  red = (sheet == [250, 3, 7]).all(-1)
  # 96 high, and as wide as that makes them.
  assert red.any(1).sum() == 96
  assert red.any(0).sum() == 3 * round(120 * 96 / 224)


def test_captions_notes_and_labels_have_their_place():
  row = contact_sheet.Row(label='label', images=pictures(2, 28))
  plain = draw(row)
  captions = contact_sheet.Row(
      label='label', images=row.images, captions=['one\nline', 'two'])
  assert draw(captions).shape[0] > draw(contact_sheet.Row(
      label='label', images=row.images, captions=['one', 'two'])).shape[0]
  assert draw(row, note='A note.').shape[0] > plain.shape[0]
  other = contact_sheet.Row(label='other', images=row.images)
  differs = (draw(other) != plain).any((0, 2))
  # The label is left of the pictures.
  left = min(x for _, x in find(plain, np.kron(
      row.images[0], np.ones([3, 3, 1], np.uint8))))
  assert differs.any() and not differs[left:].any()


def test_a_sheet_without_rows():
  assert draw().ndim == 3
