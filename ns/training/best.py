"""The weights of a training that were best until now, beside it."""

from typing import Any

import tensorflow as tf


class Best:
  """Copies of the variables of a network, in the host's memory.

  Attributes:
    variables: by path; a part of a checkpoint.
  """

  def __init__(self, network):
    with tf.device('cpu:0'):
      self.variables = {variable.path: tf.Variable(variable.numpy())
                        for variable in network.variables}

  def take(self, network: Any) -> None:
    """These weights are the best now."""
    for variable in network.variables:
      self.variables[variable.path].assign(variable.numpy())

  def give(self, network: Any) -> None:
    """Gives the best weights to `network`."""
    for variable in network.variables:
      variable.assign(self.variables[variable.path].numpy())
