"""The hardware of a run, as one object. Nothing else asks what it runs on.

A runtime offers `strategy()`, a `tf.distribute` strategy; `replicas`, how many
devices share a batch; `on_host`, whether they compute in the host's memory; and
`memory_bytes()`, how much of that each has, None where that is not known
without TensorFlow. Several devices and workers come with the loop (see
CHANGELOG).
"""

import dataclasses
import os

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
    return host_bytes() if self.on_host else None

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
