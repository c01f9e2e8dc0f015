"""The hardware of a run, as one object. Nothing else asks what it runs on.

A runtime offers `strategy()`, a `tf.distribute` strategy. Several devices and
workers come with the loop (see CHANGELOG).
"""

import dataclasses

from ns.core import checks
from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneDevice:
  """One device of this machine.

  Attributes:
    device: 'cpu', or 'gpu' for the first GPU (a run of `--config=gpu`).
  """
  device: str = 'cpu'

  def __post_init__(self):
    checks.one_of(self, 'device', ('cpu', 'gpu'))

  def strategy(self):
    """The strategy.

    Raises:
      RunError: there is no such device.
    """
    import tensorflow as tf
    kind = self.device.upper()
    if not tf.config.list_logical_devices(kind):
      raise errors.RunError(
          f'`OneDevice.device` is {self.device!r}, but TensorFlow finds no '
          f'{kind} here; build with `--config={self.device}` on a machine that '
          "has one, or bind `OneDevice.device = 'cpu'`.")
    return tf.distribute.OneDeviceStrategy(f'/{self.device}:0')
