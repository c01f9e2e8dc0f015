"""Networks of Keras behind the contract: noise, weights, names, sentences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ns.core import errors
from ns.models import keras_application
from ns.models import keras_network
from ns.models import weights
from ns.noise import model_noise
from tests.support import long_form
from tests.support import two_devices

Application = keras_application.KerasApplication
OFF = model_noise.ModelNoise(dropout=0, stochastic_depth=0)
layers = keras.layers


def images(count, size=8, channels=3):
  rng = np.random.default_rng(0)
  return tf.constant(
      rng.integers(0, 256, (count, size, size, channels)), tf.float32)


def functional(*noise, last=None):
  """Features of 8 x 8 images through `noise`, then logits of 5 classes."""
  inputs = layers.Input((8, 8, 3))
  features = layers.Conv2D(16, 3, activation='relu')(
      layers.Rescaling(1 / 255)(inputs))
  for layer in noise:
    features = layer(features)
  pooled = layers.GlobalAveragePooling2D()(features)
  return keras.Model(inputs, (last or layers.Dense(5))(pooled), name='own')


def seeded(network):
  return [layer for layer in network.network.layers
          if isinstance(layer, keras_network.SeededDropout)]


@pytest.fixture(scope='module')
def v2():
  """An application with both kinds of random layers."""
  return Application(name='EfficientNetV2B0', image_size=32).build(
      model_noise.ModelNoise(dropout=0.4, stochastic_depth=0.3), 5, seed=3)


# Applications.


def test_the_names_are_those_of_keras():
  found = {name for name in dir(keras.applications)
           if name[0].isupper() and callable(getattr(keras.applications, name))}
  assert set(keras_application.NAMES) == found


def test_the_smallest_sizes_are_those_of_keras():
  for name in keras_application.NAMES:
    smallest = keras_application._SMALLEST.get(name, 32)
    with pytest.raises(ValueError) as raised:
      getattr(keras.applications, name)(
          weights=None, input_shape=(smallest - 1, smallest - 1, 3), classes=5)
    assert f'must be at least {smallest}x{smallest};' in str(raised.value)


NETWORKS = [('EfficientNetB0', 3, 0.5), ('MobileNetV3Small', 3, 0.1),
            ('ResNet50', 1, 1), ('MobileNetV2', 3, 0.02)]


@pytest.mark.parametrize('name, channels, variance',
                         long_form.cases(NETWORKS, NETWORKS[1:3]))
def test_logits_are_those_of_keras(name, channels, variance, tmp_path):
  function = getattr(keras.applications, name)
  theirs = function(weights=None, input_shape=(64, 64, 3), classes=5,
                    classifier_activation=None)
  path = str(tmp_path / 'a.weights.h5')
  # What normalises is not as new, and lets the images through.
  rng = np.random.default_rng(1)
  for variable in theirs.weights:
    if variable.name in ('moving_mean', 'mean', 'bias', 'beta'):
      variable.assign(rng.normal(0, 0.1, variable.shape))
    if variable.name in ('moving_variance', 'variance'):
      variable.assign(variance * rng.uniform(0.5, 1.5, variable.shape))
  theirs.save_weights(path)
  theirs.load_weights(path)  # Normalisation takes up what was assigned.
  ours = Application(
      name=name, image_size=32, network_size=64, channels=channels,
      weights=path).build(OFF, 5)
  pixels = images(4, 32, channels)
  large = tf.image.resize(pixels, (64, 64))
  if channels == 1:
    large = tf.concat([large] * 3, -1)
  module = {'EfficientNetB0': 'efficientnet', 'MobileNetV2': 'mobilenet_v2',
            'MobileNetV3Small': 'mobilenet_v3', 'ResNet50': 'resnet'}[name]
  expected = theirs(getattr(keras.applications, module).preprocess_input(
      large.numpy()))
  scale = float(tf.math.reduce_std(expected, 0).numpy().max())
  assert 1e-4 < scale < 1e6  # The images matter.
  np.testing.assert_allclose(ours(pixels), expected, rtol=1e-3,
                             atol=1e-3 * scale)


def test_noise_is_that_of_the_declaration(v2):
  dropouts = seeded(v2)
  *depth, last = dropouts
  assert (last.rate, last.whole_image) == (0.4, False)
  assert all(layer.whole_image for layer in depth)
  assert [layer.place for layer in dropouts] == list(range(len(dropouts)))
  # Keras' blocks of B0 are 21; the residual ones grow linearly to 20 / 21.
  rates = [layer.rate * 21 / 0.3 for layer in depth]
  np.testing.assert_allclose(rates, np.round(rates), atol=1e-5)
  assert rates == sorted(rates) and round(rates[-1]) == 20
  assert not any(isinstance(layer, layers.Dropout)
                 for layer in v2._flatten_layers())


def test_equal_seeds_make_equal_noise_and_others_make_others(v2):
  pixels = images(8, 32)
  call = lambda seed, first_index=0: v2(
      pixels, training=True, noise_seed=tf.constant(seed, tf.int64),
      first_index=first_index).numpy()
  first = call(5)
  np.testing.assert_allclose(call(5), first, rtol=1e-5)
  assert abs(call(6) - first).max() > 1e-3
  assert abs(call(5, 8) - first).max() > 1e-3


def test_inference_has_no_noise_and_changes_nothing(v2):
  before = [v.numpy() for v in v2.variables]
  plain = v2(images(4, 32))
  assert plain.dtype == tf.float32
  np.testing.assert_array_equal(v2(images(4, 32), noise_seed=3), plain)
  for variable, value in zip(v2.variables, before):
    np.testing.assert_array_equal(variable, value)


def test_new_weights_are_of_the_seed(v2):
  application = Application(name='EfficientNetV2B0', image_size=32)
  build = lambda seed: application.build(model_noise.ModelNoise(), 5, seed=seed)
  same, other = build(3), build(4)
  assert [v.path for v in same.variables] == [v.path for v in v2.variables]
  kernels = 0
  for a, b, c in zip(v2.trainable_variables, same.trainable_variables,
                     other.trainable_variables, strict=True):
    np.testing.assert_array_equal(a, b)
    if 'kernel' in a.path and 'se_' not in a.path:
      kernels += 1
      assert (a.numpy() != c.numpy()).mean() > 0.9
  assert kernels > 40


def test_weights_are_saved_and_loaded_by_name(tmp_path):
  # Its layers have no names but those that Keras counts up.
  application = Application(
      name='InceptionV3', image_size=8, network_size=75, channels=1)
  noise = model_noise.ModelNoise(dropout=0.2, stochastic_depth=0)
  first, second = (application.build(noise, 5, seed=s) for s in (0, 1))
  weights.save(first, tmp_path / 'a.npz')
  weights.load(second, tmp_path / 'a.npz')
  np.testing.assert_allclose(second(images(2, channels=1)),
                             first(images(2, channels=1)), rtol=1e-4)
  dropout, = seeded(first)
  assert dropout.rate == 0.2


def test_images_that_are_too_small():
  with pytest.raises(errors.RunError) as raised:
    Application(name='InceptionV3', image_size=80).build(
        OFF, 5, image_size=32)
  message = str(raised.value)
  assert message.startswith(
      'Keras cannot build InceptionV3 for images of 32 x 32: Input size must '
      'be at least 75x75')
  assert message.endswith(
      ' A larger `KerasApplication.network_size` enlarges the images.')


def test_weights_of_another_network(tmp_path):
  path = str(tmp_path / 'a.weights.h5')
  functional().save_weights(path)
  with pytest.raises(errors.RunError) as raised:
    Application(name='MobileNetV3Small', image_size=32, weights=path).build(
        OFF, 5)
  assert str(raised.value).startswith(
      '`KerasApplication.weights` should be of MobileNetV3Small, but '
      f'`{path}` is not: ')


# Any functional network.


def test_an_image_draws_by_its_place_in_the_global_batch():
  network = keras_network.adapt(
      functional(layers.Dropout(0.5), layers.Dropout(
          0.5, noise_shape=(None, 1, 1, 1))), seed=1)
  call = lambda pixels, first_index: network(
      pixels, training=True, noise_seed=9, first_index=first_index).numpy()
  pixels = images(8)
  whole = call(pixels, 0)
  parts = [call(pixels[:3], 0), call(pixels[3:], tf.constant(3, tf.int64))]
  np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-5)
  assert abs(call(pixels[3:], 0) - parts[1]).max() > 1e-3


def test_replicas_draw_what_one_device_draws():
  strategy = two_devices.strategy()
  with strategy.scope():
    network = keras_network.adapt(functional(layers.Dropout(0.5)), seed=1)
  pixels = images(8)

  @tf.function
  def run():
    def replica():
      number = tf.distribute.get_replica_context().replica_id_in_sync_group
      return network(pixels[4 * number:4 * number + 4], training=True,
                     noise_seed=9, first_index=4 * number)
    return strategy.experimental_local_results(strategy.run(replica))

  whole = network(pixels, training=True, noise_seed=9)
  np.testing.assert_allclose(tf.concat(run(), 0), whole, rtol=1e-4, atol=1e-5)


def test_share_and_scale():
  network = keras_network.adapt(
      functional(layers.Dropout(0.25), layers.Dropout(
          0.4, noise_shape=(None, 1, 1, 1))), stochastic_depth=0.5)
  element, whole = seeded(network)
  assert (element.rate, whole.rate) == (0.25, 0.2)
  ones = tf.ones([1000, 2, 3, 4])
  with network.image_seeds.of(tf.range(1000, dtype=tf.int64)):
    by_element, by_image = (layer(ones, training=True).numpy()
                            for layer in (element, whole))
  np.testing.assert_allclose(np.unique(by_element), [0, 4 / 3], rtol=1e-6)
  assert abs((by_element == 0).mean() - 0.25) < 5 * (0.25 / 24000)**0.5
  assert len(np.unique(by_element.reshape(1000, -1), axis=0)) > 950
  np.testing.assert_allclose(np.unique(by_image), [0, 1.25], rtol=1e-6)
  assert (by_image == by_image[:, :1, :1, :1]).all()
  assert abs((by_image == 0).mean() - 0.2) < 5 * (0.2 / 1000)**0.5


def test_dropout_comes_before_the_last_layer_where_there_is_none():
  network = keras_network.adapt(functional(), dropout=0.5)
  dropout, = seeded(network)
  assert (dropout.rate, dropout.name) == (0.5, 'dropout')
  assert network.network.layers[-2] is dropout
  assert not seeded(keras_network.adapt(functional(), dropout=0))
  assert not seeded(keras_network.adapt(functional()))


def test_weights_are_kept_or_new():
  own = functional(layers.BatchNormalization())
  own.get_layer(index=3).moving_mean.assign(np.arange(16) / 100)
  kept = keras_network.adapt(own, keep_weights=True)
  np.testing.assert_allclose(kept(images(4)), own(images(4)), rtol=1e-5)
  new = keras_network.adapt(own)
  assert abs(new(images(4)) - own(images(4))).numpy().max() > 1e-3


def test_a_whole_number_among_the_statistics_becomes_a_constant():
  scale = layers.Normalization()
  own = functional(scale)
  scale.adapt_mean.assign(np.full(16, 0.5))
  scale.finalize_state()
  network = keras_network.adapt(own, keep_weights=True)
  assert all(v.dtype == 'float32' for v in network.variables)
  np.testing.assert_allclose(network(images(4)), own(images(4)), rtol=1e-5)


@pytest.mark.parametrize('jit_compile', [False, True])
def test_under_xla_the_noise_is_the_same(jit_compile):
  network = keras_network.adapt(functional(layers.Dropout(0.5)))
  compiled = tf.function(network, jit_compile=jit_compile)
  seed = tf.constant(9, tf.int64)
  np.testing.assert_allclose(
      compiled(images(4), training=True, noise_seed=seed),
      network(images(4), training=True, noise_seed=seed), rtol=1e-3, atol=1e-4)


def test_bfloat16_inside_and_float32_outside():
  own = functional(layers.Dropout(0.5))
  exact, half = (
      keras_network.adapt(own, keep_weights=True, precision=precision)
      for precision in ('float32', 'mixed_bfloat16'))
  assert half.network.layers[2](tf.zeros([1, 8, 8, 3])).dtype == tf.bfloat16
  assert all(v.dtype == 'float32' for v in half.variables)
  logits = half(images(16), training=True, noise_seed=3)
  assert logits.dtype == tf.float32
  rounded = tf.cast(tf.cast(logits, tf.bfloat16), tf.float32)
  assert (logits != rounded).numpy().mean() > 0.9
  np.testing.assert_allclose(
      logits, exact(images(16), training=True, noise_seed=3), atol=0.05)


def test_random_layers_that_the_seed_does_not_reach():
  own = lambda: functional(layers.GaussianNoise(0.1, name='fog'),
                           layers.SpatialDropout2D(0.1, name='holes'))
  with pytest.raises(ValueError) as raised:
    keras_network.adapt(own())
  assert str(raised.value) == (
      '`network` should have no random layers that the noise seed does not '
      'reach, but own has `fog` (GaussianNoise), `holes` (SpatialDropout2D); '
      'remove them, or set `allow_unseeded_noise=True`, with which a rerun is '
      'not the same.')
  allowed = keras_network.adapt(own(), allow_unseeded_noise=True)
  call = lambda: allowed(images(4), training=True, noise_seed=3).numpy()
  assert abs(call() - call()).max() > 1e-4
  # Their states are nothing that has a moving average.
  assert all(v.dtype == 'float32' for v in allowed.variables)


def attention():
  query = layers.Reshape((36, 16))
  attend = layers.MultiHeadAttention(2, 4, dropout=0.5, name='attend')
  back = layers.Reshape((6, 6, 16))

  def apply(features):
    rows = query(features)
    return back(attend(rows, rows))
  return apply


@pytest.mark.parametrize('make, told', [
    (attention, '`attend` (MultiHeadAttention)'),
    (lambda: layers.TimeDistributed(layers.Dropout(0.5), name='rows'),
     '`rows` (TimeDistributed)')])
def test_dropout_inside_another_layer_is_not_reached(make, told):
  with pytest.raises(ValueError) as raised:
    keras_network.adapt(functional(make()), dropout=0.3)
  assert f'does not reach, but own has {told}; ' in (
      ' '.join(str(raised.value).split()))
  # It is no dropout that the rate could be given to.
  allowed = keras_network.adapt(
      functional(make()), dropout=0.3, allow_unseeded_noise=True)
  assert [layer.rate for layer in seeded(allowed)] == [0.3]


def test_dropout_in_a_model_inside_is_reached():
  inner = functional(layers.Dropout(0.5))
  inputs = layers.Input((8, 8, 3))
  network = keras_network.adapt(
      keras.Model(inputs, layers.Dense(5)(inner(inputs))), dropout=0.3)
  call = lambda: network(images(4), training=True, noise_seed=3).numpy()
  np.testing.assert_allclose(call(), call(), rtol=1e-5)
  inside, = (layer for layer in network.network.layers
             if isinstance(layer, keras.Model))
  assert [layer.rate for layer in inside.layers
          if isinstance(layer, keras_network.SeededDropout)] == [0.3]
  assert not seeded(network)


@keras.saving.register_keras_serializable('ns_tests')
class Block(layers.Layer):
  """More than noise, and keeps a rate."""

  def __init__(self, drop_path_rate, **kwargs):
    super().__init__(**kwargs)
    self.drop_path_rate = drop_path_rate

  def build(self, shape):
    self.kernel = self.add_weight(shape=(shape[-1], shape[-1]), name='kernel')

  def call(self, inputs):
    return inputs @ self.kernel

  def get_config(self):
    return {**super().get_config(), 'drop_path_rate': self.drop_path_rate}


@pytest.mark.parametrize('rate', [0.1, 0.0])
def test_a_block_that_keeps_its_rate_stays(rate):
  own = functional(Block(rate))
  network = keras_network.adapt(own, keep_weights=True)
  np.testing.assert_allclose(network(images(4)), own(images(4)), rtol=1e-5)
  assert not seeded(network)


@pytest.mark.parametrize('rate', [0.4, 0.0])
def test_the_layer_of_convnext_is_replaced(rate):
  from keras.src.applications import convnext
  network = keras_network.adapt(
      functional(convnext.StochasticDepth(rate)), stochastic_depth=0.5)
  layer, = seeded(network)
  assert (layer.rate, layer.whole_image) == (rate / 2, True)


def test_a_missing_seed():
  network = keras_network.adapt(functional(layers.Dropout(0.25)))
  with pytest.raises(ValueError) as raised:
    network(images(2), training=True)
  assert ('`noise_seed` should be given when a network with dropout of 0.25 is '
          'called with `training=True`.') in str(raised.value)


def test_no_place_for_dropout():
  own = functional(last=layers.Reshape((16,)))
  with pytest.raises(ValueError) as raised:
    keras_network.adapt(own, dropout=0.5)
  assert str(raised.value) == (
      '`dropout` should be None or 0 for own, which has none and no dense '
      'layer at its end before which it could stand, but is 0.5.')


def test_a_factor_that_makes_a_rate_of_one():
  own = functional(layers.Dropout(0.5, noise_shape=(None, 1, 1, 1), name='b'))
  with pytest.raises(ValueError) as raised:
    keras_network.adapt(own, stochastic_depth=2)
  assert str(raised.value) == (
      '`stochastic_depth` should leave all rates of own below 1, but `b` would '
      'have 1.')


def test_what_is_not_functional():
  with pytest.raises(ValueError) as raised:
    keras_network.adapt(layers.Dense(3, name='d'))
  assert str(raised.value).startswith(
      '`network` should be a functional Keras model, but is <Dense name=d')
