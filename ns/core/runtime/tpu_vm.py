"""The TPU of one host. Not run: no TPU was at hand (docs/runtimes.md)."""

import dataclasses
import functools

from ns.core.runtime import tpu


@dataclasses.dataclass(frozen=True, kw_only=True)
class TpuVm(tpu.Tpu):
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
