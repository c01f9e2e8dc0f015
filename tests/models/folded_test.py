"""Folding: the network's function, with every kind of block."""

import numpy as np
import pytest
import tensorflow as tf

from ns.models import batch_norm
from ns.models import folded
from ns.noise import model_noise
from tests.models import plain_network
from tests.models import small_nets

NORM = batch_norm.BatchNorm(epsilon=0.05)


@pytest.fixture(scope='module')
def network():
  """With variables that are not those of a new one."""
  made = small_nets.mixed(normalization=NORM).build(
      model_noise.ModelNoise(), 7)
  rng = np.random.default_rng(1)
  for variable in made.variables:
    drawn = rng.uniform(0.2, 2, variable.shape).astype(np.float32)
    if variable.name in ('gamma', 'moving_variance'):
      variable.assign(drawn)
    elif variable.name in ('beta', 'moving_mean', 'bias'):
      variable.assign(drawn - 1)
  return made


def images(count=6):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8)


@pytest.mark.parametrize('most', [0, 2**28])
def test_logits_are_the_networks(network, monkeypatch, most):
  monkeypatch.setattr(folded, '_MOST_CONSTANTS', most)
  function = tf.function(folded.logits(network))
  pixels = images().astype(np.float32)
  result = function(images())
  assert result.dtype == tf.float32 and result.shape == (6, 7)
  expected = network(pixels)
  np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)
  np.testing.assert_allclose(
      result, plain_network.logits(network.architecture,
                                   plain_network.weights(network), pixels),
      rtol=1e-4, atol=1e-4)
  assert expected.numpy().std() > 0.1
  kinds = [op.type for op in
           function.get_concrete_function(images()).graph.get_operations()]
  assert not any('BatchNorm' in kind for kind in kinds)
  # Given to the graph from outside, or written in it.
  assert (sum(kind == 'Placeholder' for kind in kinds) > 10) == (most == 0)


def test_bfloat16_is_inside(network):
  function = tf.function(folded.logits(network, tf.bfloat16))
  graph = function.get_concrete_function(images()).graph
  convolutions = [op for op in graph.get_operations() if 'Conv2d' in op.type
                  or op.type == 'Conv2D']
  assert len(convolutions) > 20
  assert {op.outputs[0].dtype for op in convolutions} == {tf.bfloat16}
  result = function(images())
  assert result.dtype == tf.float32
  expected = network(images().astype(np.float32)).numpy()
  assert abs(result - expected).numpy().max() < 0.15 * expected.std()
