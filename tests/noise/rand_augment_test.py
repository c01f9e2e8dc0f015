"""What is drawn, with which argument, and what comes of it."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.core import draws
from ns.core import manifest
from ns.noise import image_ops
from ns.noise import rand_augment
from tests.noise import by_hand

SMALL = {'cutout_size': 4, 'translate_size': 4}
OPS = rand_augment.REFERENCE_OPS


def batch(count, channels=3, seed=0):
  """Random images of 20 by 19 pixels, and seeds for them."""
  rng = np.random.default_rng(seed)
  low = rng.integers(0, 100, (count, 1, 1, channels))
  images = low + rng.integers(0, 156, (count, 20, 19, channels))
  seeds = rng.integers(-2**63, 2**63, count)
  return tf.constant(images.astype(np.uint8)), tf.constant(seeds)


def chi_squared(counts):
  expected = counts.sum() / counts.size
  return ((counts - expected) ** 2 / expected).sum()


@pytest.mark.parametrize('form', ['auto', 'tensorflow', 'xla'])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('magnitude', [2, 6, 10.5, 18, 27])
def test_equals_the_single_operations_by_hand(magnitude, channels, form):
  images, seeds = batch(48, channels)
  result = noise.RandAugment(
      magnitude=magnitude, form=form, **SMALL).apply(images, seeds)
  numbers = draws.uniform(seeds, 10).numpy().reshape(48, 2, 5)
  seen = set()
  for image, layers, noised in zip(images.numpy(), numbers, result.numpy()):
    for pick, _, sign, row, column in layers:
      name = OPS[int(pick * 16)]
      seen.add(name)
      image = by_hand.rand_augment_op(
          name, image, magnitude=magnitude, sign=1 if sign < 0.5 else -1,
          row=row, column=column, **SMALL)
    np.testing.assert_array_equal(noised, image)
  assert seen == set(OPS)


def test_same_in_tf_data_and_eagerly():
  images, seeds = batch(40)
  augment = noise.RandAugment(magnitude=9, **SMALL)
  expected = augment.apply(images, seeds).numpy()
  rows = tf.data.Dataset.from_tensor_slices((images, seeds))
  for size in (40, 7):  # 7 does not divide 40
    parts = list(rows.batch(size).map(augment.apply))
    np.testing.assert_array_equal(np.concatenate(parts), expected)
  assert rows.batch(
      8, drop_remainder=True).map(augment.apply).element_spec.shape == (
          8, 20, 19, 3)


def test_result_does_not_depend_on_place_or_size_of_the_batch():
  images, seeds = batch(40)
  augment = noise.RandAugment(magnitude=9, **SMALL)
  expected = augment.apply(images, seeds).numpy()
  order = np.random.default_rng(1).permutation(40)
  shuffled = augment.apply(tf.gather(images, order), tf.gather(seeds, order))
  np.testing.assert_array_equal(shuffled, expected[order])
  for place in range(40):
    alone = augment.apply(images[place:place + 1], seeds[place:place + 1])
    np.testing.assert_array_equal(alone[0], expected[place])
  assert augment.apply(images[:0], seeds[:0]).shape == (0, 20, 19, 3)


def test_same_seeds_same_images_other_seeds_others():
  images, seeds = batch(40)
  augment = noise.RandAugment(magnitude=9, **SMALL)
  first = augment.apply(images, seeds).numpy()
  np.testing.assert_array_equal(augment.apply(images, seeds), first)
  other = augment.apply(images, seeds + 1).numpy()
  assert (other != first).any((1, 2, 3)).mean() > 0.9


def test_draws_are_uniform_and_apart():
  # A million draws of each number. Quantiles 0.999 of chi-squared.
  seeds = tf.range(500_000, dtype=tf.int64) * 1_000_003
  choice = noise.RandAugment(magnitude=9).draw(seeds)
  op, sign, row, column = (value.numpy() for value in choice[:4])
  pairs = np.zeros((16, 16))
  np.add.at(pairs, (op[:, 0], op[:, 1]), 1)
  assert chi_squared(pairs.sum(0)) < 37.7  # 15 degrees of freedom
  assert chi_squared(pairs.sum(1)) < 37.7
  assert chi_squared(pairs) < 330.5  # 255
  # Signs are even within every operation.
  signs = np.zeros((16, 2))
  np.add.at(signs, (op.ravel(), (sign.ravel() > 0).astype(int)), 1)
  assert chi_squared(signs) < 61.1  # 31
  assert set(sign.ravel()) == {-1.0, 1.0}
  # Holes are as likely everywhere.
  places = np.zeros((10, 10))
  np.add.at(places, ((row.ravel() * 10).astype(int),
                     (column.ravel() * 10).astype(int)), 1)
  assert chi_squared(places) < 148.2  # 99


def test_first_layers_do_not_depend_on_their_number():
  _, seeds = batch(100)
  one = noise.RandAugment(magnitude=9, magnitude_std=2, layers=1).draw(seeds)
  three = noise.RandAugment(magnitude=9, magnitude_std=2, layers=3).draw(seeds)
  for first, of_three in zip(one, three):
    assert of_three.shape == (100, 3)
    np.testing.assert_array_equal(first[:, 0], of_three[:, 0])


def test_probability_leaves_the_other_images_as_they_are():
  images, seeds = batch(2000, channels=1)
  always = noise.RandAugment(magnitude=9, layers=1, ops=['Invert', 'Rotate'])
  often = noise.RandAugment(magnitude=9, layers=1, ops=['Invert', 'Rotate'],
                            probability=0.7)
  never = noise.RandAugment(magnitude=9, probability=0)
  np.testing.assert_array_equal(never.apply(images, seeds), images)
  result = often.apply(images, seeds).numpy()
  changed = (result != images.numpy()).any((1, 2, 3))
  assert abs(changed.mean() - 0.7) < 0.04  # four standard deviations
  np.testing.assert_array_equal(
      result[changed], always.apply(images, seeds).numpy()[changed])


def test_only_the_named_operations_are_applied():
  images, seeds = batch(10)
  inverted = noise.RandAugment(
      magnitude=9, layers=1, ops=['Invert']).apply(images, seeds)
  np.testing.assert_array_equal(inverted, 255 - images.numpy())
  # Other channel counts are fine without Color.
  noise.RandAugment(magnitude=9, ops=[op for op in OPS if op != 'Color']).apply(
      images[..., :2], seeds)


def test_only_the_named_operations_are_computed():
  def graph_ops(names):
    augment = noise.RandAugment(magnitude=9, ops=names, form='tensorflow')
    graph = tf.function(augment.apply).get_concrete_function(
        tf.TensorSpec([None, 28, 28, 1], tf.uint8),
        tf.TensorSpec([None], tf.int64)).graph
    return [op.type for op in graph.get_operations()]

  borders = 'PadV2'  # of a geometric operation
  assert graph_ops(['Invert', 'Cutout']).count(borders) == 0
  assert graph_ops(['Rotate', 'ShearX', 'TranslateX']).count(borders) == 4
  assert 'UnsortedSegmentSum' in graph_ops(OPS)  # the histograms of Equalize
  assert 'UnsortedSegmentSum' not in graph_ops(['Invert', 'Rotate'])


def test_a_name_given_twice_is_picked_twice_as_often():
  seeds = tf.range(9000, dtype=tf.int64)
  images = tf.fill([9000, 1, 1, 1], tf.constant(7, tf.uint8))
  result = noise.RandAugment(
      magnitude=9, layers=1, ops=['Invert', 'Posterize', 'Invert']).apply(
          images, seeds).numpy()
  assert abs((result == 248).mean() - 2 / 3) < 0.02  # four deviations


def test_fill_reaches_geometry_and_hole():
  images = tf.zeros([50, 20, 19, 1], tf.uint8)
  _, seeds = batch(50)
  for names in (['Cutout'], ['Rotate', 'ShearX', 'TranslateY']):
    result = noise.RandAugment(magnitude=9, layers=1, ops=names, fill=77,
                               **SMALL).apply(images, seeds).numpy()
    assert set(result.ravel()) == {0, 77}


# Magnitudes by chance.


def test_magnitudes_are_normal_and_clipped():
  seeds = tf.range(500_000, dtype=tf.int64) * 1_000_003
  edges = np.arange(1, 30) - 0.5 / 64  # between two of the grid
  for mean, std in ((9, 2), (1, 3), (27.3, 4), (15, 0.5), (0, 100)):
    augment = noise.RandAugment(magnitude=mean, magnitude_std=std)
    level = augment.draw(seeds).level.numpy()
    drawn = np.array(augment.magnitudes)[level]
    below = [0.5 * math.erfc((mean - edge) / std / 2**0.5) for edge in edges]
    expected = np.diff([0, *below, 1]) * 1e6
    counts = np.histogram(drawn, [-1, *edges, 31])[0]
    some = expected > 10
    # The bins above, and the rest together: 0.999 with 30 degrees is 59.7.
    parts = [(counts[some], expected[some])]
    if not some.all():
      parts.append((counts[~some].sum(), expected[~some].sum() + 1))
    assert sum(np.sum((c - e) ** 2 / e) for c, e in parts) < 59.7
    # Not the same in both layers, nor with other numbers.
    assert abs(np.corrcoef(level.T)[0, 1]) < 4 / 500_000**0.5
    assert drawn.min() >= 0 and drawn.max() <= 30


def test_drawn_magnitudes_reach_the_arguments():
  images, seeds = batch(60)
  augment = noise.RandAugment(magnitude=12, magnitude_std=8, **SMALL)
  choice = augment.draw(seeds)
  drawn = np.array(augment.magnitudes)[choice.level.numpy()]
  assert len(set(drawn.ravel())) > 60
  expected = []
  for n, image in enumerate(images.numpy()):
    for layer in range(2):
      op, sign, row, column = (value.numpy()[n, layer] for value in choice[:4])
      image = by_hand.rand_augment_op(
          OPS[op], image, magnitude=drawn[n, layer], sign=sign, row=row,
          column=column, **SMALL)
    expected.append(image)
  np.testing.assert_array_equal(augment.apply(images, seeds), expected)
  compiled = tf.function(noise.RandAugment(
      magnitude=12, magnitude_std=8, form='xla', **SMALL).apply,
                         jit_compile=True)
  np.testing.assert_array_equal(compiled(images, seeds), expected)


def test_without_deviation_all_else_is_drawn_as_with_it():
  _, seeds = batch(50)
  fixed = noise.RandAugment(magnitude=9).draw(seeds)
  normal = noise.RandAugment(magnitude=9, magnitude_std=1).draw(seeds)
  for name in ('op', 'sign', 'row', 'column'):
    np.testing.assert_array_equal(
        getattr(fixed, name), getattr(normal, name))
  assert noise.RandAugment(magnitude=9).magnitudes == (9,)
  assert not fixed.level.numpy().any()


# Arguments: the reference's table, in numbers.


@pytest.mark.parametrize('op, expected', [
    ('AutoContrast', (0, 0, 0)), ('Equalize', (0, 0, 0)), ('Invert', (0, 0, 0)),
    ('Rotate', (0, 15, 45)),
    ('ShearX', (0, 0.15, 0.45)), ('ShearY', (0, 0.15, 0.45)),
    ('TranslateX', (0, 50, 150)), ('TranslateY', (0, 50, 150)),
    ('Color', (0.1, 1, 2.8)), ('Contrast', (0.1, 1, 2.8)),
    ('Brightness', (0.1, 1, 2.8)), ('Sharpness', (0.1, 1, 2.8)),
    ('SolarizeAdd', (0, 55, 165)), ('Cutout', (0, 40, 120)),
    ('Posterize', (1, 2, 6)), ('Solarize', (0, 128, 128)),
])
def test_arguments_at_magnitudes_0_5_15(op, expected):
  found = [noise.RandAugment(magnitude=m).argument(op) for m in (0, 5, 15)]
  assert found == pytest.approx(expected)


@pytest.mark.parametrize('magnitude, wrap, clamp', [
    (9.9, 253, 253), (10, 0, 256), (15, 128, 256), (18, 204, 256),
    (27, 179, 256)])
def test_solarize_threshold_past_its_range(magnitude, wrap, clamp):
  for overflow, expected in (('wrap', wrap), ('clamp', clamp)):
    assert noise.RandAugment(magnitude=magnitude, overflow=overflow).argument(
        'Solarize') == expected


@pytest.mark.parametrize('magnitude, wrap, clamp', [
    (0, 1, 1), (2, 1, 1), (5, 2, 2), (10, 4, 4), (20, 8, 8), (22, 8, 8),
    (24, 1, 8), (27, 1, 8), (28, 1, 8), (30, 1, 8)])
def test_posterize_bits_past_their_range(magnitude, wrap, clamp):
  for overflow, expected in (('wrap', wrap), ('clamp', clamp)):
    assert noise.RandAugment(magnitude=magnitude, overflow=overflow).argument(
        'Posterize') == expected


def test_wrap_is_what_tensorflow_does_with_such_numbers():
  values = tf.range(256)
  images = tf.cast(tf.reshape(values, [1, 16, 16, 1]), tf.uint8)
  for magnitude in (0, 2, 5, 10, 15, 18, 20, 24, 27, 30):
    augment = noise.RandAugment(magnitude=magnitude)
    threshold = np.array(int(magnitude / 10 * 256)).astype(np.uint8)
    np.testing.assert_array_equal(
        image_ops.solarize(images, [augment.argument('Solarize')]),
        tf.where(images < threshold, images, 255 - images))
    shift = np.array(8 - int(magnitude / 10 * 4)).astype(np.uint8)
    np.testing.assert_array_equal(
        image_ops.posterize(images, [augment.argument('Posterize')]),
        tf.bitwise.left_shift(tf.bitwise.right_shift(images, shift), shift))


def test_clamped_solarize_leaves_images_as_they_are():
  images, seeds = batch(10)
  result = noise.RandAugment(magnitude=15, overflow='clamp', ops=['Solarize'],
                             layers=1).apply(images, seeds)
  np.testing.assert_array_equal(result, images)


def test_correct_contrast():
  images, seeds = batch(10)
  augment = noise.RandAugment(
      magnitude=15, ops=['Contrast'], layers=1, contrast='correct')
  np.testing.assert_array_equal(
      augment.apply(images, seeds),
      image_ops.contrast(images, tf.fill([10], 2.8), kind='correct'))


def test_form_is_no_part_of_what_it_is():
  forms = [manifest.canonical(noise.RandAugment(magnitude=9, form=form))
           for form in ('auto', 'tensorflow', 'xla', 'native')]
  assert forms.count(forms[0]) == 4


def test_traces_without_a_warning(caplog):
  images, seeds = batch(4)
  augment = noise.RandAugment(magnitude=9, magnitude_std=1)
  list(tf.data.Dataset.from_tensors((images, seeds)).map(augment.apply))
  assert 'AutoGraph' not in caplog.text


# Errors.


def test_ops_become_a_tuple():
  augment = noise.RandAugment(magnitude=9, ops=['Invert', 'Rotate'])
  assert augment.ops == ('Invert', 'Rotate')
  assert hash(augment) == hash(
      noise.RandAugment(magnitude=9, ops=('Invert', 'Rotate')))


@pytest.mark.parametrize('changes, sentence', [
    ({'ops': ['Invert', 'Rotat']},
     '`RandAugment.ops` should be of names of the reference, but has '
     "'Rotat'; the nearest is 'Rotate'."),
    ({'ops': ['shear_y']},
     '`RandAugment.ops` should be of names of the reference, but has '
     "'shear_y'; the nearest is 'ShearY'."),
    ({'ops': [3]},
     '`RandAugment.ops` should be of names of the reference, but has 3; '),
    ({'ops': 'Rotate'},
     '`RandAugment.ops` should be a list of at least one name of '
     f"{', '.join(OPS)}, but is 'Rotate'."),
    ({'ops': []},
     '`RandAugment.ops` should be a list of at least one name of '
     f"{', '.join(OPS)}, but is []."),
    ({'magnitude': 31},
     '`RandAugment.magnitude` should be a number at least 0 and at most 30, '
     'but is 31.'),
    ({'magnitude': -1},
     '`RandAugment.magnitude` should be a number at least 0 and at most 30, '
     'but is -1.'),
    ({'layers': 0},
     '`RandAugment.layers` should be a whole number of at least 1, but is 0.'),
    ({'cutout_size': -1},
     '`RandAugment.cutout_size` should be a whole number of at least 0, but is '
     '-1.'),
    ({'cutout_size': 10**9},
     '`RandAugment.cutout_size` should be a number at most 1000000, but is '
     '1000000000.'),
    ({'translate_size': -0.5},
     '`RandAugment.translate_size` should be a number at least 0, but is '
     '-0.5.'),
    ({'fill': 12.5},
     '`RandAugment.fill` should be a whole number of at least 0, but is 12.5.'),
    ({'fill': 256},
     '`RandAugment.fill` should be a number at most 255, but is 256.'),
    ({'overflow': 'stop'},
     "`RandAugment.overflow` should be one of 'wrap', 'clamp', but is "
     "'stop'."),
    ({'magnitude_std': -1},
     '`RandAugment.magnitude_std` should be a number at least 0, but is -1.'),
    ({'contrast': 'right'},
     "`RandAugment.contrast` should be one of 'released', 'correct', but is "
     "'right'."),
    ({'form': 'fast'},
     "`RandAugment.form` should be one of 'auto', 'native', 'tensorflow', "
     "'xla', but is 'fast'."),
    ({'probability': 1.5},
     '`RandAugment.probability` should be a number at least 0 and at most 1, '
     'but is 1.5.'),
])
def test_error_sentences(changes, sentence):
  with pytest.raises(ValueError) as raised:
    noise.RandAugment(**{'magnitude': 9, **changes})
  assert str(raised.value).startswith(sentence)


def test_the_largest_hole_is_all_of_the_image():
  images, seeds = batch(10)
  augment = noise.RandAugment(
      magnitude=30, layers=1, ops=['Cutout'], cutout_size=10**6)
  for form in ('auto', 'tensorflow', 'xla'):
    result = dataclasses.replace(augment, form=form).apply(images, seeds)
    np.testing.assert_array_equal(result, tf.fill(images.shape, 128))


def test_two_channels_with_color_are_an_error():
  images, seeds = batch(10)
  with pytest.raises(ValueError, match='leave Color out of `RandAugment.ops`'):
    noise.RandAugment(magnitude=9).apply(images[..., :2], seeds)
