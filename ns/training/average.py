"""The moving average of a network, which labels and is evaluated."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class MovingAverage:
  """Exponential moving average of all variables, moving statistics too.

  average = average + (variable - average) * (1 - d), where
  d = min(decay, (1 + step) / (10 + step))
  so that it is not held back by the first, random weights (the reference's
  utils.py, lines 352 to 360, and TensorFlow's moving_averages.py).

  Attributes:
    decay: 0.9999 in the reference, for hundreds of thousands of steps.
  """
  decay: float = 0.9999

  def __post_init__(self):
    checks.number(self, 'decay', at_least=0, below=1)

  def update(self, average, network, step) -> None:
    """Moves the variables of `average` towards those of `network`.

    Args:
      average: a network of the same architecture.
      network: the one being trained, after its step.
      step: [] int64, from 0.
    """
    import tensorflow as tf
    step = tf.cast(step, tf.float32)
    decay = tf.minimum(self.decay, (1 + step) / (10 + step))
    for mean, variable in zip(average.variables, network.variables):
      mean.assign(mean + (variable - mean) * (1 - decay))
