import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.core import draws


def batch(count, channels=1):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (count, 7, 9, channels)).astype(np.uint8)
  return tf.constant(images), tf.constant(rng.integers(-2**63, 2**63, count))


def by_hand(image, numbers, flip, shift):
  """Mirrored, padded by numpy, and a window cut out."""
  mirrored, down, right = numbers
  if flip and mirrored < 0.5:
    image = image[:, ::-1]
  padded = np.pad(image, [(shift, shift), (shift, shift), (0, 0)], 'reflect')
  top, left = int(down * (2 * shift + 1)), int(right * (2 * shift + 1))
  return padded[top:top + image.shape[0], left:left + image.shape[1]]


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('flip', [True, False])
@pytest.mark.parametrize('shift', [0, 1, 2, 6])
def test_equals_padding_and_cropping(shift, flip, channels):
  images, seeds = batch(80, channels)
  moving = noise.FlipAndShift(flip=flip, shift=shift)
  expected = np.stack([
      by_hand(image, numbers, flip, shift) for image, numbers in zip(
          images.numpy(), draws.uniform(seeds, 3).numpy())])
  np.testing.assert_array_equal(moving.apply(images, seeds), expected)
  compiled = tf.function(moving.apply, jit_compile=True)
  np.testing.assert_array_equal(compiled(images, seeds), expected)
  rows = tf.data.Dataset.from_tensor_slices((images, seeds)).batch(9)
  np.testing.assert_array_equal(
      np.concatenate(list(rows.map(moving.apply))), expected)


def test_flips_and_shifts_are_uniform():
  # A flip, a row and a column can be read off where two marks go.
  images = np.zeros((25_000, 7, 9, 1), np.uint8)
  images[:, 3, 4] = 1
  images[:, 3, 3] = 2
  moved = noise.FlipAndShift(shift=2).apply(
      tf.constant(images), tf.range(25_000, dtype=tf.int64)).numpy()
  _, row, column, _ = np.nonzero(moved == 1)
  _, _, other, _ = np.nonzero(moved == 2)
  counts = np.zeros((2, 5, 5))
  np.add.at(counts, ((other > column).astype(int), row - 1, column - 2), 1)
  assert counts.sum() == 25_000
  # 0.999 of chi-squared with 49 degrees of freedom.
  assert ((counts - 500) ** 2 / 500).sum() < 85.4


def test_result_does_not_depend_on_the_batch():
  images, seeds = batch(30)
  moving = noise.FlipAndShift()
  whole = moving.apply(images, seeds).numpy()
  np.testing.assert_array_equal(moving.apply(images, seeds), whole)
  for place in (0, 13, 29):
    np.testing.assert_array_equal(
        moving.apply(images[place:place + 1], seeds[place:place + 1])[0],
        whole[place])
  assert (moving.apply(images, seeds + 1).numpy() != whole).any()


@pytest.mark.parametrize('arguments, sentence', [
    ({'shift': -1},
     '`FlipAndShift.shift` should be a whole number of at least 0, but is -1.'),
    ({'flip': 'yes'},
     "`FlipAndShift.flip` should be one of True, False, but is 'yes'."),
])
def test_error_sentences(arguments, sentence):
  with pytest.raises(ValueError) as raised:
    noise.FlipAndShift(**arguments)
  assert str(raised.value) == sentence


def test_images_smaller_than_the_shift_are_an_error():
  images, seeds = batch(2)
  with pytest.raises(ValueError) as raised:
    noise.FlipAndShift(shift=7).apply(images, seeds)
  assert str(raised.value) == (
      '`FlipAndShift.shift` should be less than the height and width of the '
      'images, but is 7 for images of shape (2, 7, 9, 1).')
