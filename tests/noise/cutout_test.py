import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.core import draws
from tests.noise import by_hand


def batch(count, channels=1):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (count, 10, 13, channels)).astype(np.uint8)
  return tf.constant(images), tf.constant(rng.integers(-2**63, 2**63, count))


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('size', [1, 4, 5, 40])
def test_equals_holes_by_hand(size, channels):
  images, seeds = batch(60, channels)
  cut = noise.Cutout(size=size, probability=0.6, fill=3)
  expected = []
  for image, (row, column, whether) in zip(
      images.numpy(), draws.uniform(seeds, 3).numpy()):
    expected.append(by_hand.cutout(
        image, int(row * 10), int(column * 13), size, 3)
                    if whether < 0.6 else image)
  np.testing.assert_array_equal(cut.apply(images, seeds), expected)
  compiled = tf.function(cut.apply, jit_compile=True)
  np.testing.assert_array_equal(compiled(images, seeds), expected)
  rows = tf.data.Dataset.from_tensor_slices((images, seeds)).batch(7)
  np.testing.assert_array_equal(
      np.concatenate(list(rows.map(cut.apply))), expected)


def test_always_cuts_unless_told_otherwise():
  images = tf.zeros([500, 10, 13, 1], tf.uint8)
  _, seeds = batch(500)
  holes = noise.Cutout(size=4).apply(images, seeds).numpy() == 128
  assert holes.any((1, 2, 3)).all()
  # Clipped at the edges: 2 to 4 pixels of the side remain.
  assert set(holes.sum((1, 2, 3))) == {4, 6, 8, 9, 12, 16}
  assert not noise.Cutout(size=4, probability=0).apply(
      images, seeds).numpy().any()


def test_middles_are_uniform():
  images = tf.zeros([13_000, 10, 13, 1], tf.uint8)
  seeds = tf.range(13_000, dtype=tf.int64)
  counts = (noise.Cutout(size=1).apply(images, seeds).numpy() == 128).sum(0)
  assert counts.sum() == 13_000
  # 0.999 of chi-squared with 129 degrees of freedom.
  assert ((counts - 100) ** 2 / 100).sum() < 184.8


def test_result_does_not_depend_on_the_batch():
  images, seeds = batch(30)
  cut = noise.Cutout(size=5, probability=0.5)
  whole = cut.apply(images, seeds).numpy()
  for place in (0, 13, 29):
    np.testing.assert_array_equal(
        cut.apply(images[place:place + 1], seeds[place:place + 1])[0],
        whole[place])
  other = cut.apply(images, seeds + 1).numpy()
  assert (other != whole).any()


@pytest.mark.parametrize('arguments, sentence', [
    ({'size': 0},
     '`Cutout.size` should be a whole number of at least 1, but is 0.'),
    ({'size': 10**9},
     '`Cutout.size` should be a number at most 1000000, but is 1000000000.'),
    ({'size': 4, 'probability': -0.1},
     '`Cutout.probability` should be a number at least 0 and at most 1, but is '
     '-0.1.'),
    ({'size': 4, 'fill': -1},
     '`Cutout.fill` should be a whole number of at least 0, but is -1.'),
    ({'size': 4, 'fill': 300},
     '`Cutout.fill` should be a number at most 255, but is 300.'),
])
def test_error_sentences(arguments, sentence):
  with pytest.raises(ValueError) as raised:
    noise.Cutout(**arguments)
  assert str(raised.value) == sentence
