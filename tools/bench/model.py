"""How fast the networks are, beside `keras.applications`.

  ./bazelw run //tools/bench:model
  ./bazelw run //tools/bench:model -- --rounds=3

EfficientNet-B0 takes training steps, and gives probabilities, in turn with
Keras' B0: one process, the same images, optimizer (RMSprop) and loss, both in a
`tf.function`, model noise as each has it. A ratio is the median over the rounds
of our rate over Keras' in the same round, since another load of the machine
then touches both; a rate is the median of its own. Inference takes uint8 images
from the host and gives probabilities back to it.

The error of bfloat16 is the root mean square of the difference of the logits
over that of the logits around their mean, and how often the top class is the
same, for a network that has taken the training steps of the bench and no more:
its classes are nearer to each other than a trained network's. The tiny family
is that of `gin/models/tiny.gin`. The last line is JSON.
"""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import json
import statistics
import time

import numpy as np

_CLASSES = 1000
_TINY_BATCH = 256
# One step leaves the moving statistics near those of the batches.
_MOMENTUM = 0.5


def images(count: int, size: int, channels: int = 3) -> np.ndarray:
  """[count, size, size, channels] uint8, of smooth spots, each its own."""
  import tensorflow as tf

  spots = np.random.default_rng(0).uniform(-80, 335, (count, 6, 6, channels))
  smooth = tf.image.resize(spots, [size, size], 'bicubic')
  return tf.cast(tf.clip_by_value(smooth, 0, 255), tf.uint8).numpy()


def training(network, pixels: np.ndarray, **call) -> Callable[[], None]:
  """One step of training by Keras' RMSprop, with the reference's constants."""
  import keras
  import tensorflow as tf

  pixels = tf.constant(pixels, tf.float32)
  labels = tf.one_hot(np.arange(len(pixels)) % _CLASSES, _CLASSES)
  variables = network.trainable_variables
  optimizer = keras.optimizers.RMSprop(
      1e-4, rho=0.9, momentum=0.9, epsilon=1e-3)
  optimizer.build(variables)

  @tf.function
  def step():
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(
          labels, network(pixels, training=True, **call)))
    optimizer.apply(tape.gradient(loss, variables), variables)
    return loss

  return lambda: step().numpy()


def inference(network, pixels: np.ndarray) -> Callable[[], None]:
  """Keras' network on a batch."""
  import tensorflow as tf

  @tf.function
  def probabilities(images):
    return tf.nn.softmax(network(tf.cast(images, tf.float32), training=False))

  return lambda: probabilities(pixels).numpy()


def rates(contestants: dict[str, Callable[[], None]], size: int,
          rounds: int) -> dict[str, list[float]]:
  """Images a second of each, in each round; all work in turn.

  Args:
    contestants: work on a batch.
    size: of the batch.
    rounds: how many, after one that is not measured.
  """
  measured = {name: [] for name in contestants}
  for number in range(rounds + 1):
    for name, work in contestants.items():
      start = time.perf_counter()
      work()
      rate = size / (time.perf_counter() - start)
      if number:
        measured[name].append(rate)
        print(f'round {number}: {name} {rate:,.1f}', flush=True)
  return measured


def ratio(measured: dict[str, list[float]], ours: str, theirs: str) -> float:
  return statistics.median(
      one / other for one, other in zip(measured[ours], measured[theirs],
                                        strict=True))


def bfloat16_error(network, pixels: np.ndarray) -> dict[str, float]:
  """How far bfloat16 is from float32, and how often the top class is equal."""
  import tensorflow as tf
  from ns.models import folded

  exact, near = (tf.function(folded.logits(network, dtype))(pixels).numpy()
                 for dtype in (tf.float32, tf.bfloat16))
  spread = exact - exact.mean(-1, keepdims=True)
  return {
      'b0_bfloat16_logit_error':
          float(np.sqrt(np.mean((near - exact)**2) / np.mean(spread**2))),
      'b0_bfloat16_top1_agreement':
          float((near.argmax(-1) == exact.argmax(-1)).mean()),
  }


def b0(batch: int, size: int, rounds: int) -> dict[str, float]:
  """The figures of B0."""
  import keras
  import tensorflow as tf
  from ns import models
  from ns.models import inference as inference_lib
  from ns.noise import model_noise

  pixels = images(batch, size)
  theirs = keras.applications.EfficientNetB0(
      weights=None, classifier_activation=None, classes=_CLASSES,
      input_shape=(size, size, 3))
  norm = models.BatchNorm(momentum=_MOMENTUM)
  ours = models.EfficientNet(normalization=norm).build(
      model_noise.ModelNoise(), _CLASSES, size)
  trained = rates({
      'keras_train': training(theirs, pixels),
      'b0_train': training(ours, pixels, noise_seed=tf.constant(1, tf.int64)),
  }, batch, rounds)
  predictors = {precision: inference_lib.predictor(ours, precision)
                for precision in ('float32', 'mixed_bfloat16')}
  inferred = rates({
      'keras_infer': inference(theirs, pixels),
      'b0_infer': lambda: predictors['float32'](pixels),
      'b0_infer_bfloat16': lambda: predictors['mixed_bfloat16'](pixels),
  }, batch, rounds)
  return {
      'b0_train_ratio': ratio(trained, 'b0_train', 'keras_train'),
      'b0_infer_ratio': ratio(inferred, 'b0_infer', 'keras_infer'),
      'b0_infer_bfloat16_ratio':
          ratio(inferred, 'b0_infer_bfloat16', 'keras_infer'),
      **{f'{name}_images_per_second': statistics.median(of)
         for name, of in {**trained, **inferred}.items()},
      **bfloat16_error(ours, pixels),
  }


def tiny(batch: int, rounds: int) -> dict[str, float]:
  """The figure of the tiny family."""
  import tensorflow as tf
  from ns import models
  from ns.noise import model_noise

  row = lambda repeats, stride, filters: models.BlockGroup(
      repeats=repeats, kernel=3, stride=stride, expansion=1, filters=filters,
      squeeze_excite=0, fused=True)
  network = models.EfficientNet(
      image_size=28, stem_filters=32, head_filters=256, pixel_mean=(72.94,),
      pixel_std=(90.02,),
      block_groups=(row(2, 1, 32), row(3, 2, 64), row(2, 2, 128))).build(
          model_noise.ModelNoise(), _CLASSES)
  measured = rates({'tiny_train': training(
      network, images(batch, 28, 1), noise_seed=tf.constant(1, tf.int64))},
                   batch, rounds)
  return {'tiny_train_images_per_second':
              statistics.median(measured['tiny_train'])}


def main(argv: Sequence[str] | None = None) -> None:
  parser = argparse.ArgumentParser(
      description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument('--rounds', type=int, default=7)
  parser.add_argument('--batch', type=int, default=32, help='images, of B0')
  parser.add_argument('--image_size', type=int, default=224, help='of B0')
  flags = parser.parse_args(argv)
  figures = b0(flags.batch, flags.image_size, flags.rounds)
  figures.update(tiny(min(_TINY_BATCH, 8 * flags.batch), flags.rounds))
  print(json.dumps({'bench': 'model', **{
      name: float(f'{value:.4g}') for name, value in figures.items()}}))


if __name__ == '__main__':
  main()
