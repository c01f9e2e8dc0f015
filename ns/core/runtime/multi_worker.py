"""Several hosts, each with a program of its own."""

import dataclasses
import functools
import sys

from ns.core import checks
from ns.core import errors
from ns.core import termination
from ns.core.runtime import cluster as cluster_lib
from ns.core.runtime import memory
from ns.core.runtime import mirrored
from ns.core.runtime import rendezvous


@dataclasses.dataclass(frozen=True, kw_only=True)
class MultiWorker:
  """Several hosts of the same kind, each with a part of every batch.

  The same command is started on each, with the environment variable TF_CONFIG,
  which says what hosts there are and which of them it is (`cluster`). They
  share `--work_dir`. The first host is the chief, which alone writes there what
  they share. A host that dies ends all; the same command on all of them goes
  on.

  A batch should come out whole on each device, and lanes on each host
  (`mixture`). For the weights of one device, up to rounding, the normalisation
  takes its statistics over all replicas (`models.BatchNorm.replicas = 'all'`).

  Attributes:
    devices: how many each host has; of processors 1.
    device: 'gpu' or 'cpu'.
    start_seconds: how long a host waits for the others to be started.
  """
  devices: int = 1
  device: str = 'gpu'
  start_seconds: float = 600.0

  def __post_init__(self):
    checks.integer(self, 'devices', at_least=1)
    checks.one_of(self, 'device', ('cpu', 'gpu'))
    checks.number(self, 'start_seconds', above=0)
    if self.device == 'cpu' and self.devices > 1:
      raise ValueError(
          "`MultiWorker.devices` should be 1 where `MultiWorker.device` is "
          f"'cpu', but is {self.devices}; start more programs on the host.")

  @property
  def workers(self) -> int:
    """Raises RunError if TF_CONFIG is missing or wrong, as the next three."""
    return len(cluster_lib.Cluster.from_environment().addresses)

  @property
  def worker(self) -> int:
    return cluster_lib.Cluster.from_environment().worker

  @property
  def is_chief(self) -> bool:
    return self.worker == 0

  @property
  def replicas(self) -> int:
    return self.workers * self.devices

  @property
  def on_host(self) -> bool:
    return self.device == 'cpu'

  def memory_bytes(self) -> int | None:
    return memory.of(self.device, 1)

  def start(self) -> None:
    """Waits for the other hosts and connects to them.

    Raises:
      RunError: TF_CONFIG is missing or wrong, a host does not come, or this one
        has fewer devices.
    """
    self.strategy()

  def strategy(self):
    """The strategy, one and the same for the whole program."""
    return _started(self, cluster_lib.Cluster.from_environment())[0]

  def local_strategy(self):
    """The devices of this host."""
    import tensorflow as tf
    self.start()
    if self.devices == 1:
      return tf.distribute.OneDeviceStrategy(f'/{self.device}:0')
    return mirrored.over('MultiWorker.devices', self.device, self.devices)

  def hosts(self):
    """A `hosts.Hosts`."""
    return _hosts(self, cluster_lib.Cluster.from_environment())


@functools.cache
def _started(how: MultiWorker, cluster: cluster_lib.Cluster):
  """The strategy, and the connections of this host to others."""
  import tensorflow as tf
  gpus = tf.config.list_physical_devices('GPU')
  wanted = how.devices if how.device == 'gpu' else 0
  if len(gpus) < wanted:
    raise errors.RunError(
        f'`MultiWorker.devices` is {wanted}, but TensorFlow finds {len(gpus)} '
        f'GPU on worker {cluster.worker}; bind as many as each host has, or '
        "`MultiWorker.device = 'cpu'`.")
  tf.config.set_visible_devices(gpus[:wanted], 'GPU')
  print(f'waiting for all {len(cluster.addresses)} hosts to start',
        file=sys.stderr, flush=True)
  joined = rendezvous.meet(cluster, how.start_seconds)
  kinds = tf.distribute.experimental.CommunicationImplementation
  strategy = tf.distribute.MultiWorkerMirroredStrategy(
      communication_options=tf.distribute.experimental.CommunicationOptions(
          implementation=kinds.AUTO if wanted else kinds.RING))
  # TensorFlow has taken SIGTERM for itself.
  termination.hear_again()
  return strategy, joined


@functools.cache
def _hosts(how: MultiWorker, cluster: cluster_lib.Cluster):
  from ns.core.runtime import hosts
  _, joined = _started(how, cluster)
  return hosts.Hosts(cluster.worker, len(cluster.addresses), joined)
