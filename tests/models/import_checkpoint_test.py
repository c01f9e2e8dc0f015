"""Checkpoints of a second implementation, in TensorFlow 1, and wrong ones."""

import hashlib
import os

import numpy as np
import pytest
import tensorflow as tf

from ns.core import errors
from ns.models import efficientnet
from ns.models import import_checkpoint
from ns.models import weights
from ns.noise import model_noise
from tests.models import reference_efficientnet
from tests.support import long_form

WIDTH, DEPTH, CLASSES = 0.25, 0.3, 10
SMALL = efficientnet.EfficientNet(width=WIDTH, depth=DEPTH)
# Stem, head and eight blocks, the first of which does not expand: a convolution
# or dense layer has one or two variables, a normalisation four, two trainable.
VARIABLES = 5 + 7 + 14 + 7 * 19
TRAINABLE = 3 + 5 + 10 + 7 * 13
SCOPE = 'efficientnet-b0'
EMA = '/ExponentialMovingAverage'


def images(size=64):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (2, size, size, 3)).astype(np.uint8)


@pytest.fixture(name='small', scope='module')
def make_small(tmp_path_factory):
  """A narrow, shallow B0: its checkpoint, and both logits for `images`."""
  path = tmp_path_factory.mktemp('small') / 'model.ckpt'
  return path, *reference_efficientnet.write(
      path, images(), width=WIDTH, depth=DEPTH, classes=CLASSES,
      teacher='efficientnet-b1')


def logits(architecture, arrays, classes):
  network = architecture.build(model_noise.ModelNoise(), classes,
                               image_size=64)
  weights.assign(network, arrays, 'a checkpoint')
  return network(images().astype(np.float32), training=False).numpy()


def read(path, **changes):
  return import_checkpoint.read(
      path, SMALL, **{'classes': CLASSES, 'model': 'b0', **changes})


def assert_logits(found, expected):
  # Else a network that gives little would pass.
  assert abs(expected).max() > 0.2
  np.testing.assert_allclose(found, expected, atol=1e-4 * abs(expected).max())


def test_the_moving_average_is_taken(small):
  path, raw, average = small
  assert abs(raw - average).max() > 0.1
  arrays, origin = read(path)
  assert_logits(logits(SMALL, arrays, CLASSES), average)
  parts = [f'{path.name}.data-00000-of-00001', f'{path.name}.index']
  assert origin == {
      'path': str(path), 'copy': 'moving average', 'scope': SCOPE,
      'left_out': {'weights': VARIABLES, 'optimizer': 2 * TRAINABLE, 'global_step': 1,
                   'teacher': VARIABLES},
      'files': {part: hashlib.sha256(
          (path.parent / part).read_bytes()).hexdigest() for part in parts}}


def test_the_weights_themselves(small):
  path, raw, _ = small
  arrays, origin = read(path, raw=True)
  assert_logits(logits(SMALL, arrays, CLASSES), raw)
  assert origin['copy'] == 'weights'
  assert origin['left_out']['moving averages'] == VARIABLES


# Another depth than above, and B0 itself with its 311 variables.
SHALLOW = efficientnet.EfficientNet(width=WIDTH, depth=0.5)
B0 = efficientnet.EfficientNet()


@pytest.mark.parametrize('architecture', long_form.cases([SHALLOW, B0],
                                                         [SHALLOW]))
def test_from_code_without_tpu(tmp_path, architecture):
  raw, average = reference_efficientnet.write(
      tmp_path / 'model.ckpt', images(), scope='efficientnet-b1',
      norm='batch_normalization', seed=1, training=False, classes=CLASSES,
      width=architecture.width, depth=architecture.depth)
  for copy, expected in (False, average), (True, raw):
    arrays, origin = import_checkpoint.read(
        tmp_path / 'model.ckpt', architecture, CLASSES, model='b1', raw=copy)
    assert_logits(logits(architecture, arrays, CLASSES), expected)
  assert origin['left_out'] == {'moving averages': len(arrays)}
  if architecture == B0:
    trainable = sum(array.size for name, array in arrays.items()
                    if 'moving_' not in name)
    # Of the reference's B0, whose classifier is of 1,000 classes.
    assert trainable == 5_288_548 - 990 * 1281


# The first block has a depthwise and a projecting convolution, and others an
# expanding one too, of three variables each; and four of squeeze and
# excitation.
def test_a_frozen_stem_and_first_blocks(tmp_path):
  blocks, count = 2, 3 + 10 + 13
  raw, average = reference_efficientnet.write(
      tmp_path / 'model.ckpt', images(), width=WIDTH, depth=DEPTH,
      classes=CLASSES, training=False, frozen=blocks)
  arrays, origin = read(tmp_path / 'model.ckpt')
  assert_logits(logits(SMALL, arrays, CLASSES), average)
  assert origin['copy'] == 'moving average'
  assert origin['without_average'] == count
  assert origin['left_out']['weights'] == VARIABLES - count
  arrays, origin = read(tmp_path / 'model.ckpt', raw=True)
  assert_logits(logits(SMALL, arrays, CLASSES), raw)
  assert 'without_average' not in origin
  assert origin['left_out']['moving averages'] == VARIABLES - count


@pytest.mark.parametrize('given', [
    'model.ckpt.index', 'model.ckpt.data-00000-of-00001', 'model.ckpt.meta',
    ''])
def test_what_a_user_may_mean_by_it(small, given):
  path, _, _ = small
  _, origin = read(path.parent / given)
  assert origin['path'] == str(path.parent / given)
  assert origin['files'] == read(path)[1]['files']


def test_a_path_from_where_the_user_is(small, monkeypatch):
  path, _, _ = small
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', str(path.parent))
  assert read('model.ckpt')[1]['path'] == 'model.ckpt'


# Wrong checkpoints.


@pytest.fixture(name='tensors', scope='module')
def make_tensors(small):
  reader = tf.train.load_checkpoint(str(small[0]))
  return {name: reader.get_tensor(name)
          for name in reader.get_variable_to_shape_map()
          if not name.startswith('teacher_model/')}


def written(folder, tensors, name='model.ckpt'):
  """A checkpoint of these arrays, whatever they are."""
  path = folder / name
  path.parent.mkdir(parents=True, exist_ok=True)
  tf.raw_ops.SaveV2(prefix=str(path), tensor_names=list(tensors),
                    shape_and_slices=[''] * len(tensors),
                    tensors=list(tensors.values()))
  return path


def error_of(path, **changes):
  with pytest.raises(errors.RunError) as raised:
    read(path, **changes)
  return str(raised.value)


def renamed(tensors, old, new):
  return {name.replace(old, new): value for name, value in tensors.items()}


def test_no_such_checkpoint(tmp_path):
  assert error_of(tmp_path / 'model.ckpt') == (
      f'`{tmp_path}/model.ckpt` should be a checkpoint of TensorFlow, but '
      'there is neither it nor an index of it; give the path without `.index` '
      'or `.data-…`.')


@pytest.mark.parametrize('content', [
    None, 'model_checkpoint_path: "gone"', 'no such thing'])
def test_a_folder_that_names_none(tmp_path, content):
  if content:
    (tmp_path / 'checkpoint').write_text(content)
  assert error_of(tmp_path) == (
      f'`{tmp_path}` should be a checkpoint, but is a folder without a file '
      '`checkpoint` that names one in it; give the checkpoint itself, '
      f'`{tmp_path}/model.ckpt`.')


def inverted(content):
  return bytes(byte ^ 255 for byte in content)


@pytest.mark.parametrize('part', ['index', 'data-00000-of-00001'])
@pytest.mark.parametrize('change', [
    inverted, lambda content: content[:len(content) // 2], lambda content: b''])
def test_a_damaged_file(tmp_path, tensors, part, change):
  path = written(tmp_path, tensors)
  file = tmp_path / f'model.ckpt.{part}'
  file.write_bytes(change(file.read_bytes()))
  said = error_of(path)
  assert said.startswith(f'`{path}` should be a checkpoint of TensorFlow, but '
                         'cannot be read (')
  assert said.endswith('); copy all of its files again.')
  assert '\n' not in said


def test_a_missing_part(tmp_path, tensors):
  path = written(tmp_path, tensors)
  os.remove(tmp_path / 'model.ckpt.data-00000-of-00001')
  assert 'model.ckpt.data-00000-of-00001; No such file' in error_of(path)


def test_a_file_that_is_no_checkpoint(tmp_path):
  (tmp_path / 'a.npz').write_bytes(b'something else')
  assert 'should be a checkpoint of TensorFlow, but cannot be read (' in (
      error_of(tmp_path / 'a.npz'))


def test_another_model(tmp_path, tensors):
  path = written(tmp_path, renamed(tensors, SCOPE, 'efficientnet-b4'))
  assert error_of(path) == (
      f'`{path}` should have variables in `efficientnet-b0`, but has '
      '`efficientnet-b4`; give the model that it is of, or the scope that it '
      'has (`--scope=`).')


def test_the_scope_may_be_given(tmp_path, tensors):
  path = written(tmp_path, renamed(tensors, SCOPE, 'mine'))
  arrays, origin = read(path, scope='mine')
  assert origin['scope'] == 'mine' and len(arrays) == VARIABLES


def test_a_checkpoint_of_something_else(tmp_path):
  path = written(tmp_path, {'global_step': np.int64(3), 'x': np.zeros(3)})
  assert error_of(path) == (
      f'`{path}` should have variables in `efficientnet-b0`, but has no '
      'variables of a network; give the model that it is of, or the scope that '
      'it has (`--scope=`).')


def test_the_other_l2(tmp_path, tensors):
  path = written(tmp_path, renamed(tensors, SCOPE, 'efficientnet-l2'),
                 'noisy_student_efficientnet-l2_475/model.ckpt')
  assert error_of(path, model='l2') == (
      f'`{path}` should be of `l2`, but its name is that of another model with '
      'the same variables, trained at another image size; give that model, or '
      'the scope `efficientnet-l2` to take it as `l2` all the same.')
  assert read(path, model='l2_475')[1]['scope'] == 'efficientnet-l2'
  assert read(path, model='l2', scope='efficientnet-l2')


def test_no_moving_average(tmp_path, tensors):
  path = written(tmp_path, {
      name: value for name, value in tensors.items() if EMA not in name})
  assert error_of(path) == (
      f'`{path}` should have the moving average of each variable, but has '
      'none; take the weights themselves (raw), which are less accurate where '
      'they were trained with a moving average.')
  assert read(path, raw=True)[1]['copy'] == 'weights'


def test_nothing_but_the_moving_average(tmp_path, tensors):
  path = written(tmp_path, {
      name: value for name, value in tensors.items() if EMA in name})
  assert error_of(path, raw=True) == (
      f'`{path}` should have the weights themselves, but has only their moving '
      'average; take that (not raw).')
  assert read(path)[1]['left_out'] == {}


def test_another_number_of_classes(small):
  path = small[0]
  assert error_of(path, classes=1000) == (
      f'`{path}` should be of 1000 classes, but '
      '`efficientnet-b0/head/dense/bias` is of 10.')


def test_variables_that_are_missing(tmp_path, tensors):
  lost = f'{SCOPE}/stem/conv2d/kernel'
  path = written(tmp_path, {
      name: value for name, value in tensors.items() if name != lost + EMA})
  assert error_of(path) == (
      f'`{path}` should have the moving average of each variable, or of all '
      'but a frozen stem and first blocks, but has the average of '
      f'{VARIABLES - 1} of {VARIABLES} variables; {lost} have none; take the weights themselves (raw), or '
      'save the checkpoint again.')
  assert len(read(path, raw=True)[0]) == VARIABLES
  path = written(tmp_path, {
      name: value for name, value in tensors.items()
      if name not in (lost, lost + EMA)}, 'neither.ckpt')
  assert error_of(path) == (
      f'`{path}` should have exactly the variables of the network, but lacks '
      f'{lost}{EMA}; is it of another model?')


def test_a_frozen_stem_alone(tmp_path, tensors):
  lost = [f'{SCOPE}/stem/{name}' for name in (
      'conv2d/kernel', 'tpu_batch_normalization/gamma',
      'tpu_batch_normalization/beta')]
  path = written(tmp_path, {
      name: value for name, value in tensors.items()
      if name.removesuffix(EMA) not in lost or not name.endswith(EMA)})
  arrays, origin = read(path)
  assert origin['without_average'] == 3
  np.testing.assert_array_equal(arrays['network/stem/conv/kernel'],
                                tensors[lost[0]])


@pytest.mark.parametrize('lost, more', [
    ('blocks_1/', ' and 11 more'), ('head/dense/bias', ''),
    # Moving statistics have an average, frozen or not.
    ('stem/tpu_batch_normalization', '')])
def test_averages_that_are_missing_elsewhere(tmp_path, tensors, lost, more):
  path = written(tmp_path, {
      name: value for name, value in tensors.items()
      if not (name.startswith(f'{SCOPE}/{lost}') and name.endswith(EMA))})
  said = error_of(path)
  assert 'but has the average of ' in said
  assert f'{more} have none; take' in said


@pytest.mark.parametrize('count, more', [(2, ''), (11, ' and 3 more')])
def test_variables_that_are_left_over(tmp_path, tensors, count, more):
  others = {f'{SCOPE}/head/other_{n:02}': np.zeros(1) for n in range(count)}
  path = written(tmp_path, {**tensors, **others})
  shown = ', '.join(list(others)[:8])
  assert error_of(path) == (
      f'`{path}` should have exactly the variables of the network, but has '
      f'also {shown}{more}; is it of another model?')


def test_an_average_that_is_left_over(tmp_path, tensors):
  path = written(tmp_path, {**tensors, f'other/x{EMA}': np.zeros(1)})
  assert 'has also other/x; is it of another model?' in error_of(
      path, raw=True)


def test_another_width_is_an_error_of_shapes(tmp_path, small):
  wide = efficientnet.EfficientNet(width=0.5, depth=DEPTH)
  arrays, _ = import_checkpoint.read(small[0], wide, CLASSES, model='b0')
  network = wide.build(model_noise.ModelNoise(), CLASSES, image_size=32)
  with pytest.raises(errors.RunError) as raised:
    weights.assign(network, arrays, 'model.ckpt')
  assert str(raised.value) == (
      '`model.ckpt` should have `network/stem/conv/kernel` of shape '
      '(3, 3, 3, 16), but has (3, 3, 3, 8).')


def test_numbers_that_are_not_finite(tmp_path, tensors):
  name = f'{SCOPE}/head/dense/bias{EMA}'
  path = written(tmp_path, {**tensors, name: tensors[name] * np.nan})
  assert error_of(path) == (
      f'`{path}` should have finite numbers, but those of '
      '`network/classifier/bias` are not all finite; this training failed.')


def test_a_network_that_was_not_trained(tmp_path, tensors):
  path = written(tmp_path, {
      name: np.ones_like(value) if 'moving_variance' in name else
      np.zeros_like(value) if 'moving_mean' in name else value
      for name, value in tensors.items()})
  assert error_of(path) == (
      f'`{path}` should have trained weights, but its moving statistics are '
      'those of a new network, 0 and 1; it is of before the training.')
