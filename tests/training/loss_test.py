"""What the loss is divided by, against numpy by hand.

The two devices are asked for first, before TensorFlow starts.
"""

import numpy as np
import pytest
import tensorflow as tf

from ns import training
from ns.core import draws
from ns.core import manifest
from ns.core import seeds
from ns.training import train_step
from tests.support import linear
from tests.support import tiny
from tests.support import two_devices

# Of the tiny batch: 8 labelled images, then 8 others.
LABELLED, OTHERS = slice(0, 8), slice(8, 16)


@pytest.mark.parametrize('loss, expected', [
    (training.PerLabelled(), 4.0), (training.PerImage(), 16.0)])
def test_divisors(loss, expected):
  assert loss.images(4.0, 12) == expected


def by_hand(job, batch, step=0):
  """The cross-entropy of each image with the first weights, in float64."""
  network = job.build(job.seed.child('weights').value % 2**31)
  noise_seed = draws.members(job.seed.child('model_noise').int64, step)
  logits = network(tf.cast(batch['image'], tf.float32), training=True,
                   noise_seed=noise_seed).numpy().astype(np.float64)
  logits -= logits.max(-1, keepdims=True)
  log_softmax = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
  return -(batch['label'] * log_softmax).sum(-1)


def first_loss(job, batch, step=0, **how):
  chosen = tiny.steps(**how)
  state = train_step.State.create(chosen, job)
  return float(train_step.compiled(chosen, job, state)(
      {name: tf.constant(value) for name, value in batch.items()}, step, 0.1
  )['loss'])


def test_both_forms(tmp_path):
  job, batch = linear.job(tmp_path, labelled_batch=4), tiny.batch(0, labelled=4)
  losses = by_hand(job, batch)
  labelled, others = losses[:4].mean(), losses[4:].mean()
  assert first_loss(job, batch) == pytest.approx(
      labelled + 3 * others, rel=1e-5)
  assert first_loss(job, batch, loss=training.PerImage()) == pytest.approx(
      (labelled + 3 * others) / 4, rel=1e-5)


def test_an_image_of_weight_0_lowers_the_average(tmp_path):
  job, batch = linear.job(tmp_path), tiny.batch(0)
  losses = by_hand(job, batch)
  batch['weight'][11] = 0
  assert first_loss(job, batch, loss=training.PerImage()) == pytest.approx(
      (losses.sum() - losses[11]) / 16, rel=1e-5)


def is_drawn(job, step, share):
  """Which of 16 places are drawn in a step, by numpy's generator."""
  of_step = seeds.Seed(int(job.seed.child('label_sample').bits(1, step)[0]))
  places = of_step.bits(16)
  return np.array([
      (seeds.Seed(int(place)).bits(1)[0] >> np.uint64(40)) * 2.0**-24
      for place in places]) < share


@pytest.mark.parametrize('step', [0, 5])
def test_labelled_images_that_count_with_a_probability(tmp_path, step):
  """And not the reference's, whose labelled sum is divided by all 8."""
  job = linear.job(tmp_path, label_data_sample_prob=0.5)
  batch = tiny.batch(0)
  losses, drawn = by_hand(job, batch, step), is_drawn(job, step, 0.5)[LABELLED]
  assert 0 < drawn.sum() < 8
  labelled, others = losses[LABELLED][drawn].sum(), losses[OTHERS].sum()
  assert first_loss(job, batch, step) == pytest.approx(
      (labelled + others) / 4, rel=1e-5)
  assert first_loss(job, batch, step, loss=training.PerImage()) == (
      pytest.approx((labelled + others) / 12, rel=1e-5))


def test_on_average_it_is_the_mean_of_the_labelled(tmp_path):
  """Where every labelled image has the loss 1 and the others have none."""
  job = linear.job(tmp_path, label_data_sample_prob=0.3)
  is_labelled = (np.arange(40_000) % 2 == 0).astype(np.float32)
  counts = train_step._is_sampled(
      job, {'is_labelled': tf.constant(is_labelled)}, tf.constant(0, tf.int64),
      tf.constant(0)).numpy()
  assert (counts[1::2] == 1).all()
  # Of 20,000 draws: 5 standard deviations are 0.016.
  assert counts[::2].mean() / 0.3 == pytest.approx(1, abs=0.016 / 0.3)


@pytest.mark.parametrize('how', [
    {'loss': training.PerImage()}, {}], ids=['per_image', 'per_labelled'])
def test_replicas_add_up_to_one_device(tmp_path, how):
  batch = tiny.batch(0)
  # Both kinds in each half.
  order = np.argsort(np.arange(16) % 2, kind='stable')
  batch = {name: values[order] for name, values in batch.items()}
  losses = []
  for strategy in (tiny.job(tmp_path).strategy, two_devices.strategy()):
    job = linear.job(tmp_path, label_data_sample_prob=0.5, strategy=strategy)
    losses.append(first_loss(job, batch, **how))
  assert losses[1] == pytest.approx(losses[0], rel=1e-5)
  everyone = first_loss(linear.job(tmp_path), batch, **how)
  assert losses[0] != pytest.approx(everyone, rel=1e-3)


def test_the_usual_form_leaves_fingerprints_as_they_were():
  assert 'loss' not in manifest.canonical(tiny.steps())
  assert manifest.canonical(tiny.steps(loss=training.PerImage()))['loss'] == {
      '': 'ns.training.loss.PerImage'}
