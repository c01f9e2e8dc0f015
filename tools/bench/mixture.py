"""Our input from TFRecords beside a hand-written `tf.data` pipeline.

  bazel run //tools/bench:mixture [-- --seconds=5 --rounds=5 --images=2048]

Both read the same files of JPEGs like photographs, 224 x 224 pixels each, take
random crops of them, mirror half and give batches of 128 of 224 x 224 pixels, in
alternation; medians of the rounds. The hand-written pipeline is what a page of
TensorFlow has: interleaved files, a shuffle of encoded records, a parse,
`decode_and_crop_jpeg`, a resize, a flip, batches, a prefetch, all AUTOTUNE. Ours
is the mixture of a first teacher, with all that it keeps: an exact position,
seeds by example, weights and keys.

Before that, the memory of this process over two epochs of our input, whose
shuffle has an eighth of the images: what the second takes more than the first
did. The last line is JSON; `throughput_ratio` is meant to be at least 0.85.
"""

import argparse
from collections.abc import Sequence
import io
import json
import os
import statistics
import tempfile
import time

from PIL import Image
import tensorflow as tf

from ns import images
from ns import mixture
from ns.core import seeds
from ns.mixture import views
from tools.bench import noise_input

_SIZE, _BATCH, _FILES, _CLASSES = 224, 128, 8, 10
# Distinct images; the records have them over and over.
_DISTINCT = 64


def write(folder: str, count: int) -> str:
  """Writes TFRecords in the reference's format; returns their pattern.

  Args:
    folder: that there is.
    count: of records in all.
  """
  files = [_resized(file) for file in noise_input.jpegs(_DISTINCT)]
  for number in range(_FILES):
    path = os.path.join(folder, f'train-{number:05}-of-{_FILES:05}')
    with tf.io.TFRecordWriter(path) as writer:
      for index in range(number, count, _FILES):
        example = tf.train.Example()
        feature = example.features.feature
        feature['image/encoded'].bytes_list.value.append(
            files[index % _DISTINCT])
        feature['image/class/label'].int64_list.value.append(
            1 + index % _CLASSES)
        writer.write(example.SerializeToString())
  return os.path.join(folder, 'train-*')


def _resized(file: bytes) -> bytes:
  buffer = io.BytesIO()
  Image.open(io.BytesIO(file)).resize((_SIZE, _SIZE)).save(
      buffer, 'JPEG', quality=90)
  return buffer.getvalue()


def ours(pattern: str, manifest: str, shuffle_buffer: int) -> tf.data.Dataset:
  """Endless batches of our input.

  Args:
    pattern: of the files.
    manifest: where that of the source goes.
    shuffle_buffer: images that are shuffled among each other.
  """
  source = mixture.TfRecord(name='bench', files=pattern, classes=_CLASSES,
                            manifest=manifest)
  inputs = mixture.Inputs(labelled=source, view=views.View(
      size=_SIZE, channels=3, crop=images.InceptionCrop()))
  return mixture.Labelled(
      labelled_batch=_BATCH, shuffle_buffer=shuffle_buffer).batches(
          inputs, seeds.Seed(0))


def hand_written(pattern: str, shuffle_buffer: int) -> tf.data.Dataset:
  """Endless batches of a pipeline as a page of TensorFlow has it."""
  features = {'image/encoded': tf.io.FixedLenFeature([], tf.string),
              'image/class/label': tf.io.FixedLenFeature([], tf.int64)}
  box = tf.constant([[[0.0, 0.0, 1.0, 1.0]]])

  def example(record):
    parsed = tf.io.parse_single_example(record, features)
    file = parsed['image/encoded']
    begin, extent, _ = tf.image.sample_distorted_bounding_box(
        tf.io.extract_jpeg_shape(file), box, min_object_covered=0.1,
        aspect_ratio_range=(3 / 4, 4 / 3), area_range=(0.08, 1.0),
        max_attempts=10)
    window = tf.concat([begin[:2], extent[:2]], 0)
    pixels = tf.io.decode_and_crop_jpeg(file, window, channels=3)
    pixels = tf.image.resize(pixels, [_SIZE, _SIZE], 'bicubic')
    pixels = tf.image.random_flip_left_right(pixels)
    label = tf.one_hot(parsed['image/class/label'] - 1, _CLASSES)
    return {'image': tf.cast(tf.clip_by_value(pixels, 0, 255), tf.uint8),
            'label': label}

  names = tf.data.Dataset.list_files(pattern, shuffle=True).repeat()
  return names.interleave(
      tf.data.TFRecordDataset, cycle_length=_FILES,
      num_parallel_calls=tf.data.AUTOTUNE, deterministic=False).shuffle(
          shuffle_buffer).map(
              example, num_parallel_calls=tf.data.AUTOTUNE,
              deterministic=False).batch(
                  _BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def measure(seconds: float = 5, rounds: int = 5, count: int = 2048
            ) -> dict[str, float]:
  """Images a second of both, and how memory grows.

  Args:
    seconds: for one measurement of one input.
    rounds: measurements of each.
    count: of images.

  Returns:
    `images_per_second` and `hand_written_images_per_second`, medians, and
    `throughput_ratio`, the median of the rounds' ratios; the same of images a
    second of one core's time, with `_per_core` behind; `peak_bytes_growth`.
  """
  with tempfile.TemporaryDirectory() as folder:
    pattern = write(folder, count)
    manifest = os.path.join(folder, 'manifest.parquet')
    buffer = count // 8
    growth = _growth(ours(pattern, manifest, buffer), count)
    datasets = (ours(pattern, manifest, buffer), hand_written(pattern, buffer))
    for dataset in datasets:
      _rate(dataset, 1)  # Traces, and fills the caches.
    rates = [[_rate(dataset, seconds) for dataset in datasets]
             for _ in range(rounds)]
  figures = {'peak_bytes_growth': growth}
  for place, unit in enumerate(('', '_per_core')):
    pairs = [(one[place], other[place]) for one, other in rates]
    own, other = map(statistics.median, zip(*pairs, strict=True))
    figures |= {f'images_per_second{unit}': own,
                f'hand_written_images_per_second{unit}': other,
                f'throughput_ratio{unit}': statistics.median(
                    one / other for one, other in pairs)}
  return figures


def _growth(dataset, count: int) -> int:
  """Bytes by which the second epoch's peak is above the first's."""
  steps = -(-count // _BATCH)
  peaks = []
  batches = iter(dataset)
  for _ in range(2):
    taken = []
    for _ in range(steps):
      next(batches)
      taken.append(_resident())
    peaks.append(max(taken))
  return peaks[1] - peaks[0]


def _resident() -> int:
  with open('/proc/self/statm', encoding='ascii') as file:
    return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def _rate(dataset, seconds: float) -> tuple[float, float]:
  """Images a second, and images a second of one core."""
  batches = iter(dataset)
  next(batches)
  begun, begun_of_cores, count = time.perf_counter(), time.process_time(), 0
  while time.perf_counter() - begun < seconds:
    count += len(next(batches)['image'])
  return (count / (time.perf_counter() - begun),
          count / (time.process_time() - begun_of_cores))


def main(argv: Sequence[str] | None = None) -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument('--seconds', type=float, default=5,
                      help='for each, in each round')
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument('--images', type=int, default=2048)
  flags = parser.parse_args(argv)
  figures = measure(flags.seconds, flags.rounds, flags.images)
  print(json.dumps({'bench': 'mixture', 'cores': os.cpu_count(), **{
      name: float(f'{value:.4g}') for name, value in figures.items()}}))


if __name__ == '__main__':
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  main()
