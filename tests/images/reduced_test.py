"""Grey images for comparing, against PIL."""

import numpy as np
import pytest

from ns.images import reduced
from tests.images import samples


@pytest.mark.parametrize('size, at_least, ratio', [
    ((224, 224), 28, 8), ((300, 225), 28, 8), ((160, 120), 28, 4),
    ((101, 90), 28, 2), ((40, 30), 28, 1), ((10, 12), 28, 1),
    ((224, 224), 29, 4)])
def test_a_jpeg_is_as_small_as_it_may_be(size, at_least, ratio):
  width, height = size
  picture = samples.photograph(*size)
  found, = reduced.grey([samples.encoded(picture, 'JPEG', quality=95)],
                        at_least)
  assert (found.height, found.width) == (height / ratio, width / ratio)
  rows, columns = -(-height // ratio), -(-width // ratio)
  assert found.pixels.shape == (rows, columns)
  assert found.pixels.dtype == np.uint8
  # A reduced pixel is the average over its square, as libjpeg fills it up.
  whole = np.pad(np.asarray(picture.convert('L'), float),
                 [(0, rows * ratio - height), (0, columns * ratio - width)],
                 'edge')
  small = whole.reshape(rows, ratio, columns, ratio).mean((1, 3))
  apart = abs(found.pixels - small)
  assert apart.mean() < 3 and apart.max() < 20


def test_the_size_of_a_jpeg_is_read_whatever_is_before_it():
  picture = samples.photograph(300, 240)
  data = samples.encoded(picture, 'JPEG', comment=b'x' * 5000, dpi=(300, 300),
                         progressive=True)
  # Any number of 0xff may fill up before a marker.
  filled = data[:2] + b'\xff\xff' + data[2:]
  for image in data, filled:
    found, = reduced.grey([image], 28)
    assert (found.height, found.width) == (30, 37.5)


@pytest.mark.parametrize('kind', ['PNG', 'BMP', 'WEBP', 'GIF'])
def test_other_formats_are_whole(kind):
  picture = samples.photograph(100, 90)
  data = samples.encoded(picture, kind)
  found, = reduced.grey([data], 28)
  expected = np.asarray(samples.opened(data).convert('RGB').convert('L'), int)
  assert (found.height, found.width) == (90, 100)
  np.testing.assert_allclose(found.pixels.astype(int), expected, atol=2)


def test_a_jpeg_of_four_colours():
  data = samples.encoded(samples.photograph(64, 64).convert('CMYK'), 'JPEG',
                         quality=95)
  found, = reduced.grey([data], 28)
  expected = np.asarray(samples.opened(data).convert('L'), int)
  assert found.pixels.shape == (64, 64)
  assert abs(found.pixels - expected).mean() < 4


def test_broken_ones_are_none_among_others():
  broken = samples.broken()
  good = samples.encoded(samples.photograph(64, 64), 'PNG')
  found = reduced.grey([good, *broken.values(), good], 28)
  assert [image is None for image in found[1:-1]] == [True] * len(broken)
  assert found[0].height == found[-1].width == 64
  assert all(reduced.pixels(image) is None for image in broken.values())


@pytest.mark.parametrize('mode, channels', [('RGB', 3), ('L', 1)])
def test_pixels_are_all_of_them(mode, channels):
  picture = samples.photograph(30, 20).convert(mode)
  found = reduced.pixels(samples.encoded(picture, 'PNG'))
  np.testing.assert_array_equal(
      found, np.asarray(picture).reshape(20, 30, channels))


def test_pixels_of_a_jpeg_are_those_of_other_programs():
  data = samples.encoded(samples.photograph(50, 40), 'JPEG')
  np.testing.assert_array_equal(reduced.pixels(data),
                                np.asarray(samples.opened(data)))
