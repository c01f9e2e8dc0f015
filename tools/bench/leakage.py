"""Speed of the search for leaks: images a second, whole, and of its parts.

  bazel run -c opt //tools/bench:leakage -- [--images=16384] [--threads=2]

Pools are compared with an evaluation set as `//tools:find_leakage` does it, from
the file to the part of the list: JPEGs of 224 pixels in a TFRecord file, and
pixels of 28 x 28 in an IDX file. Beside it: what decoding all pixels would
cost, and how many fingerprints a second are looked up among 50,000. All images
are made up. Figures a second are of the machine as a whole, those a second of
processor time of one core, also where others are at work; the best of three
rounds. The last line is JSON.
"""

import argparse
import json
import os
import pathlib
import tempfile
import time

import numpy as np

from ns import mixture
from ns.mixture import evaluation_index
from ns.mixture import fingerprinting
from ns.mixture import fingerprints
from ns.mixture import leakage
from ns.mixture import leakage_job
from tools.bench import made_photos

_SIDE = 224
_QUALITY = 85
# Different JPEGs; more of them would be the same work.
_DIFFERENT = 512
_EVALUATION = 2048
_ENTRIES = 50000
_ROUNDS = 3


def jpegs(count: int, seed: int) -> list[bytes]:
  """JPEGs, of which as many are different as there is time for."""
  made = [made_photos.encoded(made_photos.photograph(seed + i, _SIDE, _SIDE),
                              quality=_QUALITY)
          for i in range(min(count, _DIFFERENT))]
  return [made[i % len(made)] for i in range(count)]


def records(folder: pathlib.Path, name: str, images: list[bytes]):
  """A source of a TFRecord file of these images."""
  import tensorflow as tf
  with tf.io.TFRecordWriter(str(folder / name)) as writer:
    for image in images:
      feature = tf.train.Feature(
          bytes_list=tf.train.BytesList(value=[image]))
      writer.write(tf.train.Example(features=tf.train.Features(
          feature={'image/encoded': feature})).SerializeToString())
  return mixture.TfRecord(name=name, files=str(folder / name), label='',
                          manifest=str(folder / f'{name}.parquet'))


def idx(folder: pathlib.Path, name: str, count: int, seed: int):
  """A source of an IDX file of grey noise."""
  rng = np.random.default_rng(seed)
  smooth = rng.integers(0, 256, (count, 7, 7))
  pixels = np.kron(smooth, np.ones((1, 4, 4), int)) + rng.integers(
      -20, 20, (count, 28, 28))
  for kind, values in (('images', np.clip(pixels, 0, 255)),
                       ('labels', np.zeros(count))):
    head = bytes([0, 0, 8, values.ndim]) + b''.join(
        size.to_bytes(4, 'big') for size in values.shape)
    (folder / f'{name}-{kind}').write_bytes(
        head + values.astype(np.uint8).tobytes())
  return mixture.Idx(name=name, images=str(folder / f'{name}-images'),
                     labels=str(folder / f'{name}-labels'), classes=2)


def compared(pool, evaluation, folder: pathlib.Path, threads: int) -> tuple[int, int]:
  """Images of a pool that are compared in a second, see `_rates`."""
  pool.read()
  job = leakage_job.Job.of(leakage.Search(threads=threads), [pool], [evaluation],
                       folder)
  index = job.index()
  return _rates(pool.num_examples, lambda: [
      job.write_part(index, job.compared[0], shard) for shard in pool.shards])


def looked_up(count: int) -> tuple[int, int]:
  """Fingerprints a second, each also mirrored, that one thread looks up."""
  rng = np.random.default_rng(0)
  seen = lambda number: fingerprinting.Seen(
      are_good=np.ones(number, bool), contents=[b''] * number, flat={},
      prints=fingerprints.Fingerprints(
          waves=rng.standard_normal((number, 64), np.float32) / 8,
          contrasts=np.full(number, 400, np.float32)))

  class Evaluation:
    num_examples = _ENTRIES

  index = evaluation_index.EvaluationIndex(
      sets=[Evaluation()], seen=seen(_ENTRIES),
      max_distance=leakage.Search().max_distance,
      max_difference=leakage.Search().max_difference)
  index.prepare()
  asked = seen(count)
  return _rates(count, lambda: index.near(asked))


def decoded_whole(images: list[bytes]) -> tuple[int, int]:
  """Images a second that are decoded with all their pixels."""
  return _rates(len(images), lambda: [
      fingerprinting.pixel_digest(image) for image in images])


def _rates(count: int, action) -> tuple[int, int]:
  """Images a second of the clock, and of processor time; the best of rounds."""
  seconds, processor = [], []
  for _ in range(_ROUNDS):
    begun = time.perf_counter(), time.process_time()
    action()
    seconds.append(time.perf_counter() - begun[0])
    processor.append(time.process_time() - begun[1])
  return round(count / min(seconds)), round(count / min(processor))


def measure(images: int, threads: int) -> dict:
  """All figures, by name."""
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    encoded = jpegs(images, seed=0)
    small = encoded[:_DIFFERENT]
    evaluation = jpegs(min(images, _EVALUATION), seed=10**6)
    jpeg = compared(
        records(folder, 'pool', encoded), records(folder, 'test', evaluation),
        folder / 'a', threads)
    pixels = compared(
        idx(folder, 'grey_pool', 4 * images, 0),
        idx(folder, 'grey_test', min(images, 10000), 1), folder / 'b', threads)
  return {
      'bench': 'leakage', 'threads': threads, 'images': images,
      'bytes_per_jpeg': round(float(np.mean([len(i) for i in small]))),
      'images_per_second_jpeg_224': jpeg[0],
      'images_per_second_idx_28': pixels[0],
      'search_per_second': looked_up(min(images, 8192))[0],
      'minutes_per_million_jpeg_224': round(10**6 / jpeg[0] / 60, 1),
      'images_per_cpu_second_jpeg_224': jpeg[1],
      'images_per_cpu_second_jpeg_224_decoded_whole': decoded_whole(small)[1],
      'images_per_cpu_second_idx_28': pixels[1]}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--images', type=int, default=16384)
  parser.add_argument('--threads', type=int, default=os.cpu_count())
  arguments = parser.parse_args()
  found = measure(arguments.images, arguments.threads)
  for name, value in found.items():
    print(f'{name}: {value:,}' if isinstance(value, int) else
          f'{name}: {value}')
  print(json.dumps(found))


if __name__ == '__main__':
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  main()
