"""The hardware of a run, as one object. Nothing else asks what it runs on.

A runtime offers

  start(): what comes before anything else that TensorFlow does.
  strategy(): a `tf.distribute` strategy of all devices, for training.
  local_strategy(): one of this host's devices, whose work needs no other host.
  hosts(): the hosts of the run, for what they do together (`hosts`).
  replicas: how many devices share a batch, of all hosts.
  workers, worker, is_chief: how many hosts there are, which of them this is,
    from 0, and whether it is the first, which alone writes what they share.
  on_host: whether the devices compute in the host's memory.
  memory_bytes(): the memory that each device has, None where that is not known
    without TensorFlow.

Free of TensorFlow until something is started.
"""

from ns.core.runtime.memory import gpu_bytes
from ns.core.runtime.memory import host_bytes
from ns.core.runtime.mirrored import Mirrored
from ns.core.runtime.multi_worker import MultiWorker
from ns.core.runtime.one_device import OneDevice
from ns.core.runtime.tpu_pod import TpuPod
from ns.core.runtime.tpu_vm import TpuVm
