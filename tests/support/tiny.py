"""The smallest network, training and run that are still real."""

import numpy as np

from ns import loop
from ns import mixture
from ns import models
from ns import noise
from ns import pseudolabel
from ns import training
from ns.core import runtime
from ns.core import seeds
from ns.training import trainer
from tests.support import data_sets


def architecture(size: int = 8, width: float = 1.0) -> models.EfficientNet:
  """A stem, a fused block, a depthwise one with squeeze, and a head."""
  return models.EfficientNet(
      image_size=size, width=width, stem_filters=8, stem_stride=1,
      head_filters=16, pixel_mean=(127.0,), pixel_std=(52.0,), block_groups=(
          models.BlockGroup(repeats=1, kernel=3, stride=2, expansion=1,
                            filters=8, squeeze_excite=0.0, fused=True),
          models.BlockGroup(repeats=1, kernel=3, stride=1, expansion=2,
                            filters=8)))


def batch(step: int, size: int = 16, labelled: int = 8, classes: int = 4):
  """Batch `step` of an endless training set: numpy arrays by feature."""
  pixels, labels = data_sets.pixels_and_labels(size, seed=1000 + step)
  ones = np.ones(size, np.float32)
  return {'image': pixels[..., np.newaxis],
          'label': np.eye(classes, dtype=np.float32)[labels],
          'weight': ones,
          'is_labelled': (np.arange(size) < labelled).astype(np.float32)}


def job(folder, *, change=lambda step, batch: batch,
        model_noise=noise.ModelNoise(dropout=0.1, stochastic_depth=0.1),
        seed: int = 5) -> trainer.Job:
  """A job on `batch(0)`, `batch(1)`, …, each as `change` gives it."""
  import itertools
  import tensorflow as tf

  def batches(first_step):
    for step in itertools.count(first_step):
      changed = change(step, batch(step))
      yield {name: tf.constant(value) for name, value in changed.items()}

  return trainer.Job(
      name='student/train', batches=batches, labelled_batch=8, batch_size=16,
      build=lambda weights_seed: architecture().build(
          model_noise, 4, seed=weights_seed),
      seed=seeds.Seed(seed), strategy=runtime.OneDevice().strategy(),
      folder=folder)


def steps(num_steps: int = 12, **changes) -> training.Training:
  """A training of a few steps."""
  return training.Training(**{
      'num_steps': num_steps, 'average': training.MovingAverage(decay=0.8),
      'learning_rate': training.Cosine(peak=0.05, warmup_steps=2), **changes})


def generation(name: str, *, num_steps: int = 40, has_teacher: bool,
               number: int | None = None, **changes) -> loop.Generation:
  """A teacher, or a student with everything that belongs to one.

  Args:
    name: of the generation.
    num_steps: of its training.
    has_teacher: whether it is a student.
    number: its place in the run, from 0; as of a teacher or of its student if
      None. A later generation is wider and has more noise, so that a test sees
      which generation's something is.
    **changes: arguments that are to be others.
  """
  number = int(has_teacher) if number is None else number
  input_noise = noise.FlipAndShift(flip=False, shift=1)
  if number:
    input_noise = noise.Sequence(
        steps=(input_noise, noise.Cutout(size=number)))
  batches = mixture.Labelled(labelled_batch=16)
  if has_teacher:
    batches = mixture.ExactRatio(
        labelled_batch=8, ratio=2,
        pseudo_labels=mixture.SoftLabels(temperature=0.5))
  return loop.Generation(**{
      'name': name, 'mixture': batches,
      'model': architecture(width=1.0 + number),
      'training': steps(num_steps, checkpoint_every_steps=10,
                        summary_every_steps=10),
      'noise': input_noise,
      'model_noise': noise.ModelNoise(dropout=0.1 * (1 + number),
                                      stochastic_depth=0.1 * (1 + number)),
      'labelling': pseudolabel.Labelling(batch_size=32),
      'select': pseudolabel.Select(
          balance=pseudolabel.Balance(images_per_class=30)),
      **changes})


def run(folder, *, students: int = 1, seed: int = 0, changes=None,
        **data) -> loop.SelfTraining:
  """A teacher and students on a made-up data set, written to `folder`.

  Args:
    folder: for the data set.
    students: how many generations after the teacher.
    seed: of the run.
    changes: for each generation's name, arguments other than `generation`'s.
    **data: as of `data_sets.few_labels`.
  """
  changes = changes or {}
  names = ['teacher', *(f'student{i + 1}' for i in range(students))]
  generations = [
      generation(name, has_teacher=number > 0, number=number,
                 **changes.get(name, {}))
      for number, name in enumerate(names)]
  return loop.SelfTraining(seed=seed, generations=generations,
                           data=data_sets.few_labels(folder, **data))
