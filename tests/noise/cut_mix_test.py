import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.noise import beta
from ns.noise import mixing


def batch(count=80, channels=3):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (count, 10, 13, channels)).astype(np.uint8)
  labels = np.eye(5, dtype=np.float32)[rng.integers(0, 5, count)]
  weights = (rng.random(count) > 0.2).astype(np.float32)
  is_labelled = (rng.random(count) < 0.4).astype(np.float32)
  seeds = rng.integers(-2**63, 2**63, count)
  return [tf.constant(v) for v in (images, labels, weights, is_labelled, seeds)]


@pytest.mark.parametrize('channels', [1, 3])
def test_equals_boxes_by_hand(channels):
  images, labels, weights, is_labelled, seeds = batch(channels=channels)
  pair = mixing.draw(seeds, weights, is_labelled, 0.8, extra=2)
  found = noise.CutMix(alpha=0.7, probability=0.8).mix(
      images, labels, weights, is_labelled, seeds)
  mixed, new_labels, new_weights = (value.numpy() for value in found)
  parts = beta.quantiles(0.7)[pair.part.numpy()]
  boxes = 0
  for n, (partner, (down, right)) in enumerate(zip(
      pair.partner.numpy(), pair.numbers.numpy())):
    # As in the paper's code.
    ratio = np.sqrt(1 - parts[n])
    cut_height, cut_width = int(10 * ratio), int(13 * ratio)
    row, column = int(down * 10), int(right * 13)
    top, bottom = np.clip([row - cut_height // 2, row + cut_height // 2], 0, 10)
    left, end = np.clip([column - cut_width // 2, column + cut_width // 2], 0,
                        13)
    expected = images.numpy()[n].copy()
    expected[top:bottom, left:end] = images.numpy()[
        partner, top:bottom, left:end]
    part = 1 - (bottom - top) * (end - left) / 130
    boxes += part < 1
    np.testing.assert_array_equal(mixed[n], expected)
    np.testing.assert_allclose(
        new_labels[n], part * labels.numpy()[n] + (1 - part) * labels.numpy()[
            partner], rtol=1e-5, atol=1e-7)
  assert boxes > 40
  np.testing.assert_array_equal(new_weights, weights)


def test_broken_images_stay_and_are_cut_into_none():
  images, labels, weights, is_labelled, seeds = batch()
  broken = weights.numpy() == 0
  marked = tf.where(weights[:, None, None, None] > 0, images // 4,
                    tf.constant(255, tf.uint8))
  mixed, new_labels, new_weights = noise.CutMix().mix(
      marked, labels, weights, is_labelled, seeds)
  np.testing.assert_array_equal(mixed.numpy()[broken], marked.numpy()[broken])
  np.testing.assert_array_equal(
      new_labels.numpy()[broken], labels.numpy()[broken])
  assert not new_weights.numpy()[broken].any()
  assert mixed.numpy()[~broken].max() < 64


def test_kinds_do_not_mix():
  images, labels, weights, is_labelled, seeds = batch()
  kind = is_labelled[:, None, None, None]
  images = tf.cast(tf.ones([1, 10, 13, 1]) * kind * 255, tf.uint8)
  mixed, _, _ = noise.CutMix().mix(images, labels, weights, is_labelled, seeds)
  np.testing.assert_array_equal(mixed, images)


def test_parts_of_large_images_are_uniform_but_for_the_edges():
  # Only boxes that are wholly inside keep the part that was drawn.
  seeds = tf.range(2000, dtype=tf.int64)
  images = tf.reshape(tf.cast(seeds % 251, tf.uint8), [-1, 1, 1, 1])
  images = tf.tile(images, [1, 40, 40, 1])
  labels = tf.one_hot(tf.cast(seeds, tf.int32), 2000)
  _, mixed, _ = noise.CutMix().mix(
      images, labels, tf.ones(2000), tf.ones(2000), seeds)
  part = tf.linalg.diag_part(mixed).numpy()
  # The mean of a clipped box: E[1 - p] (3 / 4 of a side that it has at s = 1,
  # (1 - s / 4)^2 at side s): 1 - E[s^2 (1 - s / 4)^2], s^2 uniform, is 0.669.
  s = np.sqrt((np.arange(10_000) + 0.5) / 10_000)
  expected = 1 - (s**2 * (1 - s / 4) ** 2).mean()
  assert abs(part.mean() - expected) < 0.03


def test_same_in_every_kind_of_graph_and_again():
  tensors = batch()
  cut_mix = noise.CutMix(alpha=0.7)
  expected = cut_mix.mix(*tensors)
  for again in (cut_mix.mix, tf.function(cut_mix.mix),
                tf.function(cut_mix.mix, jit_compile=True)):
    for found, wanted in zip(again(*tensors), expected):
      np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(again(*tensors)[0], expected[0])
  rows = tf.data.Dataset.from_tensors(tuple(tensors)).map(cut_mix.mix)
  for found, wanted in zip(next(iter(rows)), expected):
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize('changes, sentence', [
    ({'alpha': 101},
     '`CutMix.alpha` should be a number at least 0.01 and at most 100, but is '
     '101.'),
    ({'probability': -1},
     '`CutMix.probability` should be a number at least 0 and at most 1, but is '
     '-1.'),
])
def test_error_sentences(changes, sentence):
  with pytest.raises(ValueError) as raised:
    noise.CutMix(**changes)
  assert str(raised.value) == sentence
