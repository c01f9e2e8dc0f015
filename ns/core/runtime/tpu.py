"""What a TPU VM and a pod have in common."""

import dataclasses
import os

from ns.core import checks
from ns.core import errors
from ns.core.runtime import alone


def keep_jax_off() -> None:
  """JAX, which seqio imports, would take the TPU from TensorFlow."""
  os.environ['JAX_PLATFORMS'] = 'cpu'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tpu(alone.OneHost):
  """TPU cores that one program drives; a subclass says which, and starts them.

  Attributes:
    cores: that TensorFlow sees, each a replica.
    gibibytes: the memory of each, for the plan; None leaves it open.
  """
  cores: int
  gibibytes: float | None = None
  on_host = False

  def __post_init__(self):
    checks.integer(self, 'cores', at_least=1)
    if self.gibibytes is not None:
      checks.number(self, 'gibibytes', above=0)

  @property
  def replicas(self) -> int:
    return self.cores

  def memory_bytes(self) -> int | None:
    return None if self.gibibytes is None else int(self.gibibytes * 2**30)


def strategy(resolver, cores: int, name: str):
  """The strategy of a TPU, which is initialised.

  Args:
    resolver: a `TPUClusterResolver`, connected to.
    cores: how many there should be.
    name: of the runtime.

  Raises:
    RunError: there is no TPU, or it has another number of cores.
  """
  import tensorflow as tf
  try:
    tf.tpu.experimental.initialize_tpu_system(resolver)
    made = tf.distribute.TPUStrategy(resolver)
  except (tf.errors.OpError, ValueError, RuntimeError) as error:
    raise errors.RunError(
        f'`runtime.{name}` is bound, but TensorFlow does not start a TPU here '
        f'({str(error).splitlines()[0]}); install the packages of '
        '`requirements_tpu_lock.txt` on a TPU VM that no other program uses, '
        'or bind `runtime.OneDevice()`.') from error
  found = made.num_replicas_in_sync
  if found != cores:
    raise errors.RunError(
        f'`{name}.cores` should be {found}, what TensorFlow finds, but is '
        f'{cores}; bind that.')
  return made
