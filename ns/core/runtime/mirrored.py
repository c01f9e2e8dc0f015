"""Several devices of one machine."""

import dataclasses
import functools

from ns.core import checks
from ns.core import errors
from ns.core.runtime import alone
from ns.core.runtime import memory


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mirrored(alone.OneHost):
  """Several devices of this machine, each with a part of every batch.

  A batch should come out whole on each. For the weights of one device, up to
  rounding, the normalisation takes its statistics over all replicas
  (`models.BatchNorm.replicas = 'all'`).

  Attributes:
    devices: how many.
    device: 'gpu', or 'cpu' for parts of the processor, which is for tests.
  """
  devices: int
  device: str = 'gpu'

  def __post_init__(self):
    checks.integer(self, 'devices', at_least=2)
    checks.one_of(self, 'device', ('cpu', 'gpu'))

  @property
  def replicas(self) -> int:
    return self.devices

  @property
  def on_host(self) -> bool:
    return self.device == 'cpu'

  def memory_bytes(self) -> int | None:
    return memory.of(self.device, self.devices)

  def start(self) -> None:
    """Divides the processor, which TensorFlow takes once and before all."""
    if self.device == 'cpu':
      _divide_cpu(self.devices)

  def strategy(self):
    """The strategy, one and the same for the whole program.

    Raises:
      RunError: there are fewer devices.
    """
    self.start()
    return over('Mirrored.devices', self.device, self.devices)


# A second strategy would take the keys of the first one's collectives.
@functools.cache
def over(name: str, device: str, count: int):
  """Mirrored over the first `count` devices of this host.

  Args:
    name: the field that says how many, for the message.
    device: 'cpu' or 'gpu'.
    count: how many.

  Raises:
    RunError: there are fewer.
  """
  import tensorflow as tf
  kind = device.upper()
  found = len(tf.config.list_logical_devices(kind))
  if found < count:
    raise errors.RunError(
        f'`{name}` is {count}, but TensorFlow finds {found} {kind} '
        'here; bind as many as there are, or `runtime.OneDevice()` for one.')
  return tf.distribute.MirroredStrategy(
      [f'/{device}:{number}' for number in range(count)])


def _divide_cpu(count: int) -> None:
  import tensorflow as tf
  cpu, *_ = tf.config.list_physical_devices('CPU')
  try:
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * count)
  except RuntimeError:  # In use; it may be divided so already.
    pass
