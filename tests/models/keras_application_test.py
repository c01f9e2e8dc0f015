"""The declaration: its sentences and its canonical form, without TensorFlow."""

import hashlib

import pytest

from ns.core import errors
from ns.core import manifest
from ns.models import keras_application
from ns.noise import model_noise

Application = keras_application.KerasApplication


@pytest.mark.parametrize('fields, sentence', [
    ({'image_size': 0}, '`KerasApplication.image_size` should be a whole '
     'number of at least 1, but is 0.'),
    ({'channels': 2},
     '`KerasApplication.channels` should be one of 1, 3, but is 2.'),
    ({'image_size': 40, 'network_size': 32},
     '`KerasApplication.network_size` should be a whole number of at least 40, '
     'but is 32.'),
    ({'allow_unseeded_noise': 1},
     '`KerasApplication.allow_unseeded_noise` should be one of False, True, '
     'but is 1.'),
    ({'weights': 'imagenet'},
     '`KerasApplication.weights` should be None or the path of a file, but is '
     "'imagenet'; nothing is downloaded."),
])
def test_what_is_no_application(fields, sentence):
  with pytest.raises(ValueError) as raised:
    Application(name='ResNet50', **fields)
  assert str(raised.value) == sentence


@pytest.mark.parametrize('name, fields, field, size, smallest', [
    ('VGG16', {'image_size': 28}, 'image_size', 28, 32),
    ('Xception', {'image_size': 28, 'network_size': 70}, 'network_size', 70,
     71)])
def test_images_that_are_too_small(name, fields, field, size, smallest):
  with pytest.raises(ValueError) as raised:
    Application(name=name, **fields)
  assert str(raised.value) == (
      f'`KerasApplication.{field}` should be at least {smallest} for {name}, '
      f'but is {size}; bind `KerasApplication.network_size = {smallest}`, to '
      'which images are enlarged.')
  assert Application(name=name, image_size=28, network_size=smallest)


def test_a_name_that_keras_does_not_have():
  with pytest.raises(ValueError) as raised:
    Application(name='EfficientNetB9')
  assert str(raised.value) == (
      '`KerasApplication.name` should be a name in `keras.applications`, but '
      "is 'EfficientNetB9'; did you mean `EfficientNetB7`?")


def test_a_name_like_none():
  with pytest.raises(ValueError) as raised:
    Application(name=7)
  assert str(raised.value) == (
      '`KerasApplication.name` should be a name in `keras.applications`, but '
      'is 7.')


def test_weights_of_another_type():
  with pytest.raises(TypeError) as raised:
    Application(name='ResNet50', weights=7)
  assert str(raised.value) == (
      '`KerasApplication.weights` should be a value of type str, but is 7.')


def test_a_run_is_told_by_the_content_of_the_weights(tmp_path):
  (tmp_path / 'a.h5').write_bytes(b'weights')
  (tmp_path / 'b.h5').write_bytes(b'weights')
  plain, one, other = (
      manifest.canonical(Application(name='VGG16', weights=w)) for w in (
          None, str(tmp_path / 'a.h5'), str(tmp_path / 'b.h5')))
  assert one == other
  assert one['weights'] == hashlib.sha256(b'weights').hexdigest()
  assert plain == {
      '': 'ns.models.keras_application.KerasApplication', 'name': 'VGG16',
      'image_size': 224, 'channels': 3, 'network_size': None, 'weights': None,
      'allow_unseeded_noise': False}


def test_weights_that_are_not_there(tmp_path):
  application = Application(name='VGG16', weights=str(tmp_path / 'a.h5'))
  for use in (application.canonical,
              lambda: application.build(
                  model_noise.ModelNoise(stochastic_depth=0), 10)):
    with pytest.raises(errors.RunError) as raised:
      use()
    assert str(raised.value) == (
        f'`KerasApplication.weights` should be a file, but `{tmp_path}/a.h5` '
        'does not exist.')


def test_stochastic_depth_of_a_network_without_it():
  noise = model_noise.ModelNoise(stochastic_depth=0.2)
  Application(name='EfficientNetV2B0').check_noise(noise)
  Application(name='VGG16').check_noise(
      model_noise.ModelNoise(stochastic_depth=0))
  for use in ('check_noise', 'build'):
    application = Application(name='VGG16')
    with pytest.raises(errors.RunError) as raised:
      getattr(application, use)(noise, *([10] if use == 'build' else []))
    assert str(raised.value) == (
        '`ModelNoise.stochastic_depth` should be 0 for VGG16, which has no '
        'layer that skips a block, but is 0.2.')
