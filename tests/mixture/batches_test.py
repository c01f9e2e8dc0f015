import dataclasses
import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from ns import mixture
from ns.core import errors
from ns.core import seeds
from ns.mixture import batches
from ns.mixture import inputs as inputs_lib
from ns.mixture import labels
from ns.mixture import views
from ns.noise import flip_and_shift
from ns.noise import sequence
from tests.support import idx_files
from tests.support import pseudo_files
from tests.support import seed_as_image

SEED = seeds.Seed(21)
LABELLED = 10  # Images 0 to 9.
COPIES = (1, 2, 1, 3, 1)  # Of the images 100 to 104.
OFF = sequence.Off()
SEEN = seed_as_image.SeedAsImage()


def numbered(numbers):
  """Images [count, 4, 4, 1] that are filled with their number."""
  images = np.empty((len(numbers), 4, 4, 1), np.uint8)
  images[...] = np.array(numbers).reshape(-1, 1, 1, 1)
  return images


@pytest.fixture(name='inputs')
def make_inputs(tmp_path):
  idx = mixture.Idx(
      name='made', classes=3,
      images=idx_files.write(tmp_path / 'i', numbered(range(LABELLED))),
      labels=idx_files.write(tmp_path / 'l', np.arange(LABELLED) % 3))
  subset = mixture.Subset(name='labelled', source=idx, is_labelled=True,
                          indices=np.arange(LABELLED))
  rows = np.eye(3)[[2, 0, 1, 2, 0]] * 0.7 + 0.1
  files = pseudo_files.write(tmp_path / 'pseudo', numbered(range(100, 105)),
                             rows, COPIES)
  return inputs_lib.Inputs(
      labelled=subset, view=views.View(size=4, channels=1),
      # Said to be enough for a batch of any size.
      pseudo_labelled=inputs_lib.PseudoLabelled(files=files, images=100))


def take(mixture, inputs, count, noise=OFF, seed=SEED, first_step=0):
  made = mixture.batches(dataclasses.replace(inputs, noise=noise), seed,
                         first_step)
  return list(itertools.islice(made.as_numpy_iterator(), count))


def numbers(batch):
  return batch['image'][:, 0, 0, 0].tolist()


def assert_equal(found, expected):
  for ours, theirs in zip(found, expected, strict=True):
    assert ours.keys() == theirs.keys()
    for name in ours:
      np.testing.assert_array_equal(ours[name], theirs[name])


MIXTURES = [
    batches.Labelled(labelled_batch=4),
    batches.ExactRatio(labelled_batch=4, ratio=1.5),
    batches.Sampled(labelled_batch=4, ratio=1.5),
]
each_mixture = pytest.mark.parametrize(
    'mixture', MIXTURES, ids=lambda mixture: type(mixture).__name__)


@each_mixture
def test_batches_have_one_static_shape(mixture, inputs):
  size = mixture.batch_size
  spec = mixture.batches(inputs, SEED).element_spec
  assert {name: (s.dtype.name, s.shape.as_list())
          for name, s in spec.items()} == {
              'image': ('uint8', [size, 4, 4, 1]),
              'label': ('float32', [size, 3]), 'weight': ('float32', [size]),
              'is_labelled': ('float32', [size]), 'key': ('string', [size])}


@each_mixture
def test_batches_are_a_function_of_the_seed(mixture, inputs):
  assert_equal(take(mixture, inputs, 6), take(mixture, inputs, 6))
  other = take(mixture, inputs, 6, seed=seeds.Seed(22))
  assert [numbers(b) for b in other] != [
      numbers(b) for b in take(mixture, inputs, 6)]


@each_mixture
@pytest.mark.parametrize('first_step', [1, 7])
def test_starting_later_is_passing_over(mixture, inputs, first_step):
  """Over the ends of epochs, and the noise is the same too."""
  noise = flip_and_shift.FlipAndShift(shift=1)
  whole = take(mixture, inputs, first_step + 4, noise)
  assert_equal(take(mixture, inputs, 4, noise, first_step=first_step),
               whole[first_step:])


@each_mixture
def test_noise_is_a_function_of_image_and_seed(mixture, inputs):
  clean = take(mixture, inputs, 8)
  shown = take(mixture, inputs, 8, SEEN)
  for name in 'label', 'weight', 'is_labelled':
    for ours, theirs in zip(clean, shown, strict=True):
      np.testing.assert_array_equal(ours[name], theirs[name])
  assert_equal(shown, take(mixture, inputs, 8, SEEN))


@each_mixture
def test_no_two_images_have_the_same_seed(mixture, inputs):
  """Of neither kind, and in no two epochs of either."""
  drawn = [], []
  for batch in take(mixture, inputs, 20, SEEN):
    for seed, is_labelled in zip(seed_as_image.seeds(batch['image']),
                                 batch['is_labelled'], strict=True):
      drawn[int(is_labelled)].append(seed)
  pseudo_labelled, labelled = drawn
  assert len(labelled) > 4 * LABELLED
  assert len(pseudo_labelled) > 4 * sum(COPIES) or not (
      mixture.uses_pseudo_labels)
  assert not set(labelled) & set(pseudo_labelled)
  for kind in drawn:
    assert len(set(kind)) == len(kind)


@each_mixture
def test_threads_and_prefetch_do_not_matter(mixture, inputs):
  noisy = dataclasses.replace(inputs,
                              noise=flip_and_shift.FlipAndShift(shift=1))
  made = mixture.batches(noisy, SEED)
  options = tf.data.Options()
  options.autotune.enabled = False
  options.threading.private_threadpool_size = 1
  options.threading.max_intra_op_parallelism = 1
  options.experimental_optimization.inject_prefetch = False
  plain = made.with_options(options)
  assert_equal(list(made.take(8).as_numpy_iterator()),
               list(plain.take(8).prefetch(4).as_numpy_iterator()))


def test_labelled_batches_are_epochs_of_the_labelled_images(inputs):
  found = take(batches.Labelled(labelled_batch=4, lanes=1), inputs, 5)
  drawn = [n for batch in found for n in numbers(batch)]
  assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
  for batch in found:
    assert batch['is_labelled'].tolist() == batch['weight'].tolist() == [1] * 4
    for number, label in zip(numbers(batch), batch['label'], strict=True):
      expected = np.full(3, 0.1 / 3)
      expected[number % 3] += 0.9
      np.testing.assert_allclose(label, expected, rtol=1e-6)


@pytest.mark.parametrize('labelled_batch, ratio, pseudo', [
    (4, 1.5, 6), (2, 3, 6), (4, 0.25, 1), (3, 1, 3)])
def test_every_batch_has_the_exact_ratio(inputs, labelled_batch, ratio, pseudo):
  mixture = batches.ExactRatio(labelled_batch=labelled_batch, ratio=ratio)
  assert mixture.batch_size == labelled_batch + pseudo
  assert mixture.pseudo_labelled_batch == pseudo
  pieces = math.gcd(labelled_batch, pseudo)
  for batch in take(mixture, inputs, 12):
    kinds = batch['is_labelled'].tolist()
    assert kinds == pieces * ([1] * (labelled_batch // pieces)
                              + [0] * (pseudo // pieces))
    assert [n < 100 for n in numbers(batch)] == [bool(kind) for kind in kinds]


def test_each_lane_goes_through_its_epochs(inputs):
  """Of two lanes: every other labelled image, and one of the files."""
  mixture = batches.ExactRatio(labelled_batch=4, ratio=1.5)
  drawn = [[], []]
  for batch in take(mixture, inputs, 24):
    for lane, part in enumerate(np.split(np.array(numbers(batch)), 2)):
      drawn[lane] += part.tolist()
  for lane, (pool, size) in enumerate([([100, 102, 104], 3),
                                       ([101, 101, 103, 103, 103], 5)]):
    ours = [n for n in drawn[lane] if n < 100]
    theirs = [n for n in drawn[lane] if n >= 100]
    for epoch in range(4):
      assert sorted(ours[5 * epoch:5 * epoch + 5]) == list(range(lane, 10, 2))
      assert sorted(theirs[size * epoch:size * epoch + size]) == pool


@pytest.mark.parametrize('lanes', [1, 2, 8])
def test_every_replica_has_the_exact_ratio(inputs, lanes):
  """However few lanes there are, such as one for one file."""
  mixture = batches.ExactRatio(labelled_batch=4, ratio=1, lanes=lanes)
  for batch in take(mixture, inputs, 12):
    for replicas in 1, 2, 4:
      for part in np.split(batch['is_labelled'], replicas):
        assert part.sum() == 4 // replicas


@pytest.mark.parametrize('mixture', [
    batches.ExactRatio(labelled_batch=4, ratio=1.5, lanes=1), MIXTURES[2]],
                         ids=lambda mixture: type(mixture).__name__)
def test_each_kind_goes_through_its_epochs(mixture, inputs):
  drawn = [n for batch in take(mixture, inputs, 12) for n in numbers(batch)]
  ours = [n for n in drawn if n < 100]
  theirs = [n for n in drawn if n >= 100]
  assert len(ours) > 30 and len(theirs) > 30
  for epoch in range(3):
    assert sorted(ours[10 * epoch:10 * epoch + 10]) == list(range(10))
    assert sorted(theirs[8 * epoch:8 * epoch + 8]) == [
        100, 101, 101, 102, 103, 103, 103, 104]


@pytest.mark.parametrize('kind', [batches.ExactRatio, batches.Sampled])
def test_pseudo_labels_are_made_by_their_policy(inputs, kind):
  mixture = kind(labelled_batch=4, ratio=1.5,
                 pseudo_labels=labels.HardLabels(smoothing=0.3))
  tops = [2, 0, 1, 2, 0]
  for batch in take(mixture, inputs, 4):
    for number, label in zip(numbers(batch), batch['label'], strict=True):
      if number >= 100:
        expected = np.full(3, 0.1)
        expected[tops[number - 100]] += 0.7
        np.testing.assert_allclose(label, expected, rtol=1e-6)


def test_sampled_batches_have_the_ratio_on_average(inputs):
  mixture = batches.Sampled(labelled_batch=4, ratio=3)
  assert mixture.batch_size == 16
  counts = [int(b['is_labelled'].sum()) for b in take(mixture, inputs, 200)]
  # 3,200 draws of probability 1/4: four standard deviations.
  assert abs(sum(counts) - 800) < 4 * (3200 * 0.25 * 0.75)**0.5
  # And by chance, batch by batch: the variance is about that of a binomial.
  assert 3 / 1.6 < np.var(counts) < 3 * 1.6


def test_what_kinds_are_sampled_depends_on_the_seed(inputs):
  mixture = batches.Sampled(labelled_batch=4, ratio=1.5)
  kinds = [[b['is_labelled'].tolist() for b in take(
      mixture, inputs, 6, seed=seeds.Seed(seed))] for seed in (1, 1, 2)]
  assert kinds[0] == kinds[1] != kinds[2]


@pytest.mark.parametrize('labelled_batch, ratio, size', [
    (4, 1.5, 10), (6, 0.5, 9), (3, 7, 24)])
def test_the_size_of_sampled_batches_is_a_whole_number(
    labelled_batch, ratio, size):
  assert batches.Sampled(
      labelled_batch=labelled_batch, ratio=ratio).batch_size == size


def test_only_labelled_batches_do_without_a_teacher():
  assert [m.uses_pseudo_labels for m in MIXTURES] == [False, True, True]
  assert MIXTURES[0].batch_size == MIXTURES[0].labelled_batch == 4


@each_mixture
def test_batches_do_not_depend_on_tensorflows_global_seed(mixture, inputs):
  found = []
  for seed in 1, 2:
    tf.random.set_seed(seed)
    found.append(take(mixture, inputs, 3))
  assert_equal(*found)


def test_sampled_ones_are_in_proportion_to_those_that_count(inputs):
  mixture = batches.Sampled(labelled_batch=8, ratio=2,
                            label_data_sample_prob=0.5)
  found = take(mixture, inputs, 60)
  share = np.mean([batch['is_labelled'] for batch in found])
  # 960 images, half of them labelled; a third would be 10 deviations away.
  assert share == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize('kind, field, value, said', [
    (batches.ExactRatio, 'label_data_sample_prob', 0,
     'a number above 0 and at most 1, but is 0.'),
    (batches.Labelled, 'labelled_batch', 0,
     'a whole number of at least 1, but is 0.'),
    (batches.ExactRatio, 'labelled_batch', 2.0,
     'a whole number of at least 1, but is 2.0.'),
    (batches.ExactRatio, 'ratio', 0, 'a number above 0, but is 0.'),
    (batches.Sampled, 'ratio', -1, 'a number above 0, but is -1.'),
    (batches.Labelled, 'label_smoothing', 1,
     'a number at least 0 and below 1, but is 1.'),
    (batches.Sampled, 'shuffle_buffer', 0,
     'a whole number of at least 1, but is 0.'),
    (batches.ExactRatio, 'lanes', 0, 'a whole number of at least 1, but is 0.'),
    (batches.ExactRatio, 'pseudo_labels', labels.SoftLabels,
     "an object with `apply()`, but is <class 'ns.mixture.labels.SoftLabels'>; "
     'write a gin reference with brackets, `@module.Name()`.')])
def test_wrong_arguments(kind, field, value, said):
  arguments = {'labelled_batch': 4}
  if kind.uses_pseudo_labels:
    arguments['ratio'] = 1
  with pytest.raises((TypeError, ValueError)) as caught:
    kind(**{**arguments, field: value})
  assert str(caught.value) == f'`{kind.__name__}.{field}` should be {said}'


@pytest.mark.parametrize('kind', [mixture.ExactRatio, mixture.Sampled])
def test_what_is_selected_should_fill_a_batch(inputs, kind):
  mixed = kind(labelled_batch=2, ratio=3, lanes=1)
  with_images = lambda images: dataclasses.replace(
      inputs, pseudo_labelled=dataclasses.replace(
          inputs.pseudo_labelled, images=images))
  take(mixed, with_images(6), 1)
  with pytest.raises(errors.RunError) as caught:
    mixed.batches(with_images(5), SEED)
  assert str(caught.value) == (
      f'`{kind.__name__}.labelled_batch` times `ratio` should be at most the 5 '
      'images that are selected, but is 6, so that every batch would have some '
      'of them twice.')
