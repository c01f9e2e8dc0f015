"""The TPU of one host. Not run: no TPU was at hand (docs/runtimes.md)."""

import dataclasses
import functools

from ns.core import checks
from ns.core.runtime import alone
from ns.core.runtime import tpu


@dataclasses.dataclass(frozen=True, kw_only=True)
class TpuVm(alone.OneHost):
  """The TPU of the machine on which the program runs.

  Written to the documentation of `tf.distribute.TPUStrategy`, and not run: no
  TPU was at hand. What a TPU asks of the rest is bound elsewhere: steps in one
  call, and bfloat16, in `training.Training`.

  Attributes:
    cores: that TensorFlow sees, each a replica: 8 of a v2-8, v3-8 or v5e-8.
    gibibytes: the memory of each, for the plan: 8 of a v2 core, 16 of a v3
      core; None leaves it open.
  """
  cores: int = 8
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
    return tpu.bytes_of(self.gibibytes)

  def start(self) -> None:
    """Keeps JAX off the TPU and starts it.

    Raises:
      RunError: there is none, or it has another number of cores.
    """
    self.strategy()

  def strategy(self):
    """The strategy, one and the same for the whole program."""
    return _started(self)


@functools.cache
def _started(how: TpuVm):
  tpu.keep_jax_off()
  import tensorflow as tf
  resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu='local')
  return tpu.strategy(resolver, how.cores, type(how).__name__)
