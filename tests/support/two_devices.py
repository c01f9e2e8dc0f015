"""Two logical CPUs, which stand for two GPUs or two TPU cores.

Import this before anything that starts TensorFlow.
"""

import functools

import tensorflow as tf

COUNT = 2


def _make() -> None:
  device = tf.config.list_physical_devices('CPU')[0]
  tf.config.set_logical_device_configuration(
      device, [tf.config.LogicalDeviceConfiguration()] * COUNT)


@functools.cache
def strategy() -> tf.distribute.Strategy:
  """Mirrored over both.

  One for the whole process: the reductions of a second strategy would have the
  same keys as the first one's, and be taken for them.
  """
  return tf.distribute.MirroredStrategy([f'/cpu:{i}' for i in range(COUNT)])


_make()
