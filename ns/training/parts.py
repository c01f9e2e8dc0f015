"""A batch of this host as the parts of its replicas, in order."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ns.core import errors
from ns.core import types

Batch = Mapping[str, tf.Tensor]


def of_batch(batch: Batch, strategy) -> Any:
  """What `strategy.run` takes for a batch: the batch itself on one device.

  Raises:
    RunError: a replica does not have the images of the pool that it labels.
  """
  return _divided(batch, strategy, axis=0)


def of_stacked(batches: Sequence[Batch], strategy) -> Any:
  """The same of several batches, with an axis of batches in front."""
  with tf.device('/cpu:0'):  # In the memory of the host, as they are.
    stacked = {name: tf.stack([batch[name] for batch in batches])
               for name in batches[0]}
  return _divided(stacked, strategy, axis=1)


def _divided(batch: Batch, strategy, axis: int):
  replicas = len(strategy.extended.worker_devices)  # Of this host alone.
  if replicas == 1:
    return batch
  parts = {name: tf.split(value, replicas, axis)
           for name, value in batch.items()}
  _check_own_images(parts, axis)
  # By the place, since some strategies count the replicas of all hosts.
  of_replicas = iter([{name: values[place] for name, values in parts.items()}
                      for place in range(replicas)])
  return strategy.experimental_distribute_values_from_function(
      lambda context: next(of_replicas))


def _check_own_images(parts, axis: int) -> None:
  """Each replica has the teacher's images of those that it does not know."""
  if types.TEACHER_IMAGE not in parts:
    return
  for labelled, images in zip(parts[types.IS_LABELLED],
                              parts[types.TEACHER_IMAGE]):
    found = tf.unstack(tf.reduce_sum(1 - labelled, axis)) if axis else [
        tf.reduce_sum(1 - labelled)]
    wrong = {int(count) for count in found} - {images.shape[axis]}
    if wrong:
      raise errors.RunError(
          f'Each of the {len(parts[types.TEACHER_IMAGE])} replicas should have '
          f'{images.shape[axis]} images for the teacher in the step, but one '
          f'has {wrong.pop()}; a mixture has to put them into each part alike.')
