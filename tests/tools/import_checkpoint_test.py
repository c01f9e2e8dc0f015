"""The importer as a program: what it writes, prints and refuses."""

import hashlib
import json

import numpy as np
import pytest

from ns import models
from ns.images import encode
from ns.models import cost
from ns.models import probe
from ns.models import weights
from ns.noise import model_noise
from tests.models import reference_efficientnet
from tools import import_checkpoint

CATALOGUE = """# A narrow, shallow B0 for small images, and what is none.
from __gin__ import dynamic_registration
from ns import models
b0/models.EfficientNet.width = 0.25
b0/models.EfficientNet.depth = 0.3
b0/models.EfficientNet.image_size = 64
fused/models.EfficientNet.block_groups = [
    {'repeats': 1, 'kernel': 3, 'stride': 1, 'expansion': 1, 'filters': 8,
     'fused': True}]
other/models.KerasApplication.name = 'MobileNetV2'
"""
ARCHITECTURE = models.EfficientNet(width=0.25, depth=0.3, image_size=64)


@pytest.fixture(name='made', scope='module')
def make_checkpoint(tmp_path_factory):
  """A folder with a checkpoint, and the logits of its two copies."""
  folder = tmp_path_factory.mktemp('made')
  logits = reference_efficientnet.write(
      folder / 'model.ckpt', probe.image(64, 3)[np.newaxis], width=0.25,
      depth=0.3, classes=10)
  (folder / 'rows.gin').write_text(CATALOGUE)
  return folder, *(copy[0] for copy in logits)


@pytest.fixture(name='call')
def make_call(made, tmp_path, monkeypatch, capsys):
  """Runs the program where the user is: its exit code, and what it said."""
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', str(tmp_path))
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'rows.gin').write_text(CATALOGUE)

  def call(*more, without=()):
    given = {'checkpoint': str(made[0] / 'model.ckpt'), 'model': 'b0',
             'gin_file': 'rows.gin', 'classes': '10', 'output': 'b0.npz'}
    argv = [*(f'--{name}={value}' for name, value in given.items()
              if name not in without), *more]
    try:
      code = import_checkpoint.main(argv)
    except SystemExit as ended:
      code = ended.code
    out = capsys.readouterr()
    return code, out.out, out.err

  return call


def softmax(logits):
  odds = np.exp(logits.astype(np.float64))
  return odds / odds.sum()


def assert_top(found, logits):
  expected = softmax(logits)
  order = np.argsort(-expected)[:5]
  assert [row['class'] for row in found['top']] == order.tolist()
  np.testing.assert_allclose([row['probability'] for row in found['top']],
                             expected[order], atol=1e-5)


@pytest.mark.parametrize('raw', [False, True])
def test_a_checkpoint_becomes_a_file(made, call, tmp_path, raw):
  folder, *logits = made
  code, out, err = call(*(['--raw'] if raw else []))
  assert (code, err) == (0, '')
  origin = weights.metadata(tmp_path / 'b0.npz')['origin']
  copy = 'weights' if raw else 'moving average'
  parameters = cost.of(ARCHITECTURE, 10).parameters
  assert {k: v for k, v in origin.items()
          if k not in ('probe', 'files', 'left_out')} == {
              'kind': 'TensorFlow 1 checkpoint', 'copy': copy, 'model': 'b0',
              'path': str(folder / 'model.ckpt'), 'scope': 'efficientnet-b0',
              'classes': 10, 'image_size': 64, 'parameters': parameters,
              'pixel_mean': list(ARCHITECTURE.pixel_mean),
              'pixel_std': list(ARCHITECTURE.pixel_std)}
  assert origin['files']['model.ckpt.index'] == hashlib.sha256(
      (folder / 'model.ckpt.index').read_bytes()).hexdigest()
  assert_top(origin['probe']['fixed'], logits[0 if raw else 1])
  *_, told, classes = out.splitlines()
  assert told == (f'b0.npz: the {copy} of {folder}/model.ckpt, '
                  f'{parameters:,} parameters, 10 classes.')
  assert classes.startswith('Classes of the fixed probe: ')
  assert json.loads(out[:out.index('\nb0.npz')]) == origin
  # The file is one that a network of this form loads.
  network = ARCHITECTURE.build(model_noise.ModelNoise(), 10, seed=3)
  weights.load(network, tmp_path / 'b0.npz')
  found = network(probe.image(64, 3)[np.newaxis].astype(np.float32),
                  training=False).numpy()[0]
  np.testing.assert_allclose(found, logits[0 if raw else 1], atol=1e-4)


def test_frozen_variables_are_told(made, call, tmp_path):
  import tensorflow as tf
  reader = tf.train.load_checkpoint(str(made[0] / 'model.ckpt'))
  kept = {name: reader.get_tensor(name)
          for name in reader.get_variable_to_shape_map()
          if not ('/stem/' in name and name.endswith('Average')
                  and '/moving_' not in name)}
  tf.raw_ops.SaveV2(prefix=str(tmp_path / 'model.ckpt'),
                    tensor_names=list(kept), tensors=list(kept.values()),
                    shape_and_slices=[''] * len(kept))
  code, out, _ = call('--checkpoint=model.ckpt')
  assert code == 0
  assert ('\n3 frozen variables have no moving average: theirs are the weights '
          'themselves.\n') in out


def test_twice_gives_the_same_file(call, tmp_path):
  assert call()[0] == call('--output=again.npz')[0] == 0
  assert (tmp_path / 'b0.npz').read_bytes() == (
      tmp_path / 'again.npz').read_bytes()


def test_a_photo(call, tmp_path):
  rng = np.random.default_rng(0)
  photo = encode.png(rng.integers(0, 256, (96, 120, 3)).astype(np.uint8))
  (tmp_path / 'photo.png').write_bytes(photo)
  code, out, _ = call('--probe=photo.png')
  assert code == 0 and '\nClasses of the photo probe: ' in out
  found = weights.metadata(tmp_path / 'b0.npz')['origin']['probe']['photo']
  assert found['name'] == 'photo.png'
  assert found['sha256'] == hashlib.sha256(photo).hexdigest()
  assert len(found['top']) == 5


def test_weights_of_keras(call, tmp_path):
  from ns.models import keras_weights
  source = keras_weights.model(models.EfficientNet(), 10, 32)
  pixels = next(layer for layer in source.layers
                if layer.name.startswith('normalization'))
  pixels.adapt_mean.assign([0.485, 0.456, 0.406])
  pixels.adapt_variance.assign(np.square([0.229, 0.224, 0.225]))
  source.save_weights(tmp_path / 'k.weights.h5')
  (tmp_path / 'rows.gin').write_text(CATALOGUE.replace(
      '0.25', '1.0').replace('0.3', '1.0'))
  code, out, err = call('--keras_weights=k.weights.h5', without=['checkpoint'])
  assert (code, err) == (0, '')
  origin = weights.metadata(tmp_path / 'b0.npz')['origin']
  assert origin['kind'] == 'Keras weights' and origin['copy'] == 'weights'
  assert origin['parameters'] == 5_288_548 - 990 * 1281
  assert 'b0.npz: the weights of k.weights.h5, ' in out
  arrays = weights.read(tmp_path / 'b0.npz')
  np.testing.assert_array_equal(arrays['network/stem/conv/kernel'],
                                source.get_layer('stem_conv').kernel)


# What it refuses.


def refusal(call, *arguments, code=1, **kwargs):
  found, out, err = call(*arguments, **kwargs)
  assert (found, out) == (code, '')
  lines = err.splitlines()
  assert len(lines) == 1 and lines[0].startswith('error: ')
  return lines[0].removeprefix('error: ')


def test_what_the_importer_refuses_is_one_line(call, made, tmp_path):
  assert refusal(call, '--classes=9') == (
      f'`{made[0]}/model.ckpt` should be of 9 classes, but '
      '`efficientnet-b0/head/dense/bias` is of 10.')
  assert refusal(call, '--checkpoint=gone/model.ckpt') == (
      f'`{tmp_path}/gone/model.ckpt` should be a checkpoint of TensorFlow, but '
      'there is neither it nor an index of it; give the path without `.index` '
      'or `.data-…`.')
  assert not (tmp_path / 'b0.npz').exists()


def test_an_output_that_cannot_be_written(call, tmp_path):
  (tmp_path / 'b0.npz').mkdir()
  assert refusal(call) == (
      '`--output` should be a file that can be written, but '
      f'`{tmp_path}/b0.npz` cannot: Cannot overwrite: {tmp_path}/b0.npz is a '
      'directory.')


def test_another_scope(call):
  assert '`mine`, but has `efficientnet-b0`' in refusal(call, '--scope=mine')


def test_another_width(call, made, tmp_path):
  (tmp_path / 'rows.gin').write_text(CATALOGUE.replace('0.25', '0.5'))
  assert refusal(call) == (
      f'`{made[0]}/model.ckpt` should have `network/stem/conv/kernel` of shape '
      '(3, 3, 3, 16), but has (3, 3, 3, 8).')


def test_a_number_of_parameters_that_is_not_the_networks(call, monkeypatch):
  monkeypatch.setattr(cost, 'of', lambda *_: cost.Cost(
      parameters=3, multiply_adds=0))
  assert refusal(call).startswith(
      '`b0` should have 3 parameters, but its network has ')


@pytest.mark.parametrize('name, content, said', [
    ('gone.jpg', None, '/gone.jpg` should be a photo, but does not exist.'),
    ('bad.jpg', b'no photo',
     '`bad.jpg` should be a JPEG or PNG, but cannot be decoded.')])
def test_photos_that_are_none(call, tmp_path, name, content, said):
  if content:
    (tmp_path / name).write_bytes(content)
  assert refusal(call, f'--probe={name}').endswith(said)


@pytest.mark.parametrize('more, without, said', [
    ((), ['checkpoint'], 'Give one of `--checkpoint` and `--keras_weights`: '
     'where the weights are.'),
    (('--keras_weights=a.h5',), [], 'Give one of `--checkpoint` and '
     '`--keras_weights`: where the weights are.'),
    ((), ['model'], '`--model` is needed; write `--model=b0 --output=b0.npz`.'),
    ((), ['output'],
     '`--output` is needed; write `--model=b0 --output=b0.npz`.'),
    (('--output=b0.ckpt',), [], '`--output` should end with `.npz`, but is '
     '`b0.ckpt`.'),
    (('--classes=1',), [], '`--classes` should be at least 2, but is 1.'),
    (('--keras_weights=a.h5', '--raw'), ['checkpoint'], '`--raw` and `--scope` '
     'are for `--checkpoint`: weights of Keras have neither moving averages '
     'nor scopes.'),
    (('--model=b9',), [], 'There is no row `b9` in rows.gin; it has b0, fused, '
     'other.'),
    (('--model=fused', '--scope=efficientnet-b0'), [], '`fused`: '
     '`architecture` should have blocks as the reference does, but block 0 is '
     'fused.'),
    (('--model=other',), [], 'The row `other` should be a '
     '`models.EfficientNet`, but is a `KerasApplication`.'),
    (('more',), [], '`more` is not a flag; write `--NAME=VALUE`.'),
])
def test_wrong_commands(call, more, without, said):
  assert refusal(call, *more, without=without, code=2) == said


def test_a_flag_that_is_none(call):
  assert refusal(call, '--chekpoint=a', code=2) == (
      'There is no flag `--chekpoint`; did you mean `--checkpoint`?')


def test_help(call):
  code, out, err = call('--help')
  assert (code, err) == (0, '')
  assert '//tools:import_checkpoint' in out and '--checkpoint' in out
