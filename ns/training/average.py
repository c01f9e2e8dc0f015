"""The moving average of a network, which labels and is evaluated."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class MovingAverage:
  """Exponential moving average of all variables, moving statistics too.

  average = average + (variable - average) * (1 - d), where
  d = min(decay, (1 + steps) / (10 + steps)) with the steps taken until then,
  so that it is not held back by the first, random weights (the reference's
  utils.py, lines 352 to 360, and TensorFlow's moving_averages.py).

  It is a network of its own, with variables of the same names.

  Attributes:
    decay: 0.9999 in the reference, for hundreds of thousands of steps.
  """
  decay: float = 0.9999

  def __post_init__(self):
    checks.number(self, 'decay', at_least=0, below=1)

  def update(self, average, network, step) -> None:
    """Moves the variables of `average` towards those of `network`.

    On several replicas each does so with its own copies, which are equal.

    Args:
      average: a network of the same architecture.
      network: the one being trained, after its step.
      step: [] int64, the step just taken, from 0.
    """
    import tensorflow as tf
    # main.py averages after the step, which has been counted by then.
    steps = tf.cast(step, tf.float32) + 1
    decay = tf.minimum(self.decay, (1 + steps) / (10 + steps))
    for mean, variable in zip(average.variables, network.variables,
                              strict=True):
      mean.assign(mean + (variable - mean) * (1 - decay))
