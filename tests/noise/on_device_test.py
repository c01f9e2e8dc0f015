import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.core import manifest


def steps(form):
  return noise.Sequence(steps=[
      noise.FlipAndShift(), noise.Sequence(steps=[
          noise.RandAugment(magnitude=9, form=form, translate_size=3),
          noise.AutoAugment(form=form)]), noise.Cutout(size=3)])


def test_compiles_and_is_the_same_noise():
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (30, 14, 12, 3)).astype(np.uint8)
  seeds = rng.integers(-2**63, 2**63, 30)
  made = noise.OnDevice(noise=steps('xla'))
  compiled = tf.function(made.apply, jit_compile=True)
  expected = steps('tensorflow').apply(tf.constant(images), tf.constant(seeds))
  np.testing.assert_array_equal(
      compiled(tf.constant(images), tf.constant(seeds)), expected)
  assert made.on_device


def test_where_it_is_made_is_no_part_of_what_it_is():
  assert manifest.canonical(noise.OnDevice(noise=steps('xla'))) == (
      manifest.canonical(steps('auto')))


@pytest.mark.parametrize('form', ['auto', 'native', 'tensorflow'])
def test_a_form_that_does_not_compile_is_an_error(form):
  with pytest.raises(ValueError) as raised:
    noise.OnDevice(noise=steps(form))
  assert str(raised.value) == (
      '`OnDevice.noise` should be of noises that XLA compiles, but its '
      f"RandAugment is of the form '{form}'; bind "
      "`noise.RandAugment.form = 'xla'`.")


def test_a_noise_of_a_team_and_something_else():
  noise.OnDevice(noise=noise.Off())
  with pytest.raises(TypeError) as raised:
    noise.OnDevice(noise=noise.Off)
  assert str(raised.value) == (
      '`OnDevice.noise` should be an object with `apply()`, but is '
      f'{noise.Off!r}; write a gin reference with brackets, '
      '`@module.Name()`.')
