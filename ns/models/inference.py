"""Probabilities of a network, for any number of images."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf


def predictor(network) -> Callable[[np.ndarray], np.ndarray]:
  """A function from images to the network's probabilities, without noise.

  Args:
    network: called as `ns.models.network.Network` is.

  Returns:
    A function of images [batch, height, width, channels] uint8 that gives
    [batch, classes] float32. Each batch size is traced once.
  """
  @tf.function
  def probabilities(images):
    return tf.nn.softmax(network(tf.cast(images, tf.float32), training=False))

  return lambda images: probabilities(images).numpy()
