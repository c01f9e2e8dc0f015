"""The loss in plain numpy, and that it is the reference's."""

import numpy as np
import pytest
import tensorflow as tf

from ns.objective import soft_cross_entropy


def batch(count, classes=5, seed=0):
  rng = np.random.default_rng(seed)
  logits = rng.normal(0, 3, (count, classes)).astype(np.float32)
  label = rng.dirichlet(np.ones(classes), count).astype(np.float32)
  return logits, label


def by_hand(logits, label):
  """In double precision; the largest logit is taken off for large ones."""
  logits = logits.astype(np.float64)
  logits = logits - logits.max(-1, keepdims=True)
  log_softmax = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
  return -(label * log_softmax).sum(-1)


def test_cross_entropy_of_each_example():
  logits, label = batch(12)
  result = soft_cross_entropy.cross_entropy(logits, label)
  assert result.dtype == tf.float32 and result.shape == (12,)
  np.testing.assert_allclose(result, by_hand(logits, label), rtol=1e-5)


def test_cross_entropy_worked_by_hand():
  # Logits of probabilities 1/2, 1/4, 1/4.
  logits = np.log(np.array([[2, 1, 1]] * 3, np.float32))
  label = np.array([[1, 0, 0], [0, 0.5, 0.5], [0.5, 0.25, 0.25]], np.float32)
  np.testing.assert_allclose(
      soft_cross_entropy.cross_entropy(logits, label),
      np.log(2) * np.array([1, 2, 1.5]), rtol=1e-6)


def test_large_logits_stay_finite():
  logits = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], np.float32)
  label = np.array([[1, 0, 0]] * 2, np.float32)
  np.testing.assert_array_equal(
      soft_cross_entropy.cross_entropy(logits, label), [0, 2e4])


@pytest.mark.parametrize('ratio', [0, 1, 3])
def test_is_labelled_mean_plus_ratio_times_pseudo_labelled_mean(ratio):
  labelled = 4
  logits, label = batch(labelled * (1 + ratio))
  each = by_hand(logits, label)
  expected = each[:labelled].mean()
  if ratio:
    expected += ratio * each[labelled:].mean()
  loss = soft_cross_entropy.batch_loss(
      logits, label, np.ones(len(logits), np.float32), labelled)
  assert loss.dtype == tf.float32 and loss.shape == ()
  np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_weights():
  logits, label = batch(6)
  weight = np.array([1, 1, 0.5, 2, 0, 0.25], np.float32)
  loss = soft_cross_entropy.batch_loss(logits, label, weight, 2)
  np.testing.assert_allclose(
      loss, (weight * by_hand(logits, label)).sum() / 2, rtol=1e-5)
  # What an example of weight 0 holds does not matter.
  logits[4] = 1e3 * logits[0]
  np.testing.assert_allclose(
      soft_cross_entropy.batch_loss(logits, label, weight, 2), loss, rtol=1e-6)


def test_parts_of_a_batch_add_up():
  # As replicas do: each divides its part by the global number of labelled.
  logits, label = batch(8)
  weight = np.linspace(0.5, 1, 8).astype(np.float32)
  whole = soft_cross_entropy.batch_loss(logits, label, weight, 2)
  parts = [soft_cross_entropy.batch_loss(logits[p], label[p], weight[p], 2)
           for p in (slice(0, 3), slice(3, 8))]
  np.testing.assert_allclose(sum(parts), whole, rtol=1e-6)


def test_gradient_is_softmax_minus_label():
  logits, label = batch(6)
  weight = np.array([1, 1, 0.5, 2, 0, 0.25], np.float32)
  variable = tf.Variable(logits)
  with tf.GradientTape() as tape:
    loss = soft_cross_entropy.batch_loss(variable, label, weight, 2)
  softmax = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  np.testing.assert_allclose(
      tape.gradient(loss, variable),
      weight[:, np.newaxis] * (softmax - label) / 2, rtol=1e-4, atol=1e-6)


def test_same_under_xla():
  logits, label = batch(6)
  weight = np.linspace(0.5, 1, 6).astype(np.float32)
  compiled = tf.function(soft_cross_entropy.batch_loss, jit_compile=True)
  np.testing.assert_allclose(
      compiled(tf.constant(logits), label, weight, 2),
      soft_cross_entropy.batch_loss(logits, label, weight, 2), rtol=1e-6)
