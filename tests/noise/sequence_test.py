import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.core import draws


def batch(count):
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (count, 8, 8, 1)).astype(np.uint8)
  return tf.constant(images), tf.constant(rng.integers(-2**63, 2**63, count))


def test_steps_in_order_with_seeds_of_their_own():
  images, seeds = batch(40)
  steps = [noise.FlipAndShift(), noise.Cutout(size=3),
           noise.RandAugment(magnitude=9, translate_size=2, cutout_size=2)]
  expected = images
  for number, step in enumerate(steps):
    numbers = tf.fill([40], tf.constant(number, tf.int64))
    expected = step.apply(expected, draws.members(seeds, numbers))
  sequence = noise.Sequence(steps=steps)
  np.testing.assert_array_equal(sequence.apply(images, seeds), expected)
  rows = tf.data.Dataset.from_tensor_slices((images, seeds)).batch(40)
  mapped, = rows.map(sequence.apply)
  np.testing.assert_array_equal(mapped, expected)
  compiled = tf.function(
      noise.Sequence(steps=steps[:2]).apply, jit_compile=True)
  np.testing.assert_array_equal(
      compiled(images, seeds),
      noise.Sequence(steps=steps[:2]).apply(images, seeds))


def test_equal_steps_do_not_draw_the_same():
  images, seeds = batch(200)
  hole = noise.Cutout(size=1)
  once = noise.Sequence(steps=(hole,)).apply(images * 0, seeds).numpy()
  twice = noise.Sequence(steps=(hole, hole)).apply(images * 0, seeds).numpy()
  assert ((twice > 0) >= (once > 0)).all()  # the first hole is where it was
  assert (twice > 0).sum() > 1.9 * (once > 0).sum()


def test_no_steps_and_off_change_nothing():
  images, seeds = batch(5)
  np.testing.assert_array_equal(
      noise.Sequence(steps=[]).apply(images, seeds), images)
  np.testing.assert_array_equal(noise.Off().apply(images, seeds), images)


def test_steps_become_a_tuple():
  a = noise.Sequence(steps=[noise.Off(), noise.Cutout(size=2)])
  b = noise.Sequence(steps=(noise.Off(), noise.Cutout(size=2)))
  assert a == b and hash(a) == hash(b)


@pytest.mark.parametrize('steps, sentence', [
    ([noise.Off(), 'Cutout'],
     '`Sequence.steps` should be of objects with `apply()`, but number 1 (from '
     "0) is 'Cutout'; write a gin reference with brackets, `@noise.Cutout()`."),
    ([noise.Off],
     '`Sequence.steps` should be of objects with `apply()`, but number 0 (from '
     "0) is <class 'ns.noise.sequence.Off'>; write a gin reference with "
     'brackets, `@noise.Cutout()`.'),
    ([noise.MixUp()],
     '`Sequence.steps` should be of objects with `apply()`, but number 0 (from '
     '0) is MixUp(alpha=0.2, probability=1.0); it mixes a batch: bind it to '
     '`loop.Generation.batch_noise`.'),
    (noise.Off(),
     '`Sequence.steps` should be a value of type list or tuple, but is Off().'),
])
def test_error_sentences(steps, sentence):
  with pytest.raises(TypeError) as raised:
    noise.Sequence(steps=steps)
  assert str(raised.value) == sentence


def test_what_the_accelerator_makes_is_no_step():
  with pytest.raises(ValueError) as raised:
    noise.Sequence(steps=[noise.Off(), noise.OnDevice(noise=noise.Off())])
  assert str(raised.value) == (
      '`Sequence.steps` should not have an `OnDevice`, but number 1 (from 0) '
      'is one; bind `@noise.OnDevice()` around the sequence.')
