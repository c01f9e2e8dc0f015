"""A teacher inside the training step: it labels the pool's images of a batch.

All work: it imports TensorFlow, so the facade does not import it.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import tensorflow as tf

from ns.core import types

Batch = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepTeacher:
  """A finished network that labels, without noise and never trained.

  Attributes:
    build: gives the network with its weights; called in the strategy's scope.
    pseudo_labels: a policy of `ns.mixture.labels`: what the student is given.
    min_confidence: an image of which the teacher is less sure has weight 0;
      None gives none.
    temperature: what its logits are divided by before that, if a calibration
      found one.
  """
  build: Callable[[], Any]
  pseudo_labels: Any
  min_confidence: float | None = None
  temperature: float = 1.0

  def answers(self, network, images: tf.Tensor) -> tf.Tensor:
    """What the teacher says, [images, classes] float32, distributions.

    Args:
      network: what `build` gave.
      images: [images, height, width, channels] uint8, as it sees them.
    """
    logits = network(tf.cast(images, tf.float32), training=False)
    return tf.stop_gradient(tf.nn.softmax(
        logits if self.temperature == 1 else logits / self.temperature))

  def label(self, network, batch: Batch) -> tuple[Batch, Batch]:
    """A batch, or a replica's part of one, with all its labels.

    Args:
      network: what `build` gave.
      batch: the features of `ns.core.types`; `teacher_image` has as many images
        as are not labelled, in their order.

    Returns:
      The batch without `teacher_image`, with the labels of these images and
      weight 0 for those of which the teacher is not sure enough; and by image
      of the batch, [batch] float32, 0 for labelled ones: `confidence` of the
      teacher, and `kept`, whether that is enough.
    """
    batch = dict(batch)
    answers = self.answers(network, batch.pop(types.TEACHER_IMAGE))
    labels = self.pseudo_labels.apply(answers, tf.argmax(answers, -1))
    is_other = tf.equal(batch[types.IS_LABELLED], 0)
    place = tf.maximum(tf.cumsum(tf.cast(is_other, tf.int32)) - 1, 0)
    of_batch = lambda values: tf.gather(values, place)
    confidence = tf.where(
        is_other, of_batch(tf.reduce_max(answers, -1)), 0.0)
    is_sure = is_other
    if self.min_confidence is not None:
      is_sure &= confidence >= self.min_confidence
    kept = tf.cast(is_sure, tf.float32)
    batch[types.LABEL] = tf.where(is_other[:, tf.newaxis], of_batch(labels),
                                  batch[types.LABEL])
    batch[types.WEIGHT] *= tf.where(is_other, kept, 1.0)
    return batch, {'confidence': confidence, 'kept': kept}
