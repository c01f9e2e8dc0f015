import numpy as np
import pytest

from ns.core import errors
from ns.core import seeds
from ns.pseudolabel import balance
from ns.pseudolabel import rule
from tests.pseudolabel import reference_filter

SEED = seeds.Seed(7)


def case(seed, classes=4, size=60):
  """Skewed labels, each class there, and confidences with many ties."""
  rng = np.random.default_rng(seed)
  labels = np.concatenate([
      np.arange(classes), rng.integers(0, classes, size) ** 2 // classes])
  rng.shuffle(labels)
  confidences = rng.integers(1, 8, len(labels)).astype(np.float32) / 8
  keys = np.array([f'k/{i}' for i in rng.permutation(len(labels))], object)
  return labels.astype(np.int32), confidences, keys


@pytest.mark.parametrize('seed', range(40))
def test_against_brute_force(seed):
  rng = np.random.default_rng(seed + 1000)
  classes = int(rng.integers(2, 7))
  labels, confidences, keys = case(seed, classes, int(rng.integers(0, 200)))
  wanted = int(rng.integers(1, 40))
  copies = balance.Balance(images_per_class=wanted).copies(
      labels, confidences, keys=keys, classes=classes, seed=SEED)
  assert copies.shape == labels.shape and copies.dtype == np.int64
  for label in range(classes):
    members = [i for i in range(len(labels)) if labels[i] == label]
    here = [int(copies[i]) for i in members]
    assert sum(here) == wanted
    if len(members) > wanted:
      best = sorted(members, key=lambda i: (
          -confidences[i], int(keys[i].split('/')[1])))[:wanted]
      assert [i for i in members if copies[i]] == sorted(best)
      assert set(here) == {0, 1}
    else:
      low = wanted // len(members)
      assert sorted(here) == sorted(
          [low + 1] * (wanted % len(members))
          + [low] * (len(members) - wanted % len(members)))


@pytest.mark.parametrize('seed', range(20))
def test_without_duplicates_against_brute_force(seed):
  labels, confidences, keys = case(seed)
  copies = balance.Balance(images_per_class=12, duplicate=False).copies(
      labels, confidences, keys=keys, classes=4, seed=SEED)
  chosen = set()
  for label in range(4):
    members = [i for i in range(len(labels)) if labels[i] == label]
    chosen |= set(sorted(members, key=lambda i: (
        -confidences[i], int(keys[i].split('/')[1])))[:12])
  assert {i for i in range(len(labels)) if copies[i]} == chosen
  assert copies.max() == 1


def test_by_hand():
  labels = np.array([0, 1, 0, 1, 0, 1, 1])
  confidences = np.array([.5, .9, .6, .7, .5, .8, .7], np.float32)
  copies = balance.Balance(images_per_class=3).copies(
      labels, confidences, classes=2, seed=SEED)
  assert copies.tolist() == [1, 1, 1, 1, 1, 1, 0]
  copies = balance.Balance(images_per_class=6).copies(
      labels, confidences, classes=2, seed=SEED)
  assert copies[labels == 0].tolist() == [2, 2, 2]
  assert sorted(copies[labels == 1]) == [1, 1, 2, 2]


def test_ties_go_by_key_and_numbers_in_keys_are_numbers():
  labels = np.zeros(5, np.int32)
  confidences = np.full(5, 0.5, np.float32)
  keys = np.array(['b/1', 'a/10', 'a/9', 'a/x', 'a/009'], object)
  kept = lambda count: set(keys[balance.Balance(images_per_class=count).copies(
      labels, confidences, keys=keys, classes=1, seed=SEED) > 0])
  order = ['a/009', 'a/9', 'a/10', 'a/x', 'b/1']
  for count in 1, 2, 3, 4:
    assert kept(count) == set(order[:count])


def test_ties_without_keys_go_by_place():
  copies = balance.Balance(images_per_class=2).copies(
      np.zeros(4, int), np.full(4, 0.5), classes=1, seed=SEED)
  assert copies.tolist() == [1, 1, 0, 0]


def test_the_images_cut_off_do_not_depend_on_the_order():
  labels, confidences, keys = case(3)
  kept = []
  for seed in range(5):
    order = np.random.default_rng(seed).permutation(len(labels))
    copies = balance.Balance(images_per_class=2).copies(
        labels[order], confidences[order], keys=keys[order], classes=4,
        seed=SEED)
    kept.append(frozenset(keys[order][copies > 0]))
  assert len(set(kept)) == 1


def test_same_seed_same_copies_other_seed_others():
  labels, confidences, keys = case(5)
  run = lambda seed: balance.Balance(images_per_class=50).copies(
      labels, confidences, keys=keys, classes=4, seed=seed).tolist()
  assert run(seeds.Seed(1)) == run(seeds.Seed(1)) != run(seeds.Seed(2))


def test_every_image_of_a_small_class_is_as_likely_to_get_the_extra_copy():
  labels = np.array([0] * 5 + [1] * 7)
  trials = 2000
  policy = balance.Balance(images_per_class=17)
  total = sum(policy.copies(labels, np.ones(12), classes=2, seed=seeds.Seed(s))
              for s in range(trials))
  # The expected copies are n / m, as with the reference's Bernoulli draws.
  expected = np.array([17 / 5] * 5 + [17 / 7] * 7)
  probability = expected - np.floor(expected)
  deviation = np.sqrt(probability * (1 - probability) / trials)
  assert (np.abs(total / trials - expected) < 4 * deviation).all()


def test_empty_class():
  labels, confidences = np.array([0, 2, 2]), np.ones(3, np.float32)
  with pytest.raises(errors.RunError) as caught:
    balance.Balance(images_per_class=2).copies(
        labels, confidences, classes=5, seed=SEED)
  assert str(caught.value) == (
      'No image is left to balance for 3 of 5 classes (1, 3, 4); lower '
      '`Select.min_confidence`, train a better teacher, or set '
      '`Balance.allow_empty_classes = True` to go on without them.')
  copies = balance.Balance(images_per_class=2, allow_empty_classes=True).copies(
      labels, confidences, classes=5, seed=SEED)
  assert copies.tolist() == [2, 1, 1]


def test_many_empty_classes_are_counted():
  with pytest.raises(errors.RunError, match=r'for 999 of 1000 classes \(1, 2, '
                     r'3, 4, 5, 6, 7, 8, 9, 10 and 989 more\);'):
    balance.Balance(images_per_class=2).copies(
        np.zeros(1, int), np.ones(1), classes=1000, seed=SEED)


def test_unbalanced_is_one_of_each():
  labels, confidences, keys = case(1)
  copies = balance.Unbalanced().copies(
      labels, confidences, keys=keys, classes=10, seed=SEED)
  assert copies.dtype == np.int64 and (copies == 1).all()
  assert copies.shape == labels.shape


@pytest.mark.parametrize('seed', range(10))
@pytest.mark.parametrize('most', [1, 2, 5])
def test_a_maximum_of_copies(seed, most):
  labels, confidences, keys = case(seed)
  run = lambda **kwargs: balance.Balance(images_per_class=100, **kwargs).copies(
      labels, confidences, keys=keys, classes=4, seed=SEED)
  limited, plain = run(max_copies=most), run()
  for label in range(4):
    members = labels == label
    number = members.sum()
    if 100 / number >= most:
      assert (limited[members] == most).all()
    else:
      assert limited[members].sum() == 100
      np.testing.assert_array_equal(limited[members], plain[members])
  if most == 1:
    np.testing.assert_array_equal(limited, run(duplicate=False))


@pytest.mark.parametrize('seed', range(20))
@pytest.mark.parametrize('arguments', [
    {}, {'min_threshold': 0.0}, {'min_threshold': 0.7}, {'duplicate': False}])
def test_the_grid_is_that_of_the_reference(seed, arguments):
  rng = np.random.default_rng(seed)
  labels, _, _ = case(seed, 4, 200)
  confidences = (rng.integers(0, 101, len(labels)) / 100).astype(np.float32)
  wanted = int(rng.integers(1, 60))
  copies = balance.ThresholdGrid(
      images_per_class=wanted, allow_empty_classes=True, **arguments).copies(
          labels, confidences, classes=4, seed=SEED)
  assert copies.dtype == np.int64
  assert copies.tolist() == reference_filter.copies(
      labels, confidences, rule.draws(SEED).random(len(labels)), classes=4,
      num_image=wanted, min_threshold=arguments.get('min_threshold', 0.3),
      upsample=arguments.get('duplicate', True))


def test_the_grid_by_hand():
  # Of class 0 three reach 0.5, and two of them 0.9; of class 1 one does.
  labels = np.array([0, 0, 0, 0, 1])
  confidences = np.array([.95, .9, .5, .2, .6], np.float32)
  run = lambda wanted, **kwargs: balance.ThresholdGrid(
      images_per_class=wanted, **kwargs).copies(
          labels, confidences, classes=2, seed=SEED).tolist()
  assert run(2) == [1, 1, 0, 0, 2]  # float32's 0.9 is below 0.9, 0.89 not.
  assert run(3) == [1, 1, 1, 0, 3]
  assert run(6) == [2, 2, 2, 0, 6]
  assert run(6, max_copies=4) == [2, 2, 2, 0, 4]
  assert run(6, duplicate=False) == [1, 1, 1, 0, 1]
  assert run(8, min_threshold=0.0) == [2, 2, 2, 2, 8]


def test_the_grid_thins_out_by_chance():
  labels, confidences = np.zeros(4000, int), np.full(4000, 0.5, np.float32)
  copies = balance.ThresholdGrid(images_per_class=1000).copies(
      labels, confidences, classes=1, seed=SEED)
  assert set(copies.tolist()) == {0, 1}
  # Four standard deviations of 4000 draws of a chance of 1/4.
  assert 0 < abs(copies.sum() - 1000) < 4 * np.sqrt(4000 * 3 / 16)


def test_a_class_without_images_on_the_grid():
  run = lambda **kwargs: balance.ThresholdGrid(
      images_per_class=2, **kwargs).copies(
          np.array([0, 1]), np.array([.9, .2], np.float32), classes=3,
          seed=SEED)
  with pytest.raises(errors.RunError) as caught:
    run()
  assert str(caught.value) == (
      'No image is left to balance for 2 of 3 classes (1, 2); lower '
      '`Select.min_confidence` and `ThresholdGrid.min_threshold`, train a '
      'better teacher, or set `ThresholdGrid.allow_empty_classes = True` to go '
      'on without them.')
  assert run(allow_empty_classes=True).tolist() == [2, 0]


@pytest.mark.parametrize('minimum, sentence', [
    (0.305, '`ThresholdGrid.min_threshold` should be a whole number of '
     'hundredths, but is 0.305; take 0.3.'),
    (1.5, '`ThresholdGrid.min_threshold` should be a number at least 0 and at '
     'most 1, but is 1.5.'),
    # What three tenths are in binary, but not as the reference makes them.
    (0.1 + 0.2, '`ThresholdGrid.min_threshold` should be a whole number of '
     'hundredths, but is 0.30000000000000004; take 0.3.')])
def test_min_threshold_should_be_on_the_grid(minimum, sentence):
  with pytest.raises(ValueError) as caught:
    balance.ThresholdGrid(images_per_class=1, min_threshold=minimum)
  assert str(caught.value) == sentence


def test_counts_at_least_by_counting():
  labels, confidences, _ = case(2)
  thresholds = (0, 0.25, 0.5, 0.51, 1)
  assert balance.counts_at_least(
      thresholds, labels, confidences, 6).tolist() == [
          [sum(label == c and confidence >= threshold for label, confidence
               in zip(labels, confidences)) for threshold in thresholds]
          for c in range(6)]


@pytest.mark.parametrize('policy', [balance.Balance(images_per_class=1),
                                    balance.ThresholdGrid(images_per_class=1),
                                    balance.Unbalanced()])
def test_arguments_should_fit_together(policy):
  run = lambda labels, confidences, keys=None: policy.copies(
      np.array(labels), np.array(confidences), keys=keys, classes=2, seed=SEED)
  with pytest.raises(ValueError) as caught:
    run([0, 1], [.5])
  assert str(caught.value) == ('`confidences` should be of the shape of '
                               '`labels`, [2], but is of shape [1].')
  with pytest.raises(ValueError) as caught:
    run([0, 1], [.5, .5], np.array(['a'], object))
  assert str(caught.value) == ('`keys` should be of the shape of `labels`, [2],'
                               ' but is of shape [1].')
  with pytest.raises(ValueError) as caught:
    run([0, 2], [.5, .5])
  assert str(caught.value) == (
      '`labels` should be in [0, 2), but go from 0 to 2.')


@pytest.mark.parametrize('arguments, sentence', [
    ({'images_per_class': 0},
     '`Balance.images_per_class` should be a whole number of at least 1, but '
     'is 0.'),
    ({'images_per_class': 1.5},
     '`Balance.images_per_class` should be a whole number of at least 1, but '
     'is 1.5.'),
    ({'images_per_class': 1, 'duplicate': 'no'},
     "`Balance.duplicate` should be one of True, False, but is 'no'."),
    ({'images_per_class': 1, 'max_copies': 0},
     '`Balance.max_copies` should be a whole number of at least 1, but is 0.'),
    ({'images_per_class': 1, 'allow_empty_classes': None},
     '`Balance.allow_empty_classes` should be one of True, False, but is '
     'None.')])
def test_constructor_errors(arguments, sentence):
  with pytest.raises(ValueError) as caught:
    balance.Balance(**arguments)
  assert str(caught.value) == sentence
