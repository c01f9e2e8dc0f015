"""One device of this machine."""

import dataclasses

from ns.core import checks
from ns.core import errors
from ns.core.runtime import alone
from ns.core.runtime import memory


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneDevice(alone.OneHost):
  """One device of this machine.

  Attributes:
    device: 'cpu', or 'gpu' for the first GPU (a run of `--config=gpu`).
  """
  device: str = 'cpu'
  replicas = 1

  def __post_init__(self):
    checks.one_of(self, 'device', ('cpu', 'gpu'))

  @property
  def on_host(self) -> bool:
    return self.device == 'cpu'

  def memory_bytes(self) -> int | None:
    return memory.of(self.device, 1)

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
