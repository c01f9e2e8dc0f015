"""Weight decay in numpy, and what it leaves out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.objective import weight_decay
from tests.support import tiny


def by_hand(variables, factor):
  return factor * sum(
      (v.numpy().astype(np.float64)**2).sum() for v in variables) / 2


def paths(variables):
  return {v.path for v in variables}


def test_the_penalty_is_half_the_squares():
  rng = np.random.default_rng(0)
  variables = [keras.Variable(rng.normal(size=shape), dtype='float32')
               for shape in ((3, 3, 2, 4), (4,))]
  result = weight_decay.penalty(variables, 0.01)
  assert result.dtype == tf.float32 and result.shape == ()
  np.testing.assert_allclose(result, by_hand(variables, 0.01), rtol=1e-6)
  assert weight_decay.penalty(variables, 0.0) == 0
  assert weight_decay.penalty([], 0.5) == 0


def test_the_gradient_is_factor_times_the_variable():
  variable = keras.Variable(np.random.default_rng(0).normal(size=(3, 4)),
                            dtype='float32')
  with tf.GradientTape() as tape:
    loss = weight_decay.penalty([variable], 0.25)
  np.testing.assert_allclose(tape.gradient(loss, variable.value),
                             0.25 * variable.numpy(), rtol=1e-6)


def test_of_our_network_all_but_gamma_and_beta_decay():
  network = tiny.architecture().build(noise.ModelNoise(), 4, seed=0)
  expected = {p for p in paths(network.trainable_variables)
              if p.rsplit('/', 1)[1] not in ('gamma', 'beta')}
  assert paths(weight_decay.decayed(network)) == expected
  # Kernels, depthwise too, and the biases of squeeze and excitation.
  assert sum(p.endswith('bias') for p in expected) == 3
  assert any('depthwise' in p for p in expected)


def test_the_networks_order_is_kept():
  network = tiny.architecture().build(noise.ModelNoise(), 4, seed=0)
  decayed = [v.path for v in weight_decay.decayed(network)]
  every = [v.path for v in network.trainable_variables]
  assert decayed == [path for path in every if path in decayed]


def test_frozen_variables_do_not_decay():
  model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3),
                            keras.layers.Dense(2, name='last')])
  model.layers[0].trainable = False
  assert paths(weight_decay.decayed(model)) == {
      v.path for v in model.get_layer('last').variables}


class Scale(keras.layers.Layer):
  """As ConvNeXt's: a `gamma` that is not of normalisation."""

  def build(self, input_shape):
    self.gamma = self.add_weight(name='gamma', shape=(input_shape[-1],),
                                 initializer='ones')

  def call(self, inputs):
    return inputs * self.gamma


@pytest.mark.parametrize('kind, count', [
    (keras.layers.BatchNormalization, 2), (keras.layers.LayerNormalization, 2),
    (lambda: keras.layers.GroupNormalization(2), 2),
    (keras.layers.RMSNormalization, 1)])
def test_normalisation_is_seen_by_its_layer(kind, count):
  inner = keras.Sequential([keras.Input((6, 6, 4)), keras.layers.Conv2D(4, 3),
                            kind(), Scale(name='scale')], name='inner')
  model = keras.Sequential([
      keras.Input((6, 6, 4)), inner, keras.layers.Flatten(),
      keras.layers.SpectralNormalization(keras.layers.Dense(3))])
  every, decayed = model.trainable_variables, weight_decay.decayed(model)
  assert len(every) == 2 + count + 1 + 2
  assert len(decayed) == 5
  assert {v.name for v in decayed} == {'kernel', 'bias', 'gamma'}


@pytest.mark.parametrize('make, normalisations', [
    (lambda: keras.applications.MobileNetV2(weights=None, classes=3,
                                            input_shape=(32, 32, 3)), 52),
    (lambda: keras.applications.EfficientNetB0(weights=None, classes=3,
                                               input_shape=(32, 32, 3)), 49)])
def test_networks_of_keras(make, normalisations):
  model = make()
  left_out = paths(model.trainable_variables) - paths(
      weight_decay.decayed(model))
  assert len(left_out) == 2 * normalisations
  assert left_out == {
      v.path for layer in model.layers for v in layer.trainable_variables
      if isinstance(layer, keras.layers.BatchNormalization)}
