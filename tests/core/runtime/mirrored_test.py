"""Several devices of a machine; training on them is in tests/training."""

import pytest

from ns.core import errors
from ns.core import runtime


def test_several_devices_share_the_hosts_memory():
  cpus = runtime.Mirrored(devices=4, device='cpu')
  assert (cpus.replicas, cpus.on_host) == (4, True)
  assert cpus.memory_bytes() == runtime.host_bytes() // 4
  gpus = runtime.Mirrored(devices=2)
  assert not gpus.on_host and gpus.memory_bytes() == runtime.gpu_bytes()


def test_more_devices_than_there_are():
  with pytest.raises(errors.RunError) as raised:
    runtime.Mirrored(devices=3).strategy()
  assert str(raised.value) == (
      '`Mirrored.devices` is 3, but TensorFlow finds 0 GPU here; bind as many '
      'as there are, or `runtime.OneDevice()` for one.')


def test_one_device_is_not_several():
  with pytest.raises(ValueError) as raised:
    runtime.Mirrored(devices=1)
  assert str(raised.value) == (
      '`Mirrored.devices` should be a whole number of at least 2, but is 1.')
