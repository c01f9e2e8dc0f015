"""Blocks in plain numpy loops, and how they are initialised."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ns.models import batch_norm
from ns.models import blocks
from ns.models import efficientnet

NORM = batch_norm.BatchNorm(momentum=0.9)


def numbers(*shape, seed=0):
  return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def block(**fields):
  return efficientnet.Block(**{
      'index': 0, 'kernel': 3, 'stride': 1, 'expansion': 2, 'input_filters': 4,
      'filters': 4, 'squeezed_filters': 3, 'fused': False, **fields})


def built(made, *shape):
  """Builds a layer and gives all its variables numbers of their own."""
  made.build(shape)
  for seed, variable in enumerate(made.variables):
    value = numbers(*variable.shape, seed=seed)
    positive = variable.name == 'moving_variance'
    variable.assign(abs(value) + 0.5 if positive else value)
  return made


def values(layer):
  """Its variables' numbers, by the path below the layer."""
  return {v.path.partition('/')[2]: v.numpy() for v in layer.variables}


# By hand.


def convolve(images, kernel, stride, depthwise=False):
  """Padded with zeros as TensorFlow's 'same': the odd one on the far side."""
  side = kernel.shape[0]
  out = [-(-n // stride) for n in images.shape[1:3]]
  missing = [max((o - 1) * stride + side - n, 0)
             for o, n in zip(out, images.shape[1:3])]
  padded = np.pad(images, [(0, 0), *((m // 2, m - m // 2) for m in missing),
                           (0, 0)])
  result = np.zeros([len(images), *out, kernel.shape[2 if depthwise else 3]])
  for row in range(out[0]):
    for column in range(out[1]):
      y, x = row * stride, column * stride
      window = padded[:, y:y + side, x:x + side]
      if depthwise:
        result[:, row, column] = (window * kernel[..., 0]).sum((1, 2))
      else:
        result[:, row, column] = np.tensordot(window, kernel, 3)
  return result


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


def swish(x):
  return x * sigmoid(x)


def normalise(x, norm, training):
  mean, variance = norm['moving_mean'], norm['moving_variance']
  if training:
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
  return (x - mean) / np.sqrt(variance + 1e-3) * norm['gamma'] + norm['beta']


def convolution_by_hand(x, named, name, stride, training):
  norm = {key: named[f'{name}/norm/{key}']
          for key in ('gamma', 'beta', 'moving_mean', 'moving_variance')}
  x = convolve(x, named[f'{name}/conv/kernel'], stride, name == 'depthwise')
  return normalise(x, norm, training)


def block_by_hand(x, named, stride, training, fused=False):
  step = lambda x, name, stride=1: convolution_by_hand(
      x, named, name, stride, training)
  if fused:
    hidden = swish(step(x, 'fused', stride))
    if 'project/conv/kernel' not in named:
      return hidden
  else:
    if 'expand/conv/kernel' in named:
      x = swish(step(x, 'expand'))
    hidden = swish(step(x, 'depthwise', stride))
  if 'squeeze_excite/reduce/kernel' in named:
    dense = lambda x, name: (
        x @ named[f'squeeze_excite/{name}/kernel']
        + named[f'squeeze_excite/{name}/bias'])
    scale = sigmoid(dense(swish(dense(hidden.mean((1, 2)), 'reduce')),
                          'expand'))
    hidden = hidden * scale[:, np.newaxis, np.newaxis]
  return step(hidden, 'project')


STEPS = {
    'mbconv': ({}, ('expand', 'depthwise', 'squeeze_excite', 'project')),
    'strided': ({'stride': 2, 'kernel': 5, 'filters': 6},
                ('expand', 'depthwise', 'squeeze_excite', 'project')),
    'not expanded': ({'expansion': 1},
                     ('depthwise', 'squeeze_excite', 'project')),
    'not squeezed': ({'squeezed_filters': 0},
                     ('expand', 'depthwise', 'project')),
    'fused': ({'fused': True}, ('fused', 'squeeze_excite', 'project')),
    'fused strided': ({'fused': True, 'stride': 2, 'squeezed_filters': 0},
                      ('fused', 'project')),
    'fused not expanded': ({'fused': True, 'expansion': 1,
                            'squeezed_filters': 3}, ('fused',)),
}


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('kind', STEPS)
def test_equals_plain_loops(kind, training):
  fields, steps = STEPS[kind]
  declared = block(**fields)
  made = built(blocks.MBConv(declared, seed=0, norm=NORM, name='block'),
               None, 5, 6, 4)
  assert tuple(step.name for step in made.steps) == steps
  inputs, named = numbers(3, 5, 6, 4, seed=99), values(made)
  expected = block_by_hand(inputs, named, declared.stride, training,
                           declared.fused)
  if kind not in ('strided', 'fused strided'):
    assert declared.is_residual
    expected = inputs + expected
  result = made(inputs, training=training)
  np.testing.assert_allclose(result, expected, rtol=1e-3, atol=1e-3)


def test_moving_statistics_have_the_momentum():
  norm = batch_norm.BatchNorm(momentum=0.75)
  made = built(blocks.MBConv(block(), seed=0, norm=norm, name='block'),
               None, 5, 6, 4)
  inputs, before = numbers(3, 5, 6, 4), values(made)
  made(inputs, training=True)
  mean = convolve(inputs, before['expand/conv/kernel'], 1).mean((0, 1, 2))
  old = before['expand/norm/moving_mean']
  np.testing.assert_allclose(
      values(made)['expand/norm/moving_mean'], 0.75 * old + 0.25 * mean,
      rtol=1e-4, atol=1e-5)


def test_scale_is_on_the_blocks_own_part():
  made = built(blocks.MBConv(block(), seed=0, norm=NORM, name='block'),
               None, 5, 6, 4)
  inputs = numbers(3, 5, 6, 4)
  own = made(inputs).numpy() - inputs
  scaled = made(inputs, scale=tf.constant([0.0, 1.0, 1.25])).numpy()
  np.testing.assert_array_equal(scaled[0], inputs[0])
  np.testing.assert_allclose(scaled[1], inputs[1] + own[1], rtol=1e-4,
                             atol=1e-5)
  np.testing.assert_allclose(scaled[2], inputs[2] + 1.25 * own[2], rtol=1e-4,
                             atol=1e-5)


def test_a_block_that_is_not_residual_is_never_scaled():
  made = built(blocks.MBConv(block(filters=6), seed=0, norm=NORM,
                             name='block'), None, 5, 6, 4)
  inputs = numbers(3, 5, 6, 4)
  np.testing.assert_array_equal(
      made(inputs, scale=tf.zeros(3)), made(inputs))


def test_squeezed_width():
  made = built(blocks.MBConv(block(squeezed_filters=5, expansion=6), seed=0,
                             norm=NORM, name='block'), None, 5, 6, 4)
  shapes = {name: value.shape for name, value in values(made).items()}
  assert shapes['squeeze_excite/reduce/kernel'] == (24, 5)
  assert shapes['squeeze_excite/reduce/bias'] == (5,)
  assert shapes['squeeze_excite/expand/kernel'] == (5, 24)
  assert shapes['squeeze_excite/expand/bias'] == (24,)


# Initialisers.


def check_normal(kernel, deviation):
  """Of the first four moments, each within 5 standard deviations."""
  z = np.asarray(kernel, np.float64).ravel() / deviation
  assert z.size > 2000
  for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
    assert abs((z**power).mean() - moment) < 5 * (spread / z.size)**0.5
  # The reference's is not truncated.
  assert abs(z).max() > 3


@pytest.mark.parametrize('filters, kernel, inputs, deviation', [
    (32, 3, 16, (2 / (9 * 32))**0.5),
    (64, 1, 80, (2 / 64)**0.5),
    # A depthwise kernel counts as one output filter.
    (None, 3, 400, (2 / 9)**0.5),
    (None, 5, 200, (2 / 25)**0.5),
])
def test_deviation_of_convolutions(filters, kernel, inputs, deviation):
  made = blocks.Convolution(filters, kernel, 1, seed=5, norm=NORM)
  made.build((None, 8, 8, inputs))
  assert made.convolution.kernel.shape == (
      kernel, kernel, inputs, filters or 1)
  check_normal(made.convolution.kernel.numpy(), deviation)
  assert not made.convolution.use_bias


def test_deviation_of_squeeze_and_excitation():
  made = blocks.SqueezeExcite(40, 120, seed=5)
  made.build((None, 8, 8, 120))
  check_normal(made.reduce.kernel.numpy(), (2 / 40)**0.5)
  check_normal(made.expand.kernel.numpy(), (2 / 120)**0.5)
  assert not made.reduce.bias.numpy().any()
  assert not made.expand.bias.numpy().any()


def test_each_kernel_of_a_block_has_a_seed_of_its_own():
  for fused in (False, True):
    made = blocks.MBConv(block(fused=fused), seed=40, norm=NORM)
    seeds = []
    for layer in made._flatten_layers(include_self=False):
      for name in ('kernel_initializer', 'depthwise_initializer'):
        initializer = getattr(layer, name, None)
        if isinstance(initializer, keras.initializers.RandomNormal):
          seeds.append(initializer.seed)
    assert len(seeds) == len(set(seeds)) == (4 if fused else 5)
    assert all(40 <= seed < 48 for seed in seeds)
