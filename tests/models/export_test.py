"""Exported networks, run by what they are for: TensorFlow alone, and others."""

import dataclasses
import io
import json
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import onnxruntime
from PIL import Image
import pytest
import tensorflow as tf

from ns import images as images_lib
from ns import models
from ns.core import errors
from ns.images import encode
from ns.models import efficientnet
from ns.models import export
from ns.models import exporting
from ns.models import inference
from ns.noise import model_noise
from tests.support import tiny

SIZE, CLASSES = 64, 10
NAMES = [f'class {index}' for index in range(CLASSES)]
CROP = images_lib.CentreCrop(padding=32)


def rough(count, size, channels, seed=3):
  """Images of large squares: [count, size, size, channels] uint8."""
  rng = np.random.default_rng(seed)
  squares = rng.integers(0, 256, (count, 4, 4, channels))
  return squares.repeat(size // 4, 1).repeat(size // 4, 2).astype(np.uint8)


def network(architecture, classes, size):
  """As if trained: with the statistics of images, and sure of its classes."""
  architecture = dataclasses.replace(
      architecture, normalization=models.BatchNorm(momentum=0.0))
  quiet = model_noise.ModelNoise(dropout=0.0, stochastic_depth=0.0)
  made = architecture.build(quiet, classes, image_size=size)
  made(rough(16, size, architecture.channels, 5).astype(np.float32),
       training=True)
  kernel = made.classifier.kernel
  rng = np.random.default_rng(0)
  kernel.assign(rng.normal(0, 4 / kernel.shape[0]**0.5, kernel.shape))
  return made


def run(formats, made, folder, *, crop=CROP, size=SIZE, channels=3,
        names=NAMES):
  return exporting.Export(formats=formats).run(
      made, folder, class_names=names, image_size=size, channels=channels,
      crop=crop, provenance={'train': 'abc'})


@pytest.fixture(name='b0', scope='module')
def make_b0(tmp_path_factory):
  """A shallow B0 in all formats: the network, the folder, the results."""
  folder = tmp_path_factory.mktemp('b0')
  made = network(efficientnet.EfficientNet(depth=0.5), CLASSES, SIZE)
  return made, folder, run(list(exporting.FORMATS), made, folder)


def photos():
  """Smooth images of several sizes, shapes and formats, as bytes."""
  rng = np.random.default_rng(1)
  encoded = []
  for size, form in (((80, 60), 'JPEG'), ((64, 64), 'PNG'), ((50, 90), 'JPEG'),
                     ((300, 200), 'JPEG')):
    small = rng.integers(0, 256, (7, 5, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(
        buffer, form)
    encoded.append(buffer.getvalue())
  return encoded


def evaluated(made, encoded, crop=CROP, size=SIZE, channels=3):
  """What the evaluation gives: its crop, then the predictor."""
  return inference.predictor(made)(np.stack([
      crop.apply(tf.constant(image), size, channels)[0] for image in encoded]))


# A process that knows nothing of this project. Lists are of encoded images, and
# arrays are pixels.
SERVE = """
import pickle, sys
sys.path[:] = {path}
import numpy as np, tensorflow as tf
loaded = tf.saved_model.load({folder!r})
with open({inputs!r}, 'rb') as file:
  given = pickle.load(file)
answers = []
for images in given:
  name = 'serving_default' if isinstance(images, list) else 'images'
  answers.append({{
      k: v.numpy().astype(str) if v.dtype == tf.string else v.numpy()
      for k, v in loaded.signatures[name](tf.constant(images)).items()}})
with open({outputs!r}, 'wb') as file:
  pickle.dump(answers, file)
assert not [m for m in sys.modules if m == 'ns' or m.startswith('ns.')]
"""


def damaged():
  """Of six encoded images each second one does not decode."""
  good = photos()
  return [good[0], b'', good[1], b'no image', good[2], good[3][:90]]


def random_pixels(height, width):
  rng = np.random.default_rng(2)
  return rng.integers(0, 256, (3, height, width, 3)).astype(np.uint8)


@pytest.fixture(name='served', scope='module')
def serve(b0, tmp_path_factory):
  """The answers of a process with TensorFlow alone, which loads B0 once."""
  tmp_path = tmp_path_factory.mktemp('served')
  # The packages, and not the folder of this project.
  path = [p for p in sys.path if p and not os.path.isdir(os.path.join(p, 'ns'))]
  given = {'photos': photos(), 'damaged': damaged(),
           (64, 64): random_pixels(64, 64), (90, 71): random_pixels(90, 71)}
  (tmp_path / 'in').write_bytes(pickle.dumps(list(given.values())))
  subprocess.run([sys.executable, '-c', SERVE.format(
      path=path, folder=str(b0[1] / 'saved_model'),
      inputs=str(tmp_path / 'in'), outputs=str(tmp_path / 'out'))],
                 check=True, cwd=tmp_path)
  return dict(zip(given, pickle.loads((tmp_path / 'out').read_bytes())))


def test_encoded_images_in_a_process_with_tensorflow_alone(b0, served):
  expected = evaluated(b0[0], photos())
  # Else a network that says the same of all would pass.
  assert expected.std(0).max() > 0.02
  found = served['photos']
  assert set(found) == {'probabilities', 'classes', 'is_good'}
  np.testing.assert_allclose(found['probabilities'], expected, atol=1e-5)
  assert found['classes'].tolist() == [NAMES] * len(expected)
  assert found['is_good'].all()


def test_a_broken_image_costs_no_other_its_answer(b0, served):
  found = served['damaged']
  assert found['is_good'].tolist() == [True, False, True, False, True, False]
  np.testing.assert_allclose(found['probabilities'][::2],
                             evaluated(b0[0], photos()[:3]), atol=1e-5)
  # No class at all, so that no threshold is passed.
  np.testing.assert_array_equal(found['probabilities'][1::2], 0)


@pytest.mark.parametrize('height, width', [(64, 64), (90, 71)])
def test_pixels_in_a_process_with_tensorflow_alone(b0, served, height, width):
  found = served[height, width]
  expected = evaluated(
      b0[0], [encode.png(image) for image in random_pixels(height, width)])
  np.testing.assert_allclose(found['probabilities'], expected, atol=1e-5)
  assert found['classes'].shape == (3, CLASSES) and found['is_good'].all()


def network_pixels(count=4):
  return rough(count, SIZE, 3)


def interpreted(path, pixels):
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    interpreter = tf.lite.Interpreter(str(path))
  run_one = interpreter.get_signature_runner()
  return np.concatenate([run_one(images=image[np.newaxis])['probabilities']
                         for image in pixels])


def test_tflite(b0):
  made, folder, _ = b0
  expected = inference.predictor(made)(network_pixels())
  assert expected.std(0).max() > 0.05
  np.testing.assert_allclose(
      interpreted(folder / 'model.tflite', network_pixels()), expected,
      atol=1e-4)


def test_tflite_in_eight_bits(b0):
  made, folder, results = b0
  expected = inference.predictor(made)(network_pixels())
  found = interpreted(folder / 'model_int8.tflite', network_pixels())
  error = abs(found - expected).max()
  # Of random weights, which are no kinder to rounding than trained ones.
  assert 0 < error < 0.15
  assert (found.argmax(-1) == expected.argmax(-1)).mean() >= 0.75
  sizes = {name: row['bytes'] for name, row in results['formats'].items()}
  assert sizes['tflite_int8'] < 0.35 * sizes['tflite']


@pytest.mark.parametrize('count', [1, 4])
def test_onnx(b0, count):
  made, folder, _ = b0
  session = onnxruntime.InferenceSession(str(folder / 'model.onnx'))
  given, = session.get_inputs()
  assert given.name == 'images' and given.shape[1:] == [SIZE, SIZE, 3]
  pixels = network_pixels(count)
  found, = session.run(['probabilities'], {'images': pixels})
  np.testing.assert_allclose(found, inference.predictor(made)(pixels),
                             atol=1e-4)


def test_the_description(b0):
  _, folder, results = b0
  described = json.loads((folder / 'export.json').read_text())
  assert described == {
      'class_names': NAMES, 'image_size': SIZE, 'channels': 3,
      'crop': {'': 'ns.images.crop.CentreCrop', 'padding': 32,
               'fraction': None},
      'provenance': {'train': 'abc'}, 'formats': results['formats']}
  for name, row in results['formats'].items():
    path = folder / row['file']
    parts = [path] if path.is_file() else [
        p for p in path.rglob('*') if p.is_file()]
    assert row['bytes'] == sum(p.stat().st_size for p in parts)
    if name == 'onnx':
      assert set(row) == {'file', 'bytes'}
    else:
      assert 0 <= row['error'] < (0.15 if name == 'tflite_int8' else 1e-4)
  assert sorted(p.name for p in folder.iterdir()) == [
      'export.json', 'model.onnx', 'model.tflite', 'model_int8.tflite',
      'saved_model']


@pytest.fixture(name='grey', scope='module')
def make_grey(tmp_path_factory):
  """A tiny network for grey images that are not cropped.

  It is written where one that was killed left a part.
  """
  folder = tmp_path_factory.mktemp('grey')
  part = folder / 'saved_model' / 'variables' / 'variables_temp' / 'part-00000'
  part.parent.mkdir(parents=True)
  part.touch()
  made = network(tiny.architecture(), 4, 8)
  run(list(exporting.FORMATS), made, folder, crop=images_lib.AsIs(), size=8,
      channels=1, names='abcd')
  return made, folder


def test_nothing_is_left_of_one_that_was_killed(grey):
  written = {str(path.relative_to(grey[1] / 'saved_model'))
             for path in (grey[1] / 'saved_model').rglob('*')}
  assert written == {
      'assets', 'fingerprint.pb', 'saved_model.pb', 'variables',
      'variables/variables.data-00000-of-00001', 'variables/variables.index'}


def test_grey_images_as_they_are(grey):
  made, folder = grey
  rng = np.random.default_rng(4)
  pixels = rng.integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
  expected = inference.predictor(made)(pixels)
  signatures = tf.saved_model.load(str(folder / 'saved_model')).signatures
  encoded = tf.constant([encode.png(image) for image in pixels])
  for name, given in ('serving_default', encoded), ('images', pixels):
    found = signatures[name](tf.constant(given))
    np.testing.assert_allclose(found['probabilities'], expected, atol=1e-5)
    assert found['classes'].numpy()[4].tolist() == [b'a', b'b', b'c', b'd']
  for name in 'model.tflite', 'model_int8.tflite':
    np.testing.assert_allclose(interpreted(folder / name, pixels), expected,
                               atol=1e-4)


@pytest.mark.parametrize('name, given', [
    ('serving_default', tf.zeros([0], tf.string)),
    ('images', tf.zeros([0, 8, 8, 1], tf.uint8))])
def test_no_images_have_no_answers(grey, name, given):
  signatures = tf.saved_model.load(str(grey[1] / 'saved_model')).signatures
  found = {key: value.shape for key, value in signatures[name](given).items()}
  assert found == {'probabilities': (0, 4), 'classes': (0, 4), 'is_good': (0,)}


def test_an_image_of_another_size_where_none_is_cropped(grey):
  _, folder = grey
  serve = tf.saved_model.load(str(folder / 'saved_model')).signatures[
      'serving_default']
  good = np.full((8, 8, 1), 100, np.uint8)
  found = serve(tf.constant([encode.png(good), encode.png(good[:7])]))
  assert found['is_good'].numpy().tolist() == [True, False]


def test_the_class_names_are_one_a_class(tmp_path):
  made = network(tiny.architecture(), 4, 8)
  with pytest.raises(ValueError) as raised:
    run(['saved_model'], made, tmp_path / 'a', size=8, channels=1, names='abc')
  assert str(raised.value) == (
      '`class_names` should be one for each of the 4 classes, but are 3.')
  assert not (tmp_path / 'a').exists()


def test_a_format_that_differs_is_an_error(tmp_path, monkeypatch):
  made = network(tiny.architecture(), 4, 8)
  monkeypatch.setitem(
      export._WRITERS, 'tflite',
      lambda network, path, interface: path.touch() or (
          lambda pixels: inference.predictor(network)(255 - pixels)))
  with pytest.raises(errors.RunError) as raised:
    run(['tflite'], made, tmp_path, size=8, channels=1, names='abcd')
  assert str(raised.value).startswith(
      f'`{tmp_path}/model.tflite` should give the probabilities of the '
      'network, but differs by ')
  assert not (tmp_path / 'export.json').exists()


def test_onnx_without_its_converter(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'tf2onnx', None)
  with pytest.raises(errors.RunError) as raised:
    run(['onnx'], network(tiny.architecture(), 4, 8), tmp_path, size=8,
        channels=1, names='abcd')
  assert str(raised.value).startswith(
      "`Export.formats` has 'onnx', which needs the package tf2onnx: ")
