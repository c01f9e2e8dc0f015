"""What the bench of the input feeds, and what it reports."""

import io

import numpy as np
from PIL import Image

from ns import noise
from tools.bench import noise_input


def test_files_are_like_photographs():
  first, second = noise_input.jpegs(2)
  assert first != second and noise_input.jpegs(1) == [first]
  image = Image.open(io.BytesIO(first))
  assert image.format == 'JPEG' and image.size == (500, 375)
  assert 40_000 < len(first) < 160_000
  light = np.asarray(image.convert('L'), float)
  assert 80 < light.mean() < 170 and light.std() > 25
  # Neighbours are alike, places far apart are not.
  alike = lambda one, other: np.corrcoef(one.ravel(), other.ravel())[0, 1]
  assert alike(light[:, 1:], light[:, :-1]) > 0.7
  assert abs(alike(light[:, 250:], light[:, :250])) < 0.5


def test_both_inputs_make_batches():
  files = noise_input.jpegs(2)
  pixels, weights = next(iter(noise_input.whole(files, noise.Off())))
  assert pixels.shape == (128, 224, 224, 3) and pixels.dtype == np.uint8
  np.testing.assert_array_equal(weights, np.ones(128))
  values = next(iter(noise_input.stock(files)))
  assert values.shape == (128, 224, 224, 3) and values.dtype == np.float32
  # The same images in other windows: the same light on the whole.
  assert abs(pixels.numpy().mean() - values.numpy().mean()) < 6


def test_figures(monkeypatch):
  monkeypatch.setattr(noise_input, '_BATCH', 4)
  figures = noise_input.measure(0.01, 1)
  assert list(figures) == [
      'input_images_per_second',
      'stock_input_without_randaugment_images_per_second', 'input_ratio',
      'input_images_per_second_per_core',
      'stock_input_without_randaugment_images_per_second_per_core',
      'input_ratio_per_core']
  values = list(figures.values())
  for ours, stock, ratio in (values[:3], values[3:]):
    assert ours > 0 and abs(ratio - ours / stock) < 1e-9


def test_a_rate_of_one_core_is_by_its_time(monkeypatch):
  clock = iter(range(100))
  monkeypatch.setattr(noise_input.time, 'perf_counter', lambda: next(clock))
  cores = iter((10, 16))
  monkeypatch.setattr(noise_input.time, 'process_time', lambda: next(cores))
  # Started at 0, asked at 1, 2, 3 and 4: two batches of 128 in 4 seconds, and
  # in 6 of the cores.
  assert noise_input._rate(range(100), 3) == (2 * 128 / 4, 2 * 128 / 6)
