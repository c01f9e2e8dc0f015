import io

from PIL import Image
import pytest

from ns.mixture import image_check
from tests.support import photos


@pytest.mark.parametrize('kind', photos.FORMATS)
def test_a_whole_image_is_no_problem(kind):
  assert image_check.problem(photos.encoded(1, 2, kind)) is None


@pytest.mark.parametrize('mode', ['L', 'LA', 'P', 'RGBA', 'CMYK', 'I;16'])
def test_images_of_all_modes(mode):
  buffer = io.BytesIO()
  Image.new(mode, (7, 9)).save(buffer, 'JPEG' if mode == 'CMYK' else 'PNG')
  assert image_check.problem(buffer.getvalue()) is None


@pytest.mark.parametrize('kind', photos.FORMATS)
@pytest.mark.parametrize('part', [0.1, 0.5, 0.9])
def test_an_image_that_is_cut_short(kind, part):
  whole = photos.encoded(1, 2, kind, size=(64, 64))
  assert image_check.problem(whole[:int(len(whole) * part)]) == (
      'does not decode')


@pytest.mark.parametrize('content', [b'', b'text', b'\xff\xd8\xff\xe0',
                                     b'<html></html>'])
def test_no_image(content):
  assert image_check.problem(content) == 'does not decode'
