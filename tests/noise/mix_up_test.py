import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.noise import mixing


def batch(count=40, channels=3):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (count, 6, 7, channels)).astype(np.uint8)
  labels = np.eye(5, dtype=np.float32)[rng.integers(0, 5, count)]
  weights = (rng.random(count) > 0.2).astype(np.float32)
  is_labelled = (rng.random(count) < 0.4).astype(np.float32)
  seeds = rng.integers(-2**63, 2**63, count)
  return [tf.constant(v) for v in (images, labels, weights, is_labelled, seeds)]


@pytest.mark.parametrize('channels', [1, 3])
def test_equals_means_by_hand(channels):
  images, labels, weights, is_labelled, seeds = batch(channels=channels)
  mix_up = noise.MixUp(alpha=0.4, probability=0.8)
  pair = mixing.draw(seeds, weights, is_labelled, 0.8)
  part = mixing.parts(0.4, pair).numpy()
  partner = pair.partner.numpy()
  mixed, new_labels, new_weights = mix_up.mix(
      images, labels, weights, is_labelled, seeds)
  assert mixed.dtype == tf.uint8
  own, other = images.numpy(), images.numpy()[partner]
  p = part[:, None, None, None].astype(np.float64)
  exact = p * own + (1 - p) * other
  # Rounded once: half a unit, and float32's errors.
  assert abs(mixed.numpy() - exact).max() < 0.5 + 1e-4
  one = part[:, None]
  np.testing.assert_allclose(
      new_labels, one * labels + (1 - one) * labels.numpy()[partner], rtol=1e-5)
  np.testing.assert_array_equal(new_weights, weights)  # 1 with 1, or 0


def test_values_are_rounded_half_up(monkeypatch):
  images, *others = batch()
  pair = mixing.Pair(tf.roll(tf.range(40), 1, 0), tf.zeros(40, tf.int32), None)
  monkeypatch.setattr(mixing, 'draw', lambda *arguments: pair)
  monkeypatch.setattr(mixing, 'parts', lambda alpha, pair: tf.fill([40], 0.5))
  mixed, _, _ = noise.MixUp().mix(images, *others)
  pixels = images.numpy().astype(int)
  np.testing.assert_array_equal(
      mixed, (pixels + np.roll(pixels, 1, axis=0) + 1) // 2)


def test_broken_images_stay_and_are_mixed_into_none():
  images, labels, weights, is_labelled, seeds = batch()
  broken = weights.numpy() == 0
  marked = tf.where(weights[:, None, None, None] > 0, images // 4,
                    tf.constant(255, tf.uint8))
  mixed, new_labels, new_weights = noise.MixUp(alpha=1).mix(
      marked, labels, weights, is_labelled, seeds)
  np.testing.assert_array_equal(mixed.numpy()[broken], marked.numpy()[broken])
  np.testing.assert_array_equal(
      new_labels.numpy()[broken], labels.numpy()[broken])
  assert not new_weights.numpy()[broken].any()
  assert mixed.numpy()[~broken].max() < 64


def test_kinds_do_not_mix():
  images, labels, weights, is_labelled, seeds = batch()
  kind = is_labelled[:, None]
  labels = tf.concat([kind, 1 - kind], axis=1)
  _, mixed, _ = noise.MixUp(alpha=1).mix(
      images, labels, weights, is_labelled, seeds)
  np.testing.assert_allclose(mixed, labels, atol=1e-6)


def test_same_in_every_kind_of_graph_and_again():
  tensors = batch()
  mix_up = noise.MixUp(alpha=0.4)
  expected = mix_up.mix(*tensors)
  for again in (mix_up.mix, tf.function(mix_up.mix),
                tf.function(mix_up.mix, jit_compile=True)):
    for found, wanted in zip(again(*tensors), expected):
      np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=0)
    np.testing.assert_array_equal(again(*tensors)[0], expected[0])
  rows = tf.data.Dataset.from_tensors(tuple(tensors)).map(mix_up.mix)
  for found, wanted in zip(next(iter(rows)), expected):
    np.testing.assert_array_equal(found, wanted)
  other = mix_up.mix(*tensors[:-1], tensors[-1] + 1)
  assert (other[0] != expected[0]).numpy().any()


@pytest.mark.parametrize('changes, sentence', [
    ({'alpha': 0},
     '`MixUp.alpha` should be a number at least 0.01 and at most 100, but is '
     '0.'),
    ({'probability': 2},
     '`MixUp.probability` should be a number at least 0 and at most 1, but is '
     '2.'),
])
def test_error_sentences(changes, sentence):
  with pytest.raises(ValueError) as raised:
    noise.MixUp(**changes)
  assert str(raised.value) == sentence
