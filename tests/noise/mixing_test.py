"""Who is mixed with whom, with which part, and what the loss makes of it."""

import numpy as np
import pytest
import tensorflow as tf

from ns.noise import beta
from ns.noise import mixing


def group(count=60):
  """Seeds, weights and kinds of a batch; some images of weight 0."""
  rng = np.random.default_rng(0)
  weights = rng.choice([0, 0.5, 1, 1], count).astype(np.float32)
  is_labelled = (rng.random(count) < 0.3).astype(np.float32)
  return rng.integers(-2**63, 2**63, count), weights, is_labelled


def by_hand(order, weights, is_labelled):
  """Each kind sorted by its numbers, and each image with the next one."""
  partner = np.arange(len(order))
  low = [int(number) & (2**60 - 1) for number in order]
  for kind in (0, 1):
    own = [i for i in range(len(order))
           if weights[i] > 0 and is_labelled[i] == kind]
    own.sort(key=lambda i: low[i])
    for i, following in zip(own, own[1:] + own[:1]):
      partner[i] = following
  return partner


@pytest.mark.parametrize('count', [0, 1, 2, 3, 60])
def test_partners_by_hand(count):
  order, weights, is_labelled = group(count)
  expected = by_hand(order, weights, is_labelled)
  tensors = [tf.constant(order, tf.int64), tf.constant(weights),
             tf.constant(is_labelled)]
  np.testing.assert_array_equal(mixing.partners(*tensors), expected)
  if count:
    for jit_compile in (False, True):
      compiled = tf.function(mixing.partners, jit_compile=jit_compile)
      np.testing.assert_array_equal(compiled(*tensors), expected)


def test_each_is_the_partner_of_one_of_its_kind_and_never_its_own():
  order, weights, is_labelled = group()
  partner = mixing.partners(order, weights, is_labelled).numpy()
  assert sorted(partner) == list(range(60))
  np.testing.assert_array_equal(is_labelled[partner], is_labelled)
  np.testing.assert_array_equal(partner == np.arange(60), weights == 0)


def test_one_of_a_kind_is_its_own_partner():
  partner = mixing.partners(
      tf.constant([5, 6, 7], tf.int64), tf.ones(3), tf.constant([1.0, 0, 0]))
  np.testing.assert_array_equal(partner, [0, 2, 1])


def test_partners_are_uniform():
  counts = np.zeros((5, 5))
  seeds = np.random.default_rng(0).integers(-2**63, 2**63, (4000, 5))
  for row in seeds:
    counts[np.arange(5), by_hand(row, np.ones(5), np.ones(5))] += 1
  found = np.zeros((5, 5))
  draw = tf.function(lambda row: mixing.draw(
      row, tf.ones(5), tf.ones(5), 1.0).partner)
  for row in seeds:
    found[np.arange(5), draw(tf.constant(row)).numpy()] += 1
  off = ~np.eye(5, dtype=bool)
  assert not found[~off].any()
  # 0.999 of chi-squared with 15 degrees of freedom; the rows are not apart.
  assert ((found[off] - 1000) ** 2 / 1000).sum() < 37.7


def test_probability_leaves_images_alone():
  seeds = tf.range(100_000, dtype=tf.int64)
  ones = tf.ones(100_000)
  pair = mixing.draw(seeds, ones, ones, 0.3)
  mixed = pair.partner.numpy() != np.arange(100_000)
  assert abs(mixed.mean() - 0.3) < 0.006  # four deviations
  part = mixing.parts(0.2, pair).numpy()
  assert (part[~mixed] == 1).all()


@pytest.mark.parametrize('alpha', [0.2, 1.0])
def test_parts_are_of_the_beta_distribution(alpha):
  seeds = tf.range(1_000_000, dtype=tf.int64)
  ones = tf.ones(1_000_000)
  pair = mixing.draw(seeds, ones, ones, 1.0)
  part = np.sort(mixing.parts(alpha, pair).numpy())
  # Kolmogorov and Smirnov against draws of numpy's, as many: 0.999.
  drawn = np.sort(np.random.default_rng(0).beta(alpha, alpha, 1_000_000))
  at = np.linspace(0, 1, 5001)
  apart = (np.searchsorted(part, at, side='right')
           - np.searchsorted(drawn, at, side='right')) / 1e6
  assert abs(apart).max() < 1.95 * np.sqrt(2 / 1e6) + 0.5 / beta.COUNT


def test_numbers_are_apart_and_do_not_depend_on_how_many():
  seeds = tf.range(50_000, dtype=tf.int64)
  ones = tf.ones(50_000)
  pair = mixing.draw(seeds, ones, ones, 1.0, extra=2)
  same = mixing.draw(seeds, ones, ones, 1.0)
  np.testing.assert_array_equal(pair.partner, same.partner)
  np.testing.assert_array_equal(pair.part, same.part)
  assert same.numbers.shape == (50_000, 0)
  columns = [pair.part.numpy() / beta.COUNT, *pair.numbers.numpy().T]
  correlation = np.corrcoef(columns) - np.eye(3)
  assert abs(correlation).max() < 4 / np.sqrt(50_000)


def test_loss_of_a_mixture_is_that_of_both():
  rng = np.random.default_rng(0)
  labels = rng.dirichlet(np.ones(7), 30).astype(np.float32)
  weights = rng.choice([0, 0.5, 1, 2], 30).astype(np.float32)
  partner = rng.permutation(30).astype(np.int32)
  part = rng.random(30, np.float32)
  part[:5], part[5:8] = 1, 0
  logs = np.log(rng.dirichlet(np.ones(7), 30))
  expected = (part * weights * (labels * logs).sum(1)
              + (1 - part) * weights[partner] * (labels[partner] * logs).sum(1))
  mixed, mixed_weights = mixing.mix_labels(
      tf.constant(labels), tf.constant(weights), tf.constant(partner),
      tf.constant(part))
  found = mixed_weights.numpy() * (mixed.numpy() * logs).sum(1)
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
  some = mixed_weights.numpy() > 0
  np.testing.assert_allclose(mixed.numpy()[some].sum(1), 1, rtol=1e-5)
  # What is not mixed stays bit for bit.
  np.testing.assert_array_equal(mixed[:5], labels[:5])
  np.testing.assert_array_equal(mixed_weights[:5], weights[:5])
