"""Names in the reference's checkpoints, written out for both kinds of block."""

import pytest

from ns.models import efficientnet
from ns.models import reference_names
from tests.models import small_nets

NORM = ('gamma', 'beta', 'moving_mean', 'moving_variance')


def named(**fields):
  return reference_names.of(efficientnet.EfficientNet(**fields))


def test_every_variable_of_b0_has_one_name():
  names = named()
  # 16 blocks of 3 convolutions but the first; each 5 variables; 4 of squeeze
  # and excitation a block; stem, head and the dense layer.
  assert len(names) == 5 * (2 + 15 * 3 + 2) + 16 * 4 + 2
  assert len({*names.values()}) == len(names)


def test_a_block_that_does_not_expand():
  ours, theirs = 'network/block_0/', 'blocks_0/'
  expected = {
      'depthwise/conv/kernel': 'depthwise_conv2d/depthwise_kernel',
      'squeeze_excite/reduce/kernel': 'se/conv2d/kernel',
      'squeeze_excite/reduce/bias': 'se/conv2d/bias',
      'squeeze_excite/expand/kernel': 'se/conv2d_1/kernel',
      'squeeze_excite/expand/bias': 'se/conv2d_1/bias',
      'project/conv/kernel': 'conv2d/kernel',
      **{f'depthwise/norm/{n}': f'tpu_batch_normalization/{n}' for n in NORM},
      **{f'project/norm/{n}': f'tpu_batch_normalization_1/{n}' for n in NORM}}
  assert {k: v for k, v in named().items() if k.startswith(ours)} == {
      ours + k: theirs + v for k, v in expected.items()}


def test_a_block_that_expands():
  ours, theirs = 'network/block_15/', 'blocks_15/'
  norms = {'expand': '', 'depthwise': '_1', 'project': '_2'}
  expected = {
      'expand/conv/kernel': 'conv2d/kernel',
      'depthwise/conv/kernel': 'depthwise_conv2d/depthwise_kernel',
      'squeeze_excite/reduce/kernel': 'se/conv2d/kernel',
      'squeeze_excite/reduce/bias': 'se/conv2d/bias',
      'squeeze_excite/expand/kernel': 'se/conv2d_1/kernel',
      'squeeze_excite/expand/bias': 'se/conv2d_1/bias',
      'project/conv/kernel': 'conv2d_1/kernel',
      **{f'{layer}/norm/{n}': f'batch_normalization{number}/{n}'
         for layer, number in norms.items() for n in NORM}}
  names = reference_names.of(efficientnet.EfficientNet(), 'batch_normalization')
  assert {k: v for k, v in names.items() if k.startswith(ours)} == {
      ours + k: theirs + v for k, v in expected.items()}


def test_stem_head_and_classifier():
  expected = {
      'network/stem/conv/kernel': 'stem/conv2d/kernel',
      'network/head/conv/kernel': 'head/conv2d/kernel',
      'network/classifier/kernel': 'head/dense/kernel',
      'network/classifier/bias': 'head/dense/bias',
      **{f'network/{part}/norm/{n}': f'{part}/tpu_batch_normalization/{n}'
         for part in ('stem', 'head') for n in NORM}}
  assert {k: v for k, v in named().items() if '/block_' not in k} == expected


def test_the_network_has_these_variables():
  from ns.noise import model_noise
  architecture = efficientnet.EfficientNet(width=0.25)
  network = architecture.build(model_noise.ModelNoise(), 3, image_size=32)
  assert {v.path for v in network.variables} == named(width=0.25).keys()


def test_a_fused_block_has_no_name():
  with pytest.raises(ValueError) as raised:
    reference_names.of(small_nets.mixed())
  assert str(raised.value) == (
      '`architecture` should have blocks as the reference does, but block 7 is '
      'fused.')


@pytest.mark.parametrize('model, scope', [
    ('b0', 'efficientnet-b0'), ('b8', 'efficientnet-b8'),
    ('l2', 'efficientnet-l2'), ('l2_475', 'efficientnet-l2'),
    ('mine', 'efficientnet-mine')])
def test_scopes(model, scope):
  assert reference_names.scope(model) == scope


@pytest.mark.parametrize('model, path, another', [
    ('l2', 'a/noisy_student_efficientnet-l2_475/model.ckpt', True),
    ('l2', 'a/noisy_student_efficientnet-l2-475/model.ckpt', True),
    ('l2', 'a/noisy_student_efficientnet-l2/model.ckpt', False),
    ('l2_475', 'a/noisy_student_efficientnet-l2/model.ckpt', True),
    ('l2_475', 'a/noisy_student_efficientnet-l2_475/model.ckpt', False),
    ('l2', 'a/model.ckpt', False),
    # Scopes tell these apart.
    ('b0', 'a/efficientnet-b4/model.ckpt', False),
    # The last name counts: a folder may hold many.
    ('l2', 'efficientnet-l2_475/copy_of_efficientnet-l2/model.ckpt', False),
])
def test_paths_that_name_another_model(model, path, another):
  assert reference_names.is_another(model, path) == another
