"""TPUs, as far as that can be tested without one."""

import os
import types

import pytest
import tensorflow as tf

from ns.core import errors
from ns.core import runtime


@pytest.fixture
def tpu(monkeypatch):
  """Stands for TensorFlow's TPU of eight cores; a list of what is done."""
  done = []
  resolver = lambda tpu: done.append(('resolve', tpu)) or 'resolver'
  monkeypatch.setattr(tf.distribute.cluster_resolver, 'TPUClusterResolver',
                      resolver)
  monkeypatch.setattr(tf.config, 'experimental_connect_to_cluster',
                      lambda found: done.append(('connect', found)))
  monkeypatch.setattr(tf.tpu.experimental, 'initialize_tpu_system',
                      lambda found: done.append(('initialise', found)))
  monkeypatch.setattr(
      tf.distribute, 'TPUStrategy',
      lambda found: types.SimpleNamespace(num_replicas_in_sync=8))
  monkeypatch.setenv('JAX_PLATFORMS', 'tpu')
  return done


def test_the_tpu_of_a_host(tpu):
  vm = runtime.TpuVm(gibibytes=16.0)
  assert vm.strategy().num_replicas_in_sync == vm.replicas == 8
  vm.start()
  assert vm.local_strategy() is vm.strategy()  # Started once.
  assert tpu == [('resolve', 'local'), ('initialise', 'resolver')]
  assert os.environ['JAX_PLATFORMS'] == 'cpu'
  assert (vm.workers, vm.worker, vm.is_chief, vm.on_host) == (1, 0, True, False)
  assert vm.memory_bytes() == 16 * 2**30
  assert runtime.TpuVm(cores=4).memory_bytes() is None


def test_the_tpus_of_a_pod(tpu, monkeypatch):
  monkeypatch.setenv('TPU_NAME', 'ns')
  runtime.TpuPod(cores=8).start()
  runtime.TpuPod(cores=8, name='other').start()
  assert tpu == [
      step for name in ('ns', 'other') for step in (
          ('resolve', name), ('connect', 'resolver'),
          ('initialise', 'resolver'))]
  assert runtime.TpuPod(cores=8, gibibytes=0.5).memory_bytes() == 2**29


def test_a_pod_has_a_name(monkeypatch):
  monkeypatch.delenv('TPU_NAME', raising=False)
  with pytest.raises(errors.RunError) as caught:
    runtime.TpuPod(cores=16).start()
  assert str(caught.value) == (
      '`TpuPod.name` should be the name of the TPU, but is empty, and '
      '`TPU_NAME` is not in the environment; bind or set it.')


@pytest.mark.parametrize('other', [
    runtime.TpuVm(cores=2), runtime.TpuPod(cores=2, name='two')])
def test_another_number_of_cores(tpu, other):
  with pytest.raises(errors.RunError) as caught:
    other.start()
  kind = type(other).__name__
  assert str(caught.value) == (
      f'`{kind}.cores` should be 8, what TensorFlow finds, but is 2; bind that.')


def test_there_is_none(tpu, monkeypatch):
  def fail(resolver):
    raise tf.errors.NotFoundError(None, None, 'no device\nand more')

  monkeypatch.setattr(tf.tpu.experimental, 'initialize_tpu_system', fail)
  with pytest.raises(errors.RunError) as caught:
    runtime.TpuVm(cores=1).start()
  assert str(caught.value) == (
      '`runtime.TpuVm` is bound, but TensorFlow does not start a TPU here (no '
      'device); install the packages of `requirements_tpu_lock.txt` on a TPU '
      'VM that no other program uses, or bind `runtime.OneDevice()`.')


def test_servers_that_do_not_answer(tpu, monkeypatch):
  def fail(tpu):
    raise ValueError('nobody')

  monkeypatch.setattr(tf.distribute.cluster_resolver, 'TPUClusterResolver',
                      fail)
  with pytest.raises(errors.RunError) as caught:
    runtime.TpuPod(cores=4, name='away').start()
  assert str(caught.value) == (
      'The servers of the TPU `away`, which is `TpuPod.name`, do not answer '
      '(nobody); start one on each host, see docs/runtimes.md.')


@pytest.mark.parametrize('make, said', [
    (lambda: runtime.TpuVm(cores=0),
     '`TpuVm.cores` should be a whole number of at least 1, but is 0.'),
    (lambda: runtime.TpuPod(cores=8, gibibytes=0),
     '`TpuPod.gibibytes` should be a number above 0, but is 0.')])
def test_wrong_fields(make, said):
  with pytest.raises(ValueError) as caught:
    make()
  assert str(caught.value) == said
