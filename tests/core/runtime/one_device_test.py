"""The one device of a run."""

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


def test_a_cpu_computes_in_the_hosts_memory():
  cpu, gpu = runtime.OneDevice(), runtime.OneDevice(device='gpu')
  assert (cpu.on_host, gpu.on_host) == (True, False)
  assert cpu.memory_bytes() == runtime.host_bytes()
  assert gpu.memory_bytes() == runtime.gpu_bytes()
  assert cpu.replicas == cpu.strategy().num_replicas_in_sync == 1
