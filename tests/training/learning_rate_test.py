import math

import pytest
import tensorflow as tf

from ns.core import errors
from ns.training import learning_rate


def horizon(num_steps, labelled_batch=16, num_labelled=None):
  return learning_rate.Horizon(num_steps=num_steps, num_labelled=num_labelled,
                               labelled_batch=labelled_batch)


# The paper's: 350 epochs of ImageNet in batches of 2,048 labelled images.
IMAGENET = horizon(218949, 2048, 1281167)


def test_steps_per_epoch_need_not_be_whole():
  assert horizon(9, 16, 40).steps_per_epoch == 2.5


def test_exponential_is_the_papers():
  """0.128 at a labelled batch of 2,048; 0.97 each 2.4 epochs."""
  exponential = learning_rate.Exponential()
  at = lambda epochs: exponential.at(round(epochs * 1281167 / 2048), IMAGENET)
  # 5 epochs are 3127.8 steps, so 3,127 of warm-up.
  assert exponential.at(0, IMAGENET) == 0.0
  assert exponential.at(1000, IMAGENET) == pytest.approx(0.128 * 1000 / 3127)
  assert exponential.at(3126, IMAGENET) == pytest.approx(0.128 * 3126 / 3127)
  # The warm-up counts: two stairs, of 4.8 epochs, are behind.
  assert exponential.at(3127, IMAGENET) == pytest.approx(0.128 * 0.97**2)
  assert at(7.19) == pytest.approx(0.128 * 0.97**2)
  assert at(7.21) == pytest.approx(0.128 * 0.97**3)
  assert at(349.9) == pytest.approx(0.128 * 0.97**145)
  assert at(351) == pytest.approx(0.128 * 0.97**146)


def test_exponential_is_the_same_in_epochs_for_every_batch():
  exponential = learning_rate.Exponential()
  large = horizon(2000, 512, 5120)  # 10 steps an epoch.
  small = horizon(4000, 256, 5120)  # 20.
  for step in range(2000):
    assert exponential.at(step, large) == pytest.approx(
        2 * exponential.at(2 * step, small))


@pytest.mark.parametrize('staircase', [False, True])
@pytest.mark.parametrize('train_ratio', [1.0, 2.0])
def test_exponential_is_tensorflow_1s(staircase, train_ratio):
  # 2.4 epochs are 111.48 steps; the judge's float32 agrees at whole steps.
  place = horizon(3000, 100, 4645)
  exponential = learning_rate.Exponential(staircase=staircase,
                                          train_ratio=train_ratio)
  peak, warmup_steps = 0.016 * 100 / 256, 232
  for step in range(0, 3500, 7):
    judge = tf.compat.v1.train.exponential_decay(
        peak, tf.constant(step), 46.45 * 2.4 * train_ratio, 0.97,
        staircase=staircase)
    if step < warmup_steps:
      expected = peak * step / warmup_steps
    else:
      expected = float(judge()) if callable(judge) else float(judge)
    assert exponential.at(step, place) == pytest.approx(expected, rel=1e-5)


def test_exponential_to_a_final_rate():
  """SVHN's, worked in REFERENCE.md 1.7: a stair of 1.3716 epochs."""
  svhn = horizon(109474, 128, 69257)
  exponential = learning_rate.Exponential(final_base_lr=2e-4)
  epoch = 69257 / 128
  peak = 0.016 / 2
  at = lambda step: exponential.at(step, svhn)
  assert at(2704) == pytest.approx(peak * 2704 / 2705)
  # Beyond the warm-up, where stairs end: before and after.
  for stair in 4, 50, 147:
    end = 1.3716 * epoch * stair
    assert at(int(end * 0.999)) == pytest.approx(peak * 0.97**(stair - 1))
    assert at(int(end * 1.001)) == pytest.approx(peak * 0.97**stair)
  # Without stairs it comes to the final rate 5 epochs before the end, since
  # the reference counts the decay from the first step and not the warm-up.
  smooth = learning_rate.Exponential(final_base_lr=2e-4, staircase=False)
  end = smooth.at(109474 - 2705, svhn)
  assert end == pytest.approx(2e-4 / 2, rel=1e-3)


def test_exponential_stairs_do_not_depend_on_the_ratio_with_a_final_rate():
  how = {'final_base_lr': 1e-3, 'warmup_epochs': 0}
  one = learning_rate.Exponential(**how)
  other = learning_rate.Exponential(decay_epochs=9, train_ratio=2, **how)
  place = horizon(100, 64, 640)
  assert [one.at(s, place) for s in range(100)] == [
      other.at(s, place) for s in range(100)]


def test_exponential_without_warm_up_starts_at_its_peak():
  exponential = learning_rate.Exponential(warmup_epochs=0, base_lr=0.1)
  assert exponential.at(0, horizon(10, 256, 512)) == 0.1


def test_exponential_that_never_ends_its_warm_up():
  exponential = learning_rate.Exponential(warmup_epochs=2.5)
  exponential.check(horizon(1501, 16, 9600))
  with pytest.raises(errors.RunError) as caught:
    exponential.check(horizon(1500, 16, 9600))
  assert str(caught.value) == (
      '`Exponential.warmup_epochs` should be below the 2.5 epochs of the '
      'training (1,500 steps of 16 of 9,600 labelled images), but is 2.5; bind '
      'a smaller one, or train longer.')


def test_exponential_without_a_number_of_images():
  with pytest.raises(errors.RunError) as caught:
    learning_rate.Exponential().at(3, horizon(10))
  assert str(caught.value) == (
      '`Job.num_labelled` should be the number of labelled images, since the '
      'learning rate counts in epochs, but is None.')


def test_cosine_at_its_corners():
  cosine = learning_rate.Cosine(peak=0.4, warmup_steps=10)
  at = lambda step: cosine.at(step, horizon(50))
  assert at(0) == 0.0
  assert at(5) == pytest.approx(0.2)
  assert at(9) == pytest.approx(0.36)
  assert at(10) == 0.4
  assert at(30) == pytest.approx(0.2)  # Halfway down.
  assert at(49) == pytest.approx(0.4 * (1 + math.cos(math.pi * 39 / 40)) / 2)
  assert at(50) == 0.0
  assert at(1000) == 0.0


def test_cosine_is_the_docstrings_formula():
  peak, warmup_steps, num_steps = 0.3, 7, 40
  cosine = learning_rate.Cosine(peak=peak, warmup_steps=warmup_steps)
  for step in range(num_steps):
    if step < warmup_steps:
      rate = peak * step / warmup_steps
    else:
      t = (step - warmup_steps) / (num_steps - warmup_steps)
      rate = peak * (1 + math.cos(math.pi * t)) / 2
    assert cosine.at(step, horizon(num_steps)) == pytest.approx(
        rate, rel=1e-12)


def test_cosine_rises_then_falls_and_never_leaves_its_bounds():
  cosine = learning_rate.Cosine(peak=1.0, warmup_steps=20)
  rates = [cosine.at(step, horizon(100)) for step in range(120)]
  assert all(a < b for a, b in zip(rates[:20], rates[1:21]))
  assert all(a > b for a, b in zip(rates[20:100], rates[21:101]))
  assert min(rates) == 0.0 and max(rates) == rates[20] == 1.0


def test_cosine_without_warm_up_starts_at_its_peak():
  cosine = learning_rate.Cosine(peak=0.1)
  assert cosine.at(0, horizon(10)) == 0.1
  assert cosine.at(0, horizon(1)) == 0.1


def test_constant_is_constant():
  constant = learning_rate.Constant(rate=0.02)
  assert {constant.at(step, horizon(10)) for step in range(20)} == {0.02}


@pytest.mark.parametrize('kind, arguments, said', [
    ('Cosine', {'peak': 0}, 'peak` should be a number above 0, but is 0.'),
    ('Cosine', {'peak': 1, 'warmup_steps': -1},
     'warmup_steps` should be a whole number of at least 0, but is -1.'),
    ('Cosine', {'peak': 1, 'warmup_steps': 1.5},
     'warmup_steps` should be a whole number of at least 0, but is 1.5.'),
    ('Constant', {'rate': float('nan')},
     'rate` should be a number above 0, but is nan.'),
    ('Exponential', {'base_lr': 0},
     'base_lr` should be a number above 0, but is 0.'),
    ('Exponential', {'decay_factor': 1},
     'decay_factor` should be a number above 0 and below 1, but is 1.'),
    ('Exponential', {'decay_epochs': 0},
     'decay_epochs` should be a number above 0, but is 0.'),
    ('Exponential', {'train_ratio': 0},
     'train_ratio` should be a number above 0, but is 0.'),
    ('Exponential', {'warmup_epochs': -1},
     'warmup_epochs` should be a number at least 0, but is -1.'),
    ('Exponential', {'staircase': 1},
     'staircase` should be one of False, True, but is 1.'),
    ('Exponential', {'final_base_lr': 0.016},
     'final_base_lr` should be a number above 0 and below 0.016, but is '
     '0.016.'),
])
def test_wrong_arguments(kind, arguments, said):
  with pytest.raises(ValueError) as caught:
    getattr(learning_rate, kind)(**arguments)
  assert str(caught.value) == f'`{kind}.{said}'
