"""How fast RandAugment is, beside the reference's and other libraries'.

  ./bazelw run //tools/bench:noise
  ./bazelw run //tools/bench:noise -- --peers=/tmp/peers

All work on the same made-up photographs in turn, several rounds; what is told
are the medians. TensorFlow works as for a user: in a `tf.data` map with two
parallel calls. The last line is JSON. Beside images a second it has images a
second of one core's time (`*_per_core`), which a busy machine changes little.

To have other libraries beside, give the folder that was made with

  pip install --target=/tmp/peers albumentations torchvision timm

of the same Python; timm needs no torch here (`--no-deps`).
"""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import json
import os
import statistics
import time

import numpy as np

from ns.core import graphs
from tools.bench import peers

# TensorFlow is imported where it is used: the peers' processes import this
# module again, and some peers do not bear TensorFlow beside them.

# From seconds to images a second, and a second of one core.
Measure = Callable[[float], tuple[float, float]]

_LAYERS, _MAGNITUDE = 2, 15
_CALLS = 2  # In parallel: the machine's cores.
_BATCH = {224: 128, 32: 512}


def photographs(size: int, count: int) -> np.ndarray:
  """[count, size, size, 3] uint8, windows of made-up photographs."""
  import tensorflow as tf
  from tools.bench import noise_input

  windows = []
  for file in noise_input.jpegs(count // 4):
    pixels = tf.io.decode_jpeg(file)
    for top in (0, 140):
      for left in (0, 260):
        windows.append(pixels[top:top + 224, left:left + 224])
  pixels = tf.image.resize(tf.stack(windows), [size, size], method='area')
  return tf.cast(pixels, tf.uint8).numpy()


def ours(size: int, form: str) -> Measure:
  """Our RandAugment on whole batches; returns what measures its rate."""
  import tensorflow as tf
  from ns import noise
  from ns.core import draws

  batch = _BATCH[size]
  # What the reference takes at 224; an eighth of small images.
  sizes = {} if size == 224 else dict(
      cutout_size=size // 8, translate_size=size // 8)
  augmentation = noise.RandAugment(
      magnitude=_MAGNITUDE, layers=_LAYERS, form=form, **sizes)
  pictures = photographs(size, 64)
  images = tf.constant(np.resize(pictures, [batch, *pictures.shape[1:]]))

  def apply(step, images):
    index = step * batch + tf.range(batch, dtype=tf.int64)
    return augmentation.apply(
        images, draws.members(tf.constant(1, tf.int64), index))

  dataset = tf.data.Dataset.zip(
      tf.data.Dataset.range(2**40),
      tf.data.Dataset.from_tensors(images).repeat())
  return _rate(graphs.mapped(dataset, apply, num_parallel_calls=_CALLS), batch)


def reference() -> Measure:
  """The reference's algorithm on single images, likewise."""
  import tensorflow as tf
  from tools.bench import reference_rand_augment

  images = tf.data.Dataset.from_tensor_slices(photographs(224, 64)).repeat()
  return _rate(graphs.mapped(
      images, lambda image: reference_rand_augment.rand_augment(
          image, _LAYERS, _MAGNITUDE), num_parallel_calls=_CALLS), 1)


def _rate(dataset, images: int) -> Measure:
  """What measures a dataset whose elements are of `images` images each."""
  elements = iter(dataset)
  next(elements)  # Traced here.

  def rate(seconds: float) -> tuple[float, float]:
    for _ in range(_CALLS + 1):  # Made while another was measured.
      next(elements)
    done, start, start_of_cores = 0, time.perf_counter(), time.process_time()
    while True:
      next(elements)
      done += images
      passed = time.perf_counter() - start
      if passed >= seconds:
        return done / passed, done / (time.process_time() - start_of_cores)

  return rate


def measure(seconds: float, rounds: int, folder: str | None) -> dict:
  """All figures, by the names that they have in the last line."""
  from ns.noise.native import kernel
  from tools.bench import noise_input

  contestants = {
      'randaugment_224': ours(224, 'auto'),
      'randaugment_32': ours(32, 'auto'),
      'reference': reference(),
      'pure_tensorflow': ours(224, 'tensorflow'),
  }
  beside = peers.found(folder, photographs(224, 64))
  contestants.update((name, peer.rate) for name, peer in beside.items())
  rounds_of = {name: [] for name in contestants}
  for number in range(rounds):
    for name, rate in contestants.items():
      rounds_of[name].append(rate(seconds))
      print('round {}: {}: {:,.0f} images a second, {:,.0f} of one core'.format(
          number + 1, name, *rounds_of[name][-1]), flush=True)
  for peer in beside.values():
    peer.close()
  del contestants  # They would go on beside what comes next.

  figures = {}
  for place, unit in enumerate(('', '_per_core')):
    rates = {name: [each[place] for each in of]
             for name, of in rounds_of.items()}
    figures.update((f'{name}_images_per_second{unit}', statistics.median(of))
                   for name, of in rates.items())
    figures[f'ratio{unit}'] = statistics.median(
        one / other for one, other in zip(
            rates['randaugment_224'], rates['reference'], strict=True))
  figures.update(noise_input.measure(
      seconds, rounds, magnitude=_MAGNITUDE, layers=_LAYERS))
  return {
      'bench': 'noise',
      'native': kernel.load() is not None,
      'cores': os.cpu_count(),
      **{name: float(f'{value:.4g}') for name, value in figures.items()},
  }


def main(argv: Sequence[str] | None = None) -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument('--seconds', type=float, default=3,
                      help='for each, in each round')
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument('--peers', help='a folder of packages, see above')
  flags = parser.parse_args(argv)
  figures = measure(flags.seconds, flags.rounds, flags.peers)
  print(json.dumps(figures))


if __name__ == '__main__':
  main()
