"""A slice of a TPU pod. Not run: no TPU was at hand (docs/runtimes.md)."""

import dataclasses
import functools
import os

from ns.core import checks
from ns.core import errors
from ns.core.runtime import tpu


@dataclasses.dataclass(frozen=True, kw_only=True)
class TpuPod(tpu.Tpu):
  """TPUs of several hosts, driven by the program on one of them.

  Written to what is documented of `TPUStrategy` on pods of TPU VMs, and not
  run: no TPU was at hand. This program is the coordinator, and the only one of
  the run; on every host a TensorFlow server runs, as the machine images for
  pods start it. The coordinator makes all batches and sends each core its part,
  so its processors and its network bound the rate, and its C++ kernels are
  needed nowhere else. What runs on the TPUs is plain TensorFlow, noise on the
  device (`on_device`) too.

  Attributes:
    cores: of all hosts, that TensorFlow sees, each a replica.
    name: of the TPU; where it is empty, what TPU_NAME of the environment says.
    gibibytes: the memory of each core, for the plan; None leaves it open.
  """
  cores: int
  name: str = ''

  def __post_init__(self):
    super().__post_init__()
    checks.instance(self, 'name', str)

  def start(self) -> None:
    """Keeps JAX off the TPU, connects to the servers and starts the TPU.

    Raises:
      RunError: the TPU has no name, is not there, or has another number of
        cores.
    """
    self.strategy()

  def strategy(self):
    """The strategy, one and the same for the whole program."""
    return _started(self)


@functools.cache
def _started(how: TpuPod):
  name = how.name or os.environ.get('TPU_NAME', '')
  if not name:
    raise errors.RunError(
        '`TpuPod.name` should be the name of the TPU, but is empty, and '
        '`TPU_NAME` is not in the environment; bind or set it.')
  tpu.keep_jax_off()
  import tensorflow as tf
  try:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
    tf.config.experimental_connect_to_cluster(resolver)
  except (tf.errors.OpError, ValueError, RuntimeError, OSError) as error:
    raise errors.RunError(
        f'The servers of the TPU `{name}`, which is `TpuPod.name`, do not '
        f'answer ({str(error).splitlines()[0]}); start one on each host, see '
        'docs/runtimes.md.') from error
  return tpu.strategy(resolver, how.cores, type(how).__name__)
