"""The whole training input beside what stock TensorFlow makes without noise.

Both read the same JPEGs of 375 x 500 pixels, as ImageNet's are on average, take
an Inception crop to 224 x 224, mirror half of them and make batches of 128. The
stock input is what a page of TensorFlow has (`decode_and_crop_jpeg`,
`ResizeBicubic`, `random_flip_left_right`); ours also applies RandAugment.
`//tools/bench:noise` calls it.
"""

import io
import statistics
import time

import numpy as np
from PIL import Image
import tensorflow as tf

from ns import images
from ns import noise
from ns.core import draws
from ns.core import graphs

_HEIGHT, _WIDTH, _SIZE, _BATCH = 375, 500, 224, 128
_FILES = 64


def measure(seconds: float = 5, rounds: int = 5, *, magnitude: float = 15,
            layers: int = 2) -> dict[str, float]:
  """Images a second of both inputs, in alternation.

  Args:
    seconds: for one measurement of one input.
    rounds: measurements of each.
    magnitude: of RandAugment.
    layers: of RandAugment.

  Returns:
    `input_images_per_second` and
    `stock_input_without_randaugment_images_per_second`, both medians, and
    `input_ratio`, the median of the rounds' ratios, first over second; and the
    same of images a second of one core's time, with `_per_core` behind.
  """
  files = jpegs(_FILES)
  datasets = [whole(files, noise.RandAugment(
      magnitude=magnitude, layers=layers)), stock(files)]
  for dataset in datasets:
    _rate(dataset, 1)  # Traces, and fills the caches.
  rates = [[_rate(dataset, seconds) for dataset in datasets]
           for _ in range(rounds)]
  figures = {}
  for place, unit in enumerate(('', '_per_core')):
    pairs = [(one[place], other[place]) for one, other in rates]
    ours, stocks = map(statistics.median, zip(*pairs, strict=True))
    figures |= {
        f'input_images_per_second{unit}': ours,
        f'stock_input_without_randaugment_images_per_second{unit}': stocks,
        f'input_ratio{unit}': statistics.median(
            one / other for one, other in pairs),
    }
  return figures


def jpegs(count: int, seed: int = 0) -> list[bytes]:
  """JPEG files with the spectrum of photographs, and edges.

  The amplitudes of a photograph fall as the inverse of the frequency; colours
  differ less than brightness. A file has some 110 kB, as ImageNet's have.

  Args:
    count: of files.
    seed: of what is on them.
  """
  generator = np.random.default_rng(seed)
  return [_jpeg(generator) for _ in range(count)]


def whole(files: list[bytes], augmentation) -> tf.data.Dataset:
  """Endless batches of our training input.

  Args:
    files: encoded images.
    augmentation: an input noise.
  """
  crop = images.InceptionCrop()
  files = tf.constant(files)

  def one(index):
    seed = draws.members(tf.constant(1, tf.int64), index)
    pixels, is_good = crop.apply(files[index % len(files)], _SIZE, 3, seed)
    return pixels, tf.cast(is_good, tf.float32), seed

  def noisy(pixels, weights, seeds):
    return augmentation.apply(pixels, seeds), weights

  examples = graphs.mapped(
      tf.data.Dataset.range(2**40), one, num_parallel_calls=tf.data.AUTOTUNE,
      deterministic=True)
  return graphs.mapped(
      examples.batch(_BATCH, drop_remainder=True), noisy,
      num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def stock(files: list[bytes]) -> tf.data.Dataset:
  """Endless batches of the input that stock ops make, without RandAugment.

  Args:
    files: encoded images.
  """
  files = tf.constant(files)
  box = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])

  def one(index):
    file = files[index % len(files)]
    begin, extent, _ = tf.image.sample_distorted_bounding_box(
        tf.io.extract_jpeg_shape(file), box, seed=1, min_object_covered=0.1,
        aspect_ratio_range=(3 / 4, 4 / 3), area_range=(0.08, 1.0),
        max_attempts=10)
    window = tf.concat([begin[:2], extent[:2]], 0)
    pixels = tf.io.decode_and_crop_jpeg(file, window, channels=3)
    pixels = tf.raw_ops.ResizeBicubic(
        images=pixels[tf.newaxis], size=[_SIZE, _SIZE])[0]
    return tf.image.random_flip_left_right(pixels)

  return tf.data.Dataset.range(2**40).map(
      one, num_parallel_calls=tf.data.AUTOTUNE).batch(
          _BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _jpeg(generator):
  rows = np.fft.fftfreq(_HEIGHT)[:, np.newaxis]
  columns = np.fft.rfftfreq(_WIDTH)
  frequency = np.maximum(np.hypot(rows, columns), 1 / _WIDTH)
  planes = []
  for spread in (50, 15, 15):  # Brightness, and two differences of colour.
    phase = generator.normal(size=(2, *frequency.shape))
    plane = np.fft.irfft2((phase[0] + 1j * phase[1]) / frequency,
                          (_HEIGHT, _WIDTH))
    planes.append(plane / plane.std() * spread)
  grid = np.mgrid[:_HEIGHT, :_WIDTH]
  for _ in range(6):  # Discs before the background: photographs have edges.
    middle = generator.uniform((0, 0), (_HEIGHT, _WIDTH))
    radius = generator.uniform(15, 90)
    inside = ((grid - middle[:, np.newaxis, np.newaxis])**2).sum(0) < radius**2
    for plane, spread in zip(planes, (40, 20, 20), strict=True):
      plane[inside] = plane[inside] * 0.5 + generator.normal() * spread
  light, red, blue = planes
  pixels = 120 + np.stack([light + red, light - red / 2 - blue / 5,
                           light + blue], -1)
  buffer = io.BytesIO()
  Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(
      buffer, 'JPEG', quality=90)
  return buffer.getvalue()


def _rate(dataset, seconds):
  """Images a second, and a second of one core."""
  batches = iter(dataset)
  next(batches)
  count, start, start_of_cores = 0, time.perf_counter(), time.process_time()
  while time.perf_counter() - start < seconds:
    next(batches)
    count += _BATCH
  passed = time.perf_counter() - start
  return count / passed, count / (time.process_time() - start_of_cores)
