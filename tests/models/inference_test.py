"""Probabilities of a network, for batches of any size."""

import numpy as np
import tensorflow as tf

from ns.models import inference
from ns.noise import model_noise
from tests.models import small_nets


def images(count):
  rng = np.random.default_rng(0)
  return rng.integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)


def test_softmax_of_the_logits_without_noise():
  network = small_nets.narrow().build(model_noise.ModelNoise(), 5)
  predict = inference.predictor(network)
  before = [v.numpy() for v in network.variables]
  probabilities = predict(images(6))
  logits = network(images(6).astype(np.float32)).numpy().astype(np.float64)
  expected = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  assert isinstance(probabilities, np.ndarray)
  assert probabilities.dtype == np.float32 and probabilities.shape == (6, 5)
  np.testing.assert_allclose(probabilities, expected, rtol=1e-4)
  np.testing.assert_array_equal(predict(tf.constant(images(6))), probabilities)
  for variable, value in zip(network.variables, before):
    np.testing.assert_array_equal(variable, value)


def test_an_image_does_not_depend_on_its_batch():
  predict = inference.predictor(
      small_nets.narrow().build(model_noise.ModelNoise(), 5))
  whole = predict(images(6))
  parts = [predict(images(6)[:1]), predict(images(6)[1:])]
  np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4)


def test_each_batch_size_is_traced_once():
  traced = []

  def network(pixels, training):
    traced.append((pixels.shape[0], pixels.dtype, training))
    return pixels[:, 0, 0] * tf.ones([1, 2])

  predict = inference.predictor(network)
  for count in (4, 4, 3, 4, 3):
    np.testing.assert_array_equal(predict(images(count)), [[0.5, 0.5]] * count)
  assert traced == [(4, tf.float32, False), (3, tf.float32, False)]


def test_new_weights_are_seen():
  network = small_nets.narrow().build(model_noise.ModelNoise(), 2)
  predict = inference.predictor(network)
  predict(images(2))
  network.classifier.kernel.assign(tf.zeros([64, 2]))
  network.classifier.bias.assign([0, np.log(3)])
  np.testing.assert_allclose(predict(images(2)), [[0.25, 0.75]] * 2, rtol=1e-6)
