"""Weight decay as a part of the loss."""

from collections.abc import Sequence

import keras
import tensorflow as tf


def decayed(network) -> list:
  """The trainable variables that decay: all but those of normalisation.

  Biases and depthwise kernels are decayed, as the reference does (main.py,
  lines 552 to 555: all without `batch_normalization` in their name). What
  belongs to normalisation is seen by its layer and not by the variable's name:
  other layers, too, have a `gamma` (ConvNeXt's scales).

  Args:
    network: a Keras model.

  Returns:
    Keras variables, in the network's order.
  """
  normalization = {
      id(variable) for layer in _layers(network) if _normalizes(layer)
      for variable in layer.trainable_variables}
  return [variable for variable in network.trainable_variables
          if id(variable) not in normalization]


def penalty(variables: Sequence, factor: float) -> tf.Tensor:
  """factor * sum(v^2) / 2 over all variables.

  Args:
    variables: Keras variables, as of `decayed`.
    factor: the weight decay.

  Returns:
    [] float32.
  """
  if not variables:
    return tf.constant(0.0)
  return factor * tf.add_n([tf.nn.l2_loss(v) for v in variables])


def _layers(network):
  # `layers` of a model has the outer ones only, and a layer has none; what
  # lies in lists and inside of layers is found by this method alone.
  return network._flatten_layers()  # pylint: disable=protected-access


def _normalizes(layer) -> bool:
  # Wrappers, such as SpectralNormalization, own another layer's kernel.
  return not isinstance(layer, keras.layers.Wrapper) and any(
      kind.__name__.endswith('Normalization') for kind in type(layer).__mro__)
