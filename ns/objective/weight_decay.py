"""Weight decay as a part of the loss."""

from collections.abc import Sequence

import tensorflow as tf

_NORMALIZATION = ('gamma', 'beta')


def penalty(variables: Sequence, factor: float) -> tf.Tensor:
  """factor * sum(v^2) / 2 over all variables but those of normalisation.

  Biases and depthwise kernels are decayed, as the reference does (main.py,
  lines 552 to 555).

  Args:
    variables: a network's trainable Keras variables.
    factor: the weight decay.

  Returns:
    [] float32.
  """
  decayed = [v for v in variables if v.name not in _NORMALIZATION]
  return factor * tf.add_n([tf.nn.l2_loss(v) for v in decayed])
