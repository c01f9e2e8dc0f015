"""Images in place of those that are not here.

All work: it imports TensorFlow.
"""

from collections.abc import Iterator
import itertools

import numpy as np
import tensorflow as tf

from ns.core import types
from ns.mixture import inputs as inputs_lib


def is_missing(source) -> bool:
  """Whether it, or a source that it is made of, is not here."""
  parts = getattr(source, 'parts', None) or [getattr(source, 'source', source)]
  return any(part.missing for part in parts)


def images(view, count: int) -> np.ndarray:
  """[count, *view.shape] uint8."""
  return np.random.default_rng(0).integers(
      0, 256, (count, *view.shape), np.uint8)


def batches(inputs: inputs_lib.Inputs, count: int, others: int = 0
            ) -> Iterator[dict[str, tf.Tensor]]:
  """One batch of random images again and again, as a mixture gives them.

  Args:
    inputs: of the mixture.
    count: images in a batch.
    others: those of them that a teacher labels in the step.
  """
  ones = tf.ones(count)
  classes = inputs.labelled.classes
  batch = {types.IMAGE: tf.constant(images(inputs.view, count)),
           types.LABEL: tf.one_hot(tf.range(count) % classes, classes),
           types.WEIGHT: ones,
           types.IS_LABELLED: tf.cast(tf.range(count) < count - others,
                                      tf.float32)}
  if others:
    batch[types.TEACHER_IMAGE] = tf.constant(
        images(inputs.teacher_view, others))
  if inputs.noise_is_left:
    batch[types.SEED] = tf.range(count, dtype=tf.int64)
  return itertools.repeat(batch)
