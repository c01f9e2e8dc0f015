"""Where the crops look, and that they look the same each time."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ns import images
from ns.core import manifest
from tests.images import samples

CROPS = [images.CentreCrop(padding=32), images.CentreCrop(fraction=0.5),
         images.InceptionCrop(), images.InceptionCrop(flip=False)]


def seeds(count):
  return tf.constant(
      np.random.default_rng(0).integers(-2**63, 2**63, count))


def splitmix(seed, number):
  """Output `number` of SplitMix64, in Python's whole numbers."""
  top = 2**64
  state = (seed + (number + 1) * 0x9E3779B97F4A7C15) % top
  state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % top
  state = (state ^ state >> 27) * 0x94D049BB133111EB % top
  return state ^ state >> 31


@pytest.mark.parametrize('size, height, width, expected', [
    (224, 375, 500, [24, 86, 328, 328]),  # int(0.875 * 375), (47 + 1) // 2
    (224, 500, 375, [86, 24, 328, 328]),
    (600, 375, 500, [10, 72, 356, 356]),  # int(600 / 632 * 375) = int(356.01)
    (224, 256, 256, [16, 16, 224, 224]),
    (32, 33, 100, [9, 42, 16, 16]),  # half of 33 is 16
    (32, 1, 9, [0, 4, 1, 1]),  # Never nothing.
])
def test_the_middle_with_padding(size, height, width, expected):
  crop = images.CentreCrop(padding=32)
  np.testing.assert_array_equal(
      crop.window(tf.constant(height), tf.constant(width), size), expected)


@pytest.mark.parametrize('size', [224, 600])
def test_the_middle_by_a_fraction(size):
  crop = images.CentreCrop(fraction=0.875)
  np.testing.assert_array_equal(
      crop.window(tf.constant(375), tf.constant(500), size),
      [24, 86, 328, 328])
  whole = images.CentreCrop(fraction=1)
  np.testing.assert_array_equal(
      whole.window(tf.constant(375), tf.constant(501), size),
      [0, 63, 375, 375])


@pytest.mark.parametrize('form', samples.FORMS)
def test_the_middle_is_what_is_seen(form):
  # A frame of white around a middle of grey: 16 of 32 pixels a side.
  pixels = np.full((32, 48, 3), 255, np.uint8)
  pixels[8:24, 16:32] = 100
  crop = images.CentreCrop(fraction=0.5, form=form)
  result, is_good = crop.apply(tf.constant(pixels), 16, 3)
  assert is_good
  np.testing.assert_array_equal(result, np.full((16, 16, 3), 100))


@pytest.mark.parametrize('form', samples.FORMS)
@pytest.mark.parametrize('name', ['AsIs', 'CentreCrop', 'InceptionCrop'])
def test_files_in_a_pipeline(name, form):
  crop = getattr(images, name)(
      form=form, **({'padding': 32} if name == 'CentreCrop' else {}))
  data = [samples.encoded(samples.photograph(24, 24, i), kind)
          for i, kind in enumerate(['PNG', 'JPEG', 'BMP', 'GIF'])]
  data.insert(2, data[0][:99])
  dataset = tf.data.Dataset.from_tensor_slices((data, seeds(5))).map(
      lambda image, seed: crop.apply(image, 24, 3, seed))
  assert dataset.element_spec == (tf.TensorSpec([24, 24, 3], tf.uint8),
                                  tf.TensorSpec([], tf.bool))
  pixels, is_good = zip(*dataset.as_numpy_iterator(), strict=True)
  assert is_good == (True, True, False, True, True)
  assert [bool(p.any()) for p in pixels] == [True, True, False, True, True]


def windows(crop, height, width, count):
  """[count, 4]: windows of the crop for an image."""
  draw = tf.function(lambda seed: tf.map_fn(
      lambda s: crop.window(tf.constant(height), tf.constant(width), 224, s),
      seed, fn_output_signature=tf.int32))
  return draw(tf.reshape(seeds(2 * count), [count, 2])).numpy()


def by_tensorflow(height, width, count):
  """[count, 4]: of the op that the reference calls."""
  @tf.function
  def draw(count):
    def one(_):
      begin, extent, _ = tf.image.sample_distorted_bounding_box(
          [height, width, 3], [[[0.0, 0.0, 1.0, 1.0]]], seed=7,
          min_object_covered=0.1, aspect_ratio_range=(3 / 4, 4 / 3),
          area_range=(0.08, 1.0), max_attempts=10)
      return tf.concat([begin[:2], extent[:2]], 0)

    return tf.map_fn(one, tf.range(count), fn_output_signature=tf.int32)

  drawn = draw(count).numpy()
  whole = (drawn[:, 2:] == (height, width)).all(1)
  drawn[whole] = images.CentreCrop(padding=32).window(
      tf.constant(height), tf.constant(width), 224)
  return drawn


def distance(one, other):
  """Kolmogorov and Smirnov's, of two samples."""
  places = np.sort(np.concatenate([one, other]))
  below = lambda sample: np.searchsorted(np.sort(sample), places, 'right')
  return abs(below(one) / len(one) - below(other) / len(other)).max()


@pytest.mark.parametrize('height, width', [(375, 500), (300, 90),
                                           (90, 300)])
def test_random_windows_are_spread_as_the_references(height, width):
  count = 8000
  ours = windows(images.InceptionCrop(), height, width, count)
  theirs = by_tensorflow(height, width, count)
  # Exceeded by chance once in 10,000 times.
  allowed = 2.23 * np.sqrt(2 / count)
  for measured in (
      lambda w: w[:, 0], lambda w: w[:, 1], lambda w: w[:, 2],
      lambda w: w[:, 3], lambda w: w[:, 2] * w[:, 3],
      lambda w: w[:, 3] / w[:, 2], lambda w: w[:, 0] + w[:, 2] / 2,
      lambda w: w[:, 1] + w[:, 3] / 2):
    assert distance(measured(ours), measured(theirs)) < allowed


@pytest.mark.parametrize('height, width', [(90, 300), (300, 90)])
def test_windows_of_one_whole_side_stay(height, width):
  """Only the whole image, of both sides, becomes the middle."""
  drawn = windows(images.InceptionCrop(min_area=0.25), height, width, 2000)
  rows, columns = drawn[:, 2], drawn[:, 3]
  assert ((rows == height) ^ (columns == width)).sum() > 20


def test_random_windows_keep_the_bounds():
  crop = images.InceptionCrop(min_area=0.3, max_area=0.6, min_aspect=1.5,
                              max_aspect=2.0)
  drawn = windows(crop, 300, 400, 400)
  top, left, height, width = drawn.T
  assert (top >= 0).all() and (top + height <= 300).all()
  assert (left >= 0).all() and (left + width <= 400).all()
  area = height * width / (300 * 400)
  assert 0.29 < area.min() < 0.35 and 0.55 < area.max() < 0.61
  aspect = width / height
  assert 1.47 < aspect.min() < 1.55 and 1.95 < aspect.max() < 2.03


def test_where_nothing_fits_it_is_the_middle():
  drawn = windows(images.InceptionCrop(attempts=3), 10, 2000, 20)
  np.testing.assert_array_equal(drawn, [[1, 996, 8, 8]] * 20)


def test_the_whole_image_is_the_middle():
  whole = images.InceptionCrop(min_area=1, min_aspect=1, max_aspect=1)
  np.testing.assert_array_equal(
      windows(whole, 64, 64, 5), [[4, 4, 56, 56]] * 5)
  wider = images.InceptionCrop(min_area=1, min_aspect=1, max_aspect=1,
                               padding=224)
  np.testing.assert_array_equal(
      windows(wider, 64, 64, 5), [[16, 16, 32, 32]] * 5)


def test_half_are_mirrored_by_draws_of_their_own():
  pixels = tf.constant(samples.noise(8, 8, 3))
  whole = dict(min_area=1, min_aspect=1, max_aspect=1, padding=0)
  numbers = seeds(200)
  dataset = tf.data.Dataset.from_tensor_slices(numbers).map(
      lambda seed: images.InceptionCrop(**whole).apply(
          pixels, 8, 3, seed)[0])
  mirrored = []
  for result in dataset.as_numpy_iterator():
    as_it_is = np.array_equal(result, pixels)
    assert as_it_is or np.array_equal(result, pixels[:, ::-1])
    mirrored.append(not as_it_is)
  expected = [splitmix(int(seed), 2**32 + 2) >> 63 == 1
              for seed in numbers.numpy()]
  assert mirrored == expected
  assert 70 < sum(mirrored) < 130
  still = images.InceptionCrop(flip=False, **whole)
  for seed in numbers[:20]:
    np.testing.assert_array_equal(still.apply(pixels, 8, 3, seed)[0], pixels)


@pytest.mark.parametrize('form', samples.FORMS)
def test_an_image_depends_on_itself_and_its_seed_alone(form):
  crop = images.InceptionCrop(form=form)
  data = [samples.encoded(samples.photograph(40, 30, i), 'JPEG')
          for i in range(4)]
  rows = tf.data.Dataset.from_tensor_slices((data * 3, seeds(12)))
  apply = lambda image, seed: crop.apply(image, 8, 3, seed)[0]
  once = list(rows.map(apply).as_numpy_iterator())
  assert len({image.tobytes() for image in once}) == 12
  for again in (rows.map(apply, num_parallel_calls=3, deterministic=True),
                rows.skip(5).map(apply)):
    again = list(again.as_numpy_iterator())
    np.testing.assert_array_equal(again, once[-len(again):])


@pytest.mark.parametrize('form', samples.FORMS)
@pytest.mark.parametrize('name', ['AsIs', 'InceptionCrop'])
def test_a_restored_iterator_goes_on(name, form, tmp_path):
  crop = getattr(images, name)(form=form)
  data = samples.encoded(samples.photograph(8, 8), 'JPEG')
  dataset = tf.data.Dataset.from_tensor_slices(seeds(10)).map(
      lambda seed: crop.apply(tf.constant(data), 8, 3, seed)[0],
      num_parallel_calls=2, deterministic=True)
  if form == 'tensorflow':  # See attempt.py.
    options = tf.data.Options()
    options.experimental_external_state_policy = (
        tf.data.experimental.ExternalStatePolicy.IGNORE)
    dataset = dataset.with_options(options)
  everything = list(dataset.as_numpy_iterator())
  iterator = iter(dataset)
  for _ in range(4):
    next(iterator)
  path = tf.train.Checkpoint(iterator=iterator).save(tmp_path / 'iterator')
  restored = iter(dataset)
  tf.train.Checkpoint(iterator=restored).restore(path)
  np.testing.assert_array_equal(list(restored), everything[4:])


@pytest.mark.parametrize('crop', CROPS)
def test_both_forms_are_one_component(crop):
  other = dataclasses.replace(crop, form='tensorflow')
  assert manifest.canonical(crop) == manifest.canonical(other)


def test_as_it_is_in_another_size():
  with pytest.raises(ValueError) as raised:
    images.AsIs().apply(tf.constant(samples.noise(5, 7, 3)), 8, 3)
  assert str(raised.value) == (
      '`AsIs` needs images of 8 x 8 pixels, but one has 5 x 7; choose a crop, '
      'such as `images.CentreCrop(padding=32)`, or another image size.')


@pytest.mark.parametrize('name, values, sentence', [
    ('CentreCrop', {}, '`CentreCrop` should have one of `padding` and '
     '`fraction`, but has neither; the reference has '
     '`CentreCrop(padding=32)`.'),
    ('CentreCrop', {'padding': 32, 'fraction': 0.875}, '`CentreCrop` should '
     'have one of `padding` and `fraction`, but has both; the reference has '
     '`CentreCrop(padding=32)`.'),
    ('CentreCrop', {'padding': -1}, '`CentreCrop.padding` should be a whole '
     'number of at least 0, but is -1.'),
    ('CentreCrop', {'fraction': 0}, '`CentreCrop.fraction` should be a number '
     'above 0 and at most 1, but is 0.'),
    ('AsIs', {'form': 'fast'}, "`AsIs.form` should be one of 'auto', 'native', "
     "'tensorflow', but is 'fast'."),
    ('CentreCrop', {'padding': 1, 'form': ''}, "`CentreCrop.form` should be "
     "one of 'auto', 'native', 'tensorflow', but is ''."),
    ('InceptionCrop', {'form': 'xla'}, "`InceptionCrop.form` should be one of "
     "'auto', 'native', 'tensorflow', but is 'xla'."),
    ('InceptionCrop', {'min_area': 0}, '`InceptionCrop.min_area` should be a '
     'number above 0 and at most 1, but is 0.'),
    ('InceptionCrop', {'max_area': 0.05}, '`InceptionCrop.max_area` should be '
     'a number at least 0.08 and at most 1, but is 0.05.'),
    ('InceptionCrop', {'min_aspect': 0}, '`InceptionCrop.min_aspect` should be '
     'a number above 0, but is 0.'),
    ('InceptionCrop', {'max_aspect': 0.5}, '`InceptionCrop.max_aspect` should '
     'be a number at least 0.75, but is 0.5.'),
    ('InceptionCrop', {'min_covered': 2}, '`InceptionCrop.min_covered` should '
     'be a number at least 0 and at most 1, but is 2.'),
    ('InceptionCrop', {'attempts': 0}, '`InceptionCrop.attempts` should be a '
     'whole number of at least 1, but is 0.'),
    ('InceptionCrop', {'padding': 1.5}, '`InceptionCrop.padding` should be a '
     'whole number of at least 0, but is 1.5.'),
    ('InceptionCrop', {'flip': 1}, '`InceptionCrop.flip` should be one of '
     'True, False, but is 1.'),
])
def test_sentences(name, values, sentence):
  with pytest.raises(ValueError) as raised:
    getattr(images, name)(**values)
  assert str(raised.value) == sentence
