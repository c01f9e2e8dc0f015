"""Fingerprints, against the cosine transform of SciPy."""

import numpy as np
import pytest
from scipy import fft

from ns.mixture import fingerprints
from tests.support import planted


def greys(count, size=(40, 50), seed=0):
  return np.stack([np.asarray(planted.photograph(seed + i, size).convert('L'))
                   for i in range(count)])


def test_they_are_of_the_lowest_frequencies():
  frequencies = fingerprints.FREQUENCIES
  assert frequencies.shape == (64, 2)
  lengths = np.hypot(*frequencies.T)
  others = [np.hypot(u, v) for u in range(28) for v in range(28)
            if [u, v] not in frequencies.tolist() + [[0, 0]]]
  assert 0 < lengths.min() and lengths.max() <= min(others)


@pytest.mark.parametrize('size', [(28, 28), (40, 50), (9, 33), (5, 7)])
def test_a_fingerprint_is_a_weighted_cosine_transform(size):
  images = greys(3, size)
  found = fingerprints.of(images)
  np.testing.assert_allclose(np.linalg.norm(found.waves, axis=1), 1, rtol=1e-5)
  for image, waves in zip(images,
                          found.waves * found.contrasts[:, np.newaxis]):
    # Amplitudes: SciPy's are doubled sums, one factor of two an axis. A pixel
    # is an average, which flattens a wave.
    transform = fft.dctn(image.astype(float), type=2) / image.size
    for (u, v), wave in zip(fingerprints.FREQUENCIES, waves):
      expected = 0
      if u < size[0] and v < size[1]:
        expected = transform[u, v] * np.hypot(u, v)
        for frequency, pixels in (u, size[0]), (v, size[1]):
          angle = np.pi * frequency / pixels / 2
          expected *= angle / np.sin(angle) if frequency else 0.5
      assert wave == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize('size, ratio', [
    ((160, 160), 4), ((154, 158), 4), ((225, 250), 8)])
def test_it_is_the_same_of_averages_over_squares(size, ratio):
  image = greys(1, size)[0].astype(float)
  height, width = size
  rows, columns = -(-height // ratio), -(-width // ratio)
  padded = np.pad(image, [(0, rows * ratio - height),
                          (0, columns * ratio - width)], constant_values=np.nan)
  small = np.nanmean(padded.reshape(rows, ratio, columns, ratio), (1, 3))
  whole = fingerprints.of(image[np.newaxis])
  found = fingerprints.of(small[np.newaxis], height / ratio, width / ratio)
  assert whole.differences(found)[0] < 0.03
  # It would not be, without what the last row and column lack.
  if rows * ratio > height:
    without = fingerprints.of(small[np.newaxis])
    assert whole.differences(without)[0] > 0.06


def test_a_wave_has_its_amplitude_whatever_the_size():
  wave = lambda n: 100 + 30 * np.diff(
      np.sin(5 * np.pi * np.arange(n + 1) / n)) * n / (5 * np.pi)
  place = fingerprints.FREQUENCIES.tolist().index([0, 5])
  for n in 12, 28, 300:
    found = fingerprints.of(np.tile(wave(n), [1, 20, 1]))
    assert found.waves[0, place] == pytest.approx(1, rel=1e-4)
    assert found.contrasts[0] == pytest.approx(30 * 5, rel=1e-4)


def test_hashes_are_the_signs():
  found = fingerprints.of(greys(4))
  for number, waves in zip(found.hashes.tolist(), found.waves):
    assert [number >> bit & 1 for bit in range(64)] == [
        int(wave > 0) for wave in waves]


def test_those_of_mirrored_images():
  images = greys(4)
  found, expected = (fingerprints.of(images).mirrored,
                     fingerprints.of(images[:, :, ::-1]))
  np.testing.assert_allclose(found.waves, expected.waves, atol=1e-5)
  np.testing.assert_array_equal(found.hashes, expected.hashes)


def test_differences_are_of_the_angle_between_waves():
  found, others = (fingerprints.of(greys(3, seed=seed)) for seed in (0, 10))
  cosines = np.sum(found.waves.astype(float) * others.waves, 1)
  np.testing.assert_allclose(found.differences(others),
                             np.sqrt(2 - 2 * cosines), rtol=1e-4)
  assert found.differences(found).tolist() == [0, 0, 0]
  assert (found.differences(others) > 1).all()


def test_brightness_and_contrast_make_no_difference():
  images = greys(3).astype(float)
  found = fingerprints.of(images)
  for factor, more in (1, 40), (0.3, 0), (1.4, -60):
    other = fingerprints.of(factor * images + more)
    assert found.differences(other).max() < 1e-4
    np.testing.assert_allclose(other.contrasts, factor * found.contrasts,
                               rtol=1e-4)


def test_images_of_several_sizes():
  images = [*greys(2), *greys(2, (30, 30)), *greys(1)]
  found = fingerprints.of_all([
      (images[i], *images[i].shape) for i in (0, 2, 1, 3, 4)])
  for place, image in enumerate((0, 2, 1, 3, 4)):
    alone = fingerprints.of(images[image][np.newaxis])
    np.testing.assert_allclose(found.waves[place], alone.waves[0], atol=1e-5)
  assert len(fingerprints.of_all([])) == 0
  joined = fingerprints.joined([found[:2], found[2:]])
  np.testing.assert_array_equal(joined.waves, found.waves)
  assert len(fingerprints.joined([])) == 0


def test_images_without_anything_on_them_are_flat():
  rng = np.random.default_rng(0)
  even = np.full([28, 28], 250)
  faint = even - rng.integers(0, 3, even.shape)
  stripe = even.copy()
  stripe[:, :4] = 200
  found = fingerprints.of(np.stack([even, faint, stripe, greys(1, (28, 28))[0]]))
  assert found.are_flat.tolist() == [True, True, False, False]
