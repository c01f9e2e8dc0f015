"""Weights of keras.applications' EfficientNets, both ways."""

import hashlib

import h5py
import keras
from keras.src.applications import efficientnet as keras_efficientnet
from keras.src.legacy.saving import legacy_h5_format
import numpy as np
import pytest

from ns.core import errors
from ns.models import efficientnet
from ns.models import keras_weights
from ns.models import weights
from ns.noise import model_noise
from tests.models import small_nets
from tests.support import long_form

WIDTH, DEPTH, CLASSES = 0.25, 0.5, 5
SMALL = efficientnet.EfficientNet(width=WIDTH, depth=DEPTH, image_size=64)
B0 = efficientnet.EfficientNet()
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])


def images(size):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (2, size, size, 3)).astype(np.float32)


def randomise(variables, seed):
  """Numbers with which activations neither die nor grow."""
  rng = np.random.default_rng(seed)
  for v in variables:
    kind = v.path.rpartition('/')[2]
    if kind in ('moving_variance', 'gamma'):
      v.assign(rng.uniform(0.6, 1.4, v.shape))
    elif kind in ('beta', 'moving_mean', 'bias'):
      v.assign(rng.normal(0, 0.1, v.shape))
    elif kind == 'kernel':
      depthwise = 'dwconv' in v.path or 'depthwise' in v.path
      fan_in = np.prod(v.shape[:2] if depthwise else v.shape[:-1])
      v.assign(rng.normal(0, (2 / fan_in)**0.5, v.shape))


def keras_model(architecture=SMALL, classes=CLASSES, seed=1, mean=MEAN,
                variance=STD**2, size=None):
  size = size or architecture.image_size
  # Narrow ones are quick; the class for them is not public.
  made = keras_efficientnet.EfficientNet(
      architecture.width, architecture.depth, size, weights=None,
      weights_name=None, input_shape=(size, size, 3), classes=classes,
      classifier_activation=None)
  randomise(made.variables, seed)
  normalise(made, mean, variance)
  return made


def normalise(made, mean=MEAN, variance=STD**2):
  """Gives its pixels' layer statistics."""
  layer, = (layer for layer in made.layers
            if isinstance(layer, keras.layers.Normalization))
  layer.adapt_mean.assign(mean)
  layer.adapt_variance.assign(variance)
  layer.finalize_state()


def network(architecture=SMALL, classes=CLASSES, seed=2, size=64):
  made = architecture.build(model_noise.ModelNoise(), classes, image_size=size)
  randomise(made.variables, seed)
  return made


def assert_same(found, expected):
  found, expected = np.asarray(found), np.asarray(expected)
  # Else a network that gives little would pass.
  assert abs(expected).max() > 0.2
  np.testing.assert_allclose(found, expected, atol=1e-4 * abs(expected).max())


# Odd and even sizes: Keras pads by itself where TensorFlow does here.
SIZES = long_form.cases([64, 65, 75], [64, 75])


@pytest.mark.parametrize('size', SIZES)
def test_from_keras(size):
  source = keras_model(size=size)
  ours = network(size=size)
  weights.assign(ours, keras_weights.from_keras(source, SMALL), 'Keras')
  assert_same(ours(images(size), training=False),
              source(images(size), training=False))


@pytest.mark.parametrize('size', SIZES)
def test_to_keras(size):
  ours, target = network(size=size), keras_model(size=size, mean=0 * MEAN)
  keras_weights.to_keras(ours, target)
  assert_same(target(images(size), training=False),
              ours(images(size), training=False))


@pytest.mark.parametrize('name, width, depth', long_form.cases(
    [('B1', 1.0, 1.1), ('B3', 1.2, 1.4)], [('B1', 1.0, 1.1)]))
def test_names_of_larger_models(name, width, depth):
  source = getattr(keras.applications, f'EfficientNet{name}')(
      weights=None, input_shape=(32, 32, 3))
  theirs = {v.path for v in source.variables if 'seed_generator' not in v.path}
  names = keras_weights.names(
      efficientnet.EfficientNet(width=width, depth=depth))
  assert {*names.values()} == {
      path for path in theirs if not path.startswith('normalization')}


@pytest.fixture(name='published')
def make_published(tmp_path, monkeypatch):
  """A file as the published ones, and `weights='imagenet'` made from it."""
  path = tmp_path / 'efficientnetb0.weights.h5'
  # They have the deviation for the variance; a third layer makes up for it.
  keras_model(B0, 1000, seed=5, variance=STD, size=64).save_weights(path)
  monkeypatch.setattr('keras.src.applications.efficientnet.file_utils.get_file',
                      lambda *args, **kwargs: str(path))
  return path, keras.applications.EfficientNetB0(classifier_activation=None)


def test_weights_as_published(published):
  path, source = published
  arrays, origin = keras_weights.read(path, B0, 1000)
  ours = network(B0, 1000, size=224)
  weights.assign(ours, arrays, 'Keras')
  expected = source(images(224), training=False)
  assert_same(ours(images(224), training=False), expected)
  assert origin == {'path': str(path), 'copy': 'weights', 'files': {
      path.name: hashlib.sha256(path.read_bytes()).hexdigest()}}
  randomise(source.variables, 6)
  normalise(source, 0 * MEAN, STD)
  keras_weights.to_keras(ours, source)
  assert_same(source(images(224), training=False), expected)


@pytest.fixture(name='b0', scope='module')
def make_b0():
  """B0 of Keras; nobody changes it."""
  return keras_model(B0, size=32)


def legacy(made, path):
  with h5py.File(path, 'w') as file:
    legacy_h5_format.save_weights_to_hdf5_group(file, made)


@pytest.mark.parametrize('name, save', [
    ('a.weights.h5', lambda made, path: made.save_weights(path)),
    ('a.h5', legacy)])
def test_files(tmp_path, monkeypatch, b0, name, save):
  save(b0, tmp_path / name)
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', str(tmp_path))
  arrays, origin = keras_weights.read(name, B0, CLASSES)
  assert origin['path'] == name
  expected = keras_weights.from_keras(b0, B0)
  assert arrays.keys() == expected.keys()
  for path in arrays:
    np.testing.assert_array_equal(arrays[path], expected[path])


def test_other_pixels_are_bound_and_not_taken(tmp_path):
  """As of a model made with `weights=None` and never given any statistics."""
  source = keras_model(mean=0 * MEAN, variance=0 * MEAN + 1)
  with pytest.raises(errors.RunError) as raised:
    keras_weights.from_keras(source, SMALL)
  assert str(raised.value) == (
      '`the Keras model` should normalise pixels as the architecture does, but '
      'has `pixel_mean` = [0, 0, 0] and `pixel_std` = [255, 255, 255]; bind '
      'these.')
  bound = efficientnet.EfficientNet(
      width=WIDTH, depth=DEPTH, image_size=64, pixel_mean=(0, 0, 0),
      pixel_std=(255, 255, 255))
  ours = network(bound)
  weights.assign(ours, keras_weights.from_keras(source, bound), 'Keras')
  assert_same(ours(images(64), training=False),
              source(images(64), training=False))


# Wrong models and files.


def read_error(path, **changes):
  with pytest.raises(errors.RunError) as raised:
    keras_weights.read(path, **{'architecture': B0, 'classes': CLASSES,
                                **changes})
  return str(raised.value)


def test_no_such_file(tmp_path):
  assert read_error(tmp_path / 'a.h5') == (
      f'`{tmp_path}/a.h5` should be weights of Keras, but does not exist.')


def test_a_name_that_keras_does_not_know(tmp_path):
  (tmp_path / 'a.ckpt').touch()
  assert read_error(tmp_path / 'a.ckpt') == (
      f'`{tmp_path}/a.ckpt` should be weights of Keras, of a name that ends '
      'with `.weights.h5` or `.h5`, by which Keras tells the two formats '
      'apart.')


@pytest.mark.parametrize('name', ['a.h5', 'a.weights.h5'])
def test_a_damaged_file(tmp_path, name):
  (tmp_path / name).write_bytes(b'no such format')
  assert read_error(tmp_path / name).startswith(
      f'`{tmp_path}/{name}` should be weights of Keras of this network with 5 '
      'classes, but Keras refuses it: Unable to ')


OTHERS = [{'classes': 6},
          {'architecture': efficientnet.EfficientNet(depth=1.1)},
          {'architecture': efficientnet.EfficientNet(width=1.1, depth=1.2)}]


@pytest.mark.parametrize('changes', long_form.cases(OTHERS, OTHERS[:2]))
def test_a_file_of_another_network(tmp_path, b0, changes):
  b0.save_weights(tmp_path / 'a.weights.h5')
  # 5 classes; with moving statistics, and mean and variance of the pixels.
  count = 5_288_548 - 995 * 1281 + 42_016 + 6
  assert f'Keras refuses it: it has {count:,} numbers, and the network ' in (
      read_error(tmp_path / 'a.weights.h5', **changes))


def test_a_file_of_as_many_numbers(tmp_path, b0):
  """Keras itself looks at the shapes."""
  with h5py.File(tmp_path / 'a.h5', 'w') as file:
    legacy_h5_format.save_weights_to_hdf5_group(file, b0)
    kernel = file['predictions']['predictions']['kernel']
    turned = np.transpose(kernel[()])
    del file['predictions']['predictions']['kernel']
    file['predictions']['predictions']['kernel'] = turned
  assert read_error(tmp_path / 'a.h5').startswith(
      f'`{tmp_path}/a.h5` should be weights of Keras of this network with 5 '
      'classes, but Keras refuses it: ')


def test_a_model_of_another_depth():
  with pytest.raises(errors.RunError) as raised:
    keras_weights.from_keras(keras_model(), efficientnet.EfficientNet(
        width=WIDTH, depth=0.3))
  assert str(raised.value).startswith(
      '`the Keras model` should have exactly the variables of the network, but '
      'has also block4b_bn/beta, ')
  with pytest.raises(errors.RunError) as raised:
    keras_weights.from_keras(keras_model(), efficientnet.EfficientNet(
        width=WIDTH, depth=1.1))
  assert ' but lacks block' in str(raised.value)


def test_a_target_without_its_top():
  target = keras.applications.EfficientNetB0(
      weights=None, input_shape=(32, 32, 3), include_top=False)
  before = target.get_layer('stem_conv').kernel.numpy()
  with pytest.raises(errors.RunError) as raised:
    keras_weights.to_keras(network(B0, 1000, size=32), target)
  assert str(raised.value) == (
      'The Keras model should have `predictions/kernel`, but has not; is it of '
      'another model, or without its top?')
  np.testing.assert_array_equal(target.get_layer('stem_conv').kernel, before)


def test_a_target_of_another_width():
  with pytest.raises(errors.RunError) as raised:
    keras_weights.to_keras(network(), keras_model(
        efficientnet.EfficientNet(width=0.5, depth=DEPTH, image_size=64)))
  assert str(raised.value) == (
      'The Keras model should have `stem_conv/kernel` of shape (3, 3, 3, 8), '
      'but has (3, 3, 3, 16).')


@pytest.mark.parametrize('architecture, name', [
    (small_nets.mixed(), 'block_groups'),
    (efficientnet.EfficientNet(stem_stride=1), 'stem_stride'),
    (efficientnet.EfficientNet(stem_filters=16), 'stem_filters'),
    (efficientnet.EfficientNet(head_filters=16), 'head_filters')])
def test_a_network_that_keras_does_not_have(architecture, name):
  for function in (keras_weights.names,
                   lambda made: keras_weights.model(made, 5)):
    with pytest.raises(ValueError) as raised:
      function(architecture)
    assert str(raised.value) == (
        f'`architecture.{name}` should be that of B0, since Keras has no '
        f'other, but is {getattr(architecture, name)}.')


def test_a_width_that_keras_does_not_have():
  with pytest.raises(ValueError) as raised:
    keras_weights.model(SMALL, 5)
  assert str(raised.value) == (
      '`architecture` should have the width and depth of one of B0 to B7, '
      'which Keras has, but has 0.25 and 0.5.')


@pytest.mark.parametrize('number, width, depth', [
    (0, 1.0, 1.0), (1, 1.0, 1.1), (2, 1.1, 1.2), (3, 1.2, 1.4), (4, 1.4, 1.8),
    (5, 1.6, 2.2), (6, 1.8, 2.6), (7, 2.0, 3.1)])
def test_which_of_keras_models_it_is(monkeypatch, number, width, depth):
  monkeypatch.setattr(keras.applications, f'EfficientNetB{number}',
                      lambda **fields: fields)
  assert keras_weights.model(
      efficientnet.EfficientNet(width=width, depth=depth), 5, 32) == {
          'weights': None, 'input_shape': (32, 32, 3), 'classes': 5,
          'classifier_activation': None}


def test_a_model_that_is_no_efficientnet():
  other = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
  with pytest.raises(errors.RunError) as raised:
    keras_weights.from_keras(other, SMALL)
  assert str(raised.value) == (
      '`the Keras model` should be an EfficientNet of `keras.applications`, '
      'but has no `Normalization`.')
