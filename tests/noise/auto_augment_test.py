"""AutoAugment: what is drawn, and what comes of it."""

import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.core import draws
from ns.core import manifest
from ns.noise import auto_augment
from ns.noise import op_names
from tests.noise import by_hand

POLICY = auto_augment.POLICY_V0


def batch(count, channels=3):
  rng = np.random.default_rng(0)
  low = rng.integers(0, 100, (count, 1, 1, channels))
  images = low + rng.integers(0, 156, (count, 20, 19, channels))
  seeds = rng.integers(-2**63, 2**63, count)
  return tf.constant(images.astype(np.uint8)), tf.constant(seeds)


def test_policy_is_well_formed():
  assert [len(sub) for sub in POLICY] == [2] * 25
  for sub in POLICY:
    for op, probability, level in sub:
      assert op in op_names.NAMES
      assert 0 <= probability <= 1 and 0 <= level <= 10
  # Its checksum, of the table as published: operations and levels.
  assert sum(level for sub in POLICY for _, _, level in sub) == 240
  assert sum(p for sub in POLICY for _, p, _ in sub) == pytest.approx(29.8)
  names = [op for sub in POLICY for op, _, _ in sub]
  assert {op: names.count(op) for op in set(names)} == {
      'Equalize': 12, 'Color': 9, 'Solarize': 8, 'Rotate': 7, 'ShearY': 4,
      'SolarizeAdd': 2, 'ShearX': 2, 'Posterize': 2, 'AutoContrast': 2,
      'Invert': 1, 'TranslateY': 1}


@pytest.mark.parametrize('form', ['tensorflow', 'xla'])
@pytest.mark.parametrize('channels', [1, 3])
def test_equals_the_single_operations_by_hand(channels, form):
  images, seeds = batch(150, channels)
  result = noise.AutoAugment(translate_size=9, form=form).apply(images, seeds)
  numbers = draws.uniform(seeds, 5).numpy()
  seen = set()
  for image, (pick, *layers), noised in zip(
      images.numpy(), numbers, result.numpy()):
    for (op, probability, level), whether, sign in zip(
        POLICY[int(pick * 25)], layers[::2], layers[1::2]):
      if whether < np.float32(probability):
        seen.add(op)
        image = by_hand.rand_augment_op(
            op, image, magnitude=level, cutout_size=0, translate_size=9,
            sign=1 if sign < 0.5 else -1, row=0, column=0)
    np.testing.assert_array_equal(noised, image)
  assert len(seen) > 8


def test_sub_policies_are_uniform_and_probabilities_kept():
  choice = noise.AutoAugment().draw(tf.range(1_000_000, dtype=tf.int64))
  sub_policy, op, sign = (value.numpy() for value in choice)
  counts = np.bincount(sub_policy, minlength=25)
  # 0.999 of chi-squared with 24 degrees of freedom.
  assert ((counts - 40_000) ** 2 / 40_000).sum() < 51.2
  for number, sub in enumerate(POLICY):
    own = op[sub_policy == number]
    both = own != -1
    for layer, (name, probability, _) in enumerate(sub):
      assert set(own[both[:, layer], layer]) <= {op_names.NAMES.index(name)}
      # Four deviations of 40,000 draws.
      assert abs(both[:, layer].mean() - probability) < 0.0101
    # The two are drawn apart.
    product = sub[0][1] * sub[1][1]
    assert abs(both.all(1).mean() - product) < 0.0101
  assert abs((sign == 1).mean() - 0.5) < 0.0015
  assert set(sign.ravel()) == {-1.0, 1.0}


def test_image_depends_on_its_seed_alone():
  images, seeds = batch(40)
  augment = noise.AutoAugment()
  whole = augment.apply(images, seeds).numpy()
  for place in (0, 17, 39):
    np.testing.assert_array_equal(
        augment.apply(images[place:place + 1], seeds[place:place + 1])[0],
        whole[place])
  rows = tf.data.Dataset.from_tensor_slices((images, seeds)).batch(7)
  np.testing.assert_array_equal(
      np.concatenate(list(rows.map(augment.apply))), whole)
  assert (augment.apply(images, seeds + 1).numpy() != whole).any()


def test_compiles():
  images, seeds = batch(40)
  augment = noise.AutoAugment(form='xla')
  compiled = tf.function(augment.apply, jit_compile=True)
  np.testing.assert_array_equal(
      compiled(images, seeds), noise.AutoAugment().apply(images, seeds))


def test_form_is_no_part_of_what_it_is():
  assert manifest.canonical(noise.AutoAugment(form='xla')) == (
      manifest.canonical(noise.AutoAugment()))


@pytest.mark.parametrize('changes, sentence', [
    ({'translate_size': -1},
     '`AutoAugment.translate_size` should be a number at least 0, but is -1.'),
    ({'fill': 1.5},
     '`AutoAugment.fill` should be a whole number of at least 0, but is 1.5.'),
    ({'fill': 256},
     '`AutoAugment.fill` should be a number at most 255, but is 256.'),
    ({'overflow': 'stop'},
     "`AutoAugment.overflow` should be one of 'wrap', 'clamp', but is 'stop'."),
    ({'form': 'fast'},
     "`AutoAugment.form` should be one of 'auto', 'native', 'tensorflow', "
     "'xla', but is 'fast'."),
])
def test_error_sentences(changes, sentence):
  with pytest.raises(ValueError) as raised:
    noise.AutoAugment(**changes)
  assert str(raised.value) == sentence
