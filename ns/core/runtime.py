"""The hardware of a run, as one object. Nothing else asks what it runs on.

A runtime offers `strategy()`, a `tf.distribute` strategy; `replicas`, how many
devices share a batch; `on_host`, whether they compute in the host's memory; and
`memory_bytes()`, how much of that each has, None where that is not known
without TensorFlow. Several workers and TPUs are to come (see CHANGELOG).
"""

import dataclasses
import functools
import os
import subprocess

from ns.core import checks
from ns.core import errors

# Where Linux says what a container may take: cgroups of version 2 and 1.
_LIMITS = ('/sys/fs/cgroup/memory.max',
           '/sys/fs/cgroup/memory/memory.limit_in_bytes')


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneDevice:
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
    return host_bytes() if self.on_host else gpu_bytes()

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mirrored:
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
    if not self.on_host:
      return gpu_bytes()
    total = host_bytes()
    return total and total // self.devices

  def strategy(self):
    """The strategy, one and the same for the whole program.

    Raises:
      RunError: there are fewer devices.
    """
    return _mirrored(self.device, self.devices)


# A second strategy would take the keys of the first one's collectives.
@functools.cache
def _mirrored(device: str, count: int):
  import tensorflow as tf
  kind = device.upper()
  if device == 'cpu':
    _divide_cpu(count)
  found = len(tf.config.list_logical_devices(kind))
  if found < count:
    raise errors.RunError(
        f'`Mirrored.devices` is {count}, but TensorFlow finds {found} {kind} '
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


def host_bytes() -> int | None:
  """The memory of this machine or container, None where nothing tells."""
  try:
    found = [os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')]
  except (AttributeError, ValueError, OSError):  # Not on every system.
    found = []
  for path in _LIMITS:
    try:
      with open(path, encoding='ascii') as file:
        found.append(int(file.read()))
    except (OSError, ValueError):  # No such file, or 'max'.
      pass
  return min(found, default=None)


def gpu_bytes() -> int | None:
  """The memory of the smallest GPU, None where its driver does not tell."""
  try:
    told = subprocess.run(
        ['nvidia-smi', '--query-gpu=memory.total',
         '--format=csv,noheader,nounits'],
        capture_output=True, text=True, timeout=5, check=True).stdout
    return min(int(line) for line in told.split()) * 2**20
  except (OSError, subprocess.SubprocessError, ValueError):
    return None
