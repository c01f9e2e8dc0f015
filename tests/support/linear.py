"""A training whose step is compiled in a moment: one layer, with noise.

For what is about the course of a training and not about its network.
"""

import dataclasses

import keras
import tensorflow as tf

from ns import training
from ns.core import draws
from ns.training import trainer
from tests.support import tiny


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
  """Of a `Linear`, for a generation."""
  image_size: int = 8
  channels: int = 1

  def build(self, model_noise, classes, image_size=None, seed=0):
    """See `ns.models.EfficientNet.build`; noise is as strong as it is."""
    del model_noise, classes, image_size
    return Linear(seed)


class Linear(keras.Model):
  """Logits of 4 classes, of the 64 pixels of an image."""

  def __init__(self, seed: int):
    super().__init__(name='network')
    self.kernel = self.add_weight(
        name='kernel', shape=(64, 4),
        initializer=keras.initializers.RandomNormal(stddev=0.1, seed=seed))
    self.built = True

  def call(self, images, training, noise_seed=None, first_index=0):
    pixels = tf.reshape(images, [-1, 64]) / 255
    if training:  # As dropout, each image has noise of its own.
      place = tf.range(tf.shape(images)[0], dtype=tf.int64)
      seeds = draws.members(noise_seed, tf.cast(first_index, tf.int64) + place)
      pixels *= 0.5 + draws.uniform(seeds, 64)
    return pixels @ self.kernel


def job(folder, *, change=lambda step, batch: batch, **changes) -> trainer.Job:
  """A job as `tiny.job`, whose other attempts have other batches.

  Args:
    folder: of the stage.
    change: of the batch of a step, as of `tiny.job`; it gets the attempt, too,
      if it has a third argument.
    **changes: fields of the job that are to be others.
  """
  def batches(first_step, attempt=0):
    for step in range(first_step, 10**6):
      batch = tiny.batch(step + 10000 * attempt)
      changed = (change(step, batch, attempt)
                 if change.__code__.co_argcount > 2 else change(step, batch))
      yield {name: tf.constant(value) for name, value in changed.items()}

  return dataclasses.replace(
      tiny.job(folder), batches=batches, build=Linear, **changes)


def steps(num_steps: int = 30, **changes) -> training.Training:
  """A training with a checkpoint each 10 steps and a summary each 5."""
  return tiny.steps(num_steps, **{
      'learning_rate': training.Constant(rate=0.05),
      'checkpoint_every_steps': 10, 'summary_every_steps': 5, **changes})
