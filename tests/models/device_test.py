"""Where expressions are compiled into one pass, and that they stay the same."""

import numpy as np
import pytest
import tensorflow as tf

from ns.models import device

LARGE = tf.constant(np.linspace(-9, 9, 2**19), tf.float32)


@pytest.fixture
def calls():
  """Where the expression was evaluated: each graph's name, or eagerly."""
  return []


@pytest.fixture
def expression(calls):

  @device.one_pass
  def function(x, y):
    calls.append(tf.compat.v1.get_default_graph().name
                 if not tf.executing_eagerly() else 'eager')
    return x * tf.sigmoid(y) + 1

  return function


def is_compiled(function, *tensors):
  graph = tf.function(function).get_concrete_function(*tensors).graph
  return any('PartitionedCall' in op.type for op in graph.get_operations())


def test_large_tensors_are_compiled(expression):
  assert device.is_cpu()  # as this test's machine should be
  assert is_compiled(expression, LARGE, LARGE)
  exact = LARGE.numpy().astype(np.float64)
  np.testing.assert_allclose(
      tf.function(expression)(LARGE, LARGE),
      exact / (1 + np.exp(-exact)) + 1, rtol=1e-5, atol=1e-6)


def test_small_tensors_and_unknown_sizes_are_not(expression):
  assert not is_compiled(expression, LARGE[1:], LARGE[1:])
  spec = tf.TensorSpec([None], tf.float32)
  assert not is_compiled(expression, spec, spec)


def test_eager_calls_are_not(expression, calls):
  expression(LARGE, LARGE)
  assert calls == ['eager']


@pytest.mark.parametrize('kind', ['GPU', 'TPU'])
def test_other_devices_run_the_operations(expression, monkeypatch, kind):
  devices = [tf.config.LogicalDevice('/cpu:0', 'CPU'),
             tf.config.LogicalDevice(f'/{kind}:0', kind)]
  monkeypatch.setattr(tf.config, 'list_logical_devices', lambda: devices)
  assert not device.is_cpu()
  assert not is_compiled(expression, LARGE, LARGE)
