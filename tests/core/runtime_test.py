"""The one device of a run."""

import os

import pytest
import tensorflow as tf

from ns.core import errors
from ns.core import runtime


def test_a_function_runs_on_the_device():
  strategy = runtime.OneDevice().strategy()
  assert strategy.num_replicas_in_sync == 1
  with strategy.scope():
    weight = tf.Variable(2.0)

  @tf.function
  def step():
    def replica():
      weight.assign_add(3.0)
      return weight * tf.ones([2])
    return strategy.run(replica)

  result = step()
  assert result.numpy().tolist() == [5.0, 5.0]
  assert weight.device.endswith('CPU:0') and result.device.endswith('CPU:0')


def test_a_device_that_is_not_here(monkeypatch):
  found = {'CPU': ['a device'], 'GPU': []}
  monkeypatch.setattr(tf.config, 'list_logical_devices', found.get)
  with pytest.raises(errors.RunError) as raised:
    runtime.OneDevice(device='gpu').strategy()
  assert str(raised.value) == (
      "`OneDevice.device` is 'gpu', but TensorFlow finds no GPU here; build "
      'with `--config=gpu` on a machine that has one, or bind '
      "`OneDevice.device = 'cpu'`.")


def test_a_gpu_is_the_first(monkeypatch):
  placed = []
  monkeypatch.setattr(tf.config, 'list_logical_devices', lambda kind: [kind])
  monkeypatch.setattr(tf.distribute, 'OneDeviceStrategy', placed.append)
  runtime.OneDevice(device='gpu').strategy()
  assert placed == ['/gpu:0']


def test_a_device_of_another_kind():
  with pytest.raises(ValueError) as raised:
    runtime.OneDevice(device='tpu')
  assert str(raised.value) == (
      "`OneDevice.device` should be one of 'cpu', 'gpu', but is 'tpu'.")


def test_the_hosts_memory(monkeypatch, tmp_path):
  monkeypatch.setattr(runtime, '_LIMITS', (str(tmp_path / 'none'),))
  whole = runtime.host_bytes()
  assert whole == os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  limits = tmp_path / 'two', tmp_path / 'one'
  monkeypatch.setattr(runtime, '_LIMITS', tuple(map(str, limits)))
  limits[0].write_text('max\n')
  assert runtime.host_bytes() == whole
  limits[1].write_text('1234567\n')
  assert runtime.host_bytes() == 1234567
  # The one of version 1 where there is no limit.
  limits[1].write_text('9223372036854771712\n')
  assert runtime.host_bytes() == whole


def test_a_system_that_does_not_tell(monkeypatch):
  monkeypatch.setattr(runtime, '_LIMITS', ())
  monkeypatch.delattr(os, 'sysconf')
  assert runtime.host_bytes() is None


def test_a_cpu_computes_in_the_hosts_memory():
  cpu, gpu = runtime.OneDevice(), runtime.OneDevice(device='gpu')
  assert (cpu.on_host, gpu.on_host) == (True, False)
  assert cpu.memory_bytes() == runtime.host_bytes()
  assert gpu.memory_bytes() == runtime.gpu_bytes()
  assert cpu.replicas == cpu.strategy().num_replicas_in_sync == 1


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


@pytest.mark.parametrize('told, expected', [
    ('81559\n40960\n', 40960 * 2**20), ('81559\n', 81559 * 2**20), ('', None),
    ('[N/A]\n', None)])
def test_the_smallest_gpu_counts(monkeypatch, tmp_path, told, expected):
  program = tmp_path / 'nvidia-smi'
  program.write_text(f'#!/bin/sh\nprintf "{told}"\n')
  program.chmod(0o755)
  monkeypatch.setenv('PATH', f'{tmp_path}:/bin:/usr/bin')
  assert runtime.gpu_bytes() == expected


def test_without_a_driver_the_memory_of_a_gpu_is_not_known(
    monkeypatch, tmp_path):
  monkeypatch.setenv('PATH', str(tmp_path))
  assert runtime.gpu_bytes() is None
