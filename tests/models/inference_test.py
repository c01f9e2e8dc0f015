"""Probabilities of a network, for batches of any size."""

import numpy as np
import pytest
import tensorflow as tf

from ns.models import efficientnet
from ns.models import folded
from ns.models import inference
from ns.models import memory
from ns.noise import model_noise
from tests.models import small_nets


def images(count, channels=1):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (count, 8, 8, channels)).astype(np.uint8)


def softmax(logits):
  powers = np.exp(np.asarray(logits, np.float64))
  return powers / powers.sum(-1, keepdims=True)


def network(architecture=None, classes=5):
  """With statistics and parameters that are not those of a new one."""
  made = (architecture or small_nets.narrow()).build(
      model_noise.ModelNoise(), classes)
  rng = np.random.default_rng(1)
  for variable in made.variables:
    drawn = rng.uniform(0.2, 2, variable.shape).astype(np.float32)
    if variable.name in ('gamma', 'moving_variance'):
      variable.assign(drawn)
    elif variable.name in ('beta', 'moving_mean', 'bias'):
      variable.assign(drawn - 1)
  return made


@pytest.fixture
def parts_of(monkeypatch):
  return lambda size: monkeypatch.setattr(
      inference, '_part', lambda *args: size)


def test_softmax_of_the_logits_without_noise():
  made = network()
  predict = inference.predictor(made)
  before = [v.numpy() for v in made.variables]
  probabilities = predict(images(6))
  expected = softmax(made(images(6).astype(np.float32)))
  assert isinstance(probabilities, np.ndarray)
  assert probabilities.dtype == np.float32 and probabilities.shape == (6, 5)
  np.testing.assert_allclose(probabilities, expected, atol=1e-5)
  assert expected.std() > 0.01
  np.testing.assert_array_equal(predict(tf.constant(images(6))), probabilities)
  for variable, value in zip(made.variables, before):
    np.testing.assert_array_equal(variable, value)


def test_logits_are_what_the_softmax_is_of():
  made = network()
  predict = inference.predictor(made)
  logits = predict.logits(images(6))
  np.testing.assert_allclose(logits, made(images(6).astype(np.float32)),
                             atol=1e-4)
  np.testing.assert_allclose(softmax(logits), predict(images(6)), atol=1e-6)
  assert predict.logits(images(0)).shape == (0, 5)


@pytest.mark.parametrize('size', [1, 2, 3, 4, 8])
def test_an_image_does_not_depend_on_its_batch_nor_on_its_part(parts_of, size):
  predict = inference.predictor(network())
  whole = predict(images(6))
  parts_of(size)
  np.testing.assert_allclose(predict(images(6)), whole, atol=1e-5)
  parts = [predict(images(6)[:1]), predict(images(6)[1:])]
  np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
  assert predict(images(0)).shape == (0, 5)


def test_a_foreign_network_is_called_as_it_is(parts_of):
  parts_of(1)
  traced = []

  def foreign(pixels, training):
    traced.append((pixels.shape[0], pixels.dtype, training))
    return pixels[:, 0, 0] * tf.ones([1, 2])

  predict = inference.predictor(foreign)
  for count in (4, 4, 3, 4, 3):
    np.testing.assert_array_equal(predict(images(count)), [[0.5, 0.5]] * count)
  assert traced == [(4, tf.float32, False), (3, tf.float32, False)]


def test_the_weights_are_those_at_the_time():
  made = network(classes=2)
  predict = inference.predictor(made)
  before = predict(images(2))
  made.classifier.kernel.assign(tf.zeros([64, 2]))
  made.classifier.bias.assign([0, np.log(3)])
  np.testing.assert_array_equal(predict(images(2)), before)
  np.testing.assert_allclose(inference.predictor(made)(images(2)),
                             [[0.25, 0.75]] * 2, rtol=1e-6)


def test_bfloat16_is_near_and_no_rounded_float32():
  made = network()
  exact = inference.predictor(made)(images(32))
  near = inference.predictor(made, 'mixed_bfloat16')(images(32))
  assert near.dtype == np.float32
  np.testing.assert_allclose(near, exact, atol=0.05)
  assert exact.std() > 0.1
  assert abs(exact - near).max() > 1e-5
  rounded = tf.cast(tf.cast(near, tf.bfloat16), tf.float32)
  assert (near != rounded).numpy().mean() > 0.9


def of_b0(size, bytes_of_number=4, **fields):
  return inference._part(
      efficientnet.EfficientNet(**fields), (size, size), bytes_of_number)


def test_images_of_a_part():
  # The largest tensor of B0 at 224 pixels is 112 x 112 x 96, of 4.8 MB.
  assert of_b0(224) == 8
  assert of_b0(224, 2) == 16
  # A ninth of that at 75 pixels, 38 x 38 x 96.
  assert of_b0(75) == 64
  # One image at the least.
  assert of_b0(2000) == 1
  # Wide at the end: 32 x 32 x 20480, which is 84 MB.
  row = small_nets.row(1, 3, 1, 1, 8)
  assert of_b0(32, block_groups=[row], stem_stride=1, head_filters=20480) == 1
  # A fused block's widest tensor has its stride: 8 x 8 x 4096, of 1 MB.
  row = small_nets.row(1, 3, 4 // 2, 128, 8, fused=True)
  assert of_b0(32, block_groups=[row]) == 32
  assert of_b0(32, block_groups=[{**row, 'fused': False}]) == 8


def test_the_memory_plan_knows_the_parts_and_the_constants():
  # The plan loads no TensorFlow, and so not these modules.
  assert memory._LARGEST_TENSOR == inference._LARGEST_TENSOR
  assert memory._MOST_CONSTANTS == folded._MOST_CONSTANTS


@pytest.mark.parametrize('foreign', [False, True])
def test_what_is_no_precision(foreign):
  made = (lambda pixels, training: pixels) if foreign else network()
  precision, sentence = (
      ('mixed_bfloat16', "one of 'float32' for a function, but is "
                         "'mixed_bfloat16'") if foreign else
      ('bfloat16', "one of 'float32', 'mixed_bfloat16' for a Network, but is "
                   "'bfloat16'"))
  with pytest.raises(ValueError) as raised:
    inference.predictor(made, precision)
  assert str(raised.value) == f'`precision` should be {sentence}.'
