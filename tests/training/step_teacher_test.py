"""A teacher that labels in the training step."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from ns import images
from ns import mixture
from ns import models
from ns import noise
from ns import pseudolabel
from ns import training
from ns.core import errors
from ns.core import seeds
from ns.mixture import inputs as inputs_lib
from ns.mixture import views
from ns.models import inference
from ns.models import weights
from ns.pseudolabel import store
from ns.pseudolabel import teacher as teacher_lib
from ns.training import parts
from ns.training import step_teacher
from ns.training import train_step
from tests.support import data_sets
from tests.support import linear
from tests.support import tiny
from tests.support import two_devices

TEACHER_VIEW = views.View(size=6, channels=1,
                          crop=images.CentreCrop(padding=0))


def teacher_network():
  """One that is sure of itself, so that a bound on confidence divides."""
  network = tiny.architecture(size=6, width=2.0).build(
      noise.ModelNoise(dropout=0.5), 4, seed=21)
  network.classifier.kernel.assign(network.classifier.kernel * 30)
  return network


def teacher(**how):
  return step_teacher.StepTeacher(
      build=teacher_network, **{'pseudo_labels': mixture.SoftLabels(), **how})


def batch_of(step=0):
  """Two lanes of 4 labelled images and 4 others; one other is broken."""
  batch = tiny.batch(step)
  batch['is_labelled'] = (np.arange(16) // 4 % 2 == 0).astype(np.float32)
  others = batch['is_labelled'] == 0
  batch['teacher_image'] = batch['image'][others][:, 1:7, 1:7]
  batch['label'][others] = 0
  batch['weight'][5] = 0
  return batch


def tensors(batch):
  return {name: tf.constant(value) for name, value in batch.items()}


def softmax(logits):
  powers = np.exp(logits - logits.max(-1, keepdims=True))
  return powers / powers.sum(-1, keepdims=True)


def answers_by_hand(batch, temperature=1.0):
  logits = teacher_network()(tf.constant(batch['teacher_image'], tf.float32),
                             training=False).numpy().astype(np.float64)
  return softmax(logits / temperature)


def one_hot(classes, smoothing):
  return np.eye(4)[classes] * (1 - smoothing) + smoothing / 4


@pytest.mark.parametrize('policy, expected', [
    (mixture.SoftLabels(), lambda p: p),
    (mixture.SoftLabels(temperature=0.5),
     lambda p: p**2 / (p**2).sum(-1, keepdims=True)),
    (mixture.SoftLabels(temperature=2.0),
     lambda p: p**0.5 / (p**0.5).sum(-1, keepdims=True)),
    (mixture.HardLabels(smoothing=0.2),
     lambda p: one_hot(p.argmax(-1), 0.2))])
def test_labels_are_the_policys_of_what_the_teacher_says(policy, expected):
  batch = batch_of()
  labelled, told = teacher(pseudo_labels=policy).label(
      teacher_network(), tensors(batch))
  others = batch['is_labelled'] == 0
  p = answers_by_hand(batch)
  np.testing.assert_allclose(labelled['label'].numpy()[others], expected(p),
                             rtol=1e-4, atol=1e-6)
  np.testing.assert_array_equal(labelled['label'].numpy()[~others],
                                batch['label'][~others])
  np.testing.assert_array_equal(labelled['weight'], batch['weight'])
  np.testing.assert_allclose(told['confidence'].numpy()[others], p.max(-1),
                             rtol=1e-4)
  assert 'teacher_image' not in labelled
  assert (told['kept'].numpy() == others).all()


def test_what_the_teacher_is_unsure_of_has_no_weight():
  batch = batch_of()
  p = answers_by_hand(batch, temperature=1.5).max(-1)
  bound = float(np.sort(p)[3:5].mean())
  labelled, told = teacher(min_confidence=bound, temperature=1.5).label(
      teacher_network(), tensors(batch))
  expected = batch['weight'].copy()
  expected[batch['is_labelled'] == 0] *= p >= bound
  np.testing.assert_array_equal(labelled['weight'], expected)
  assert told['kept'].numpy().sum() == 4


def test_labels_are_those_that_the_labelling_stores(tmp_path):
  """Of the same images by the same teacher, in its own size and crop."""
  pool = data_sets.few_labels(tmp_path / 'data').unlabelled
  network = teacher_network()
  pseudolabel.Labelling(batch_size=16).run([teacher_lib.Teacher(
      name='a', predict=inference.predictor(network), fingerprint='f',
      view=TEACHER_VIEW)], pool, str(tmp_path / 'labels'))
  stored = {}
  for shard in pool.shards:
    rows = store.read(store.predictions_path(tmp_path / 'labels', shard.name),
                      ['key', 'probabilities'])
    for part in rows:
      stored.update(zip(part['key'], part['probabilities']))
  inputs = inputs_lib.Inputs(
      labelled=data_sets.few_labels(tmp_path / 'data').labelled,
      unlabelled=pool, view=views.View(size=8, channels=1),
      teacher_view=TEACHER_VIEW, noise=noise.FlipAndShift(shift=2))
  made = mixture.OnTheFly(labelled_batch=4, ratio=3).batches(
      inputs, seeds.Seed(1))
  seen = set()
  for batch in itertools.islice(made.as_numpy_iterator(), 10):
    found, _ = teacher().label(network, {
        name: tf.constant(value) for name, value in batch.items()
        if name != 'key'})
    for place in np.flatnonzero(batch['is_labelled'] == 0):
      key = batch['key'][place].decode()
      seen.add(key)
      # The store has float16.
      np.testing.assert_allclose(found['label'].numpy()[place], stored[key],
                                 rtol=1e-3, atol=1e-6)
  assert seen == set(stored)


def job_of(folder, **changes):
  quiet = noise.ModelNoise(dropout=0.0, stochastic_depth=0.0)
  return dataclasses.replace(
      tiny.job(folder, model_noise=quiet), **{
          'teacher': teacher(min_confidence=0.5), **changes})


def taken(job, steps=1, per_call=1, **how):
  """Metrics of each of some steps, and the state after them."""
  chosen = tiny.steps(**how)
  state = train_step.State.create(chosen, job)
  take = train_step.compiled_steps(chosen, job, state)
  found = [take([tensors(batch_of(step)) for step in range(first,
                                                           first + per_call)],
                first, [0.05] * per_call)
           for first in range(0, steps, per_call)]
  return {name: np.concatenate([part[name] for part in found])
          for name in found[0]}, state


def test_the_loss_of_a_step_by_hand(tmp_path):
  job, batch = job_of(tmp_path), batch_of()
  p = answers_by_hand(batch)
  network = job.build(job.seed.child('weights').value % 2**31)
  logits = network(tf.cast(batch['image'], tf.float32), training=True,
                   noise_seed=None, first_index=0).numpy().astype(np.float64)
  others = batch['is_labelled'] == 0
  label, weight = batch['label'].astype(np.float64), batch['weight'].copy()
  label[others] = p
  weight[others] *= p.max(-1) >= 0.5
  assert 0 < weight[others].sum() < 7  # The bound divides, and one is broken.
  losses = -(label * np.log(softmax(logits))).sum(-1)
  metrics, state = taken(job)
  assert metrics['loss'][0] == pytest.approx((weight * losses).sum() / 8,
                                             rel=1e-5)
  good = batch['weight'][others]
  assert metrics['pseudo_kept'][0] == pytest.approx(
      weight[others].sum() / 7, rel=1e-5)
  assert metrics['teacher_confidence'][0] == pytest.approx(
      (p.max(-1) * good).sum() / 7, rel=1e-5)
  agrees = logits[others].argmax(-1) == p.argmax(-1)
  assert metrics['pseudo_agreement'][0] == pytest.approx(
      (agrees * good).sum() / 7, rel=1e-5)
  for ours, theirs in zip(state.teacher.variables, teacher_network().variables,
                          strict=True):
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def assert_close(found, expected, rtol, atol=0.0):
  for ours, theirs in ((found[0], expected[0]), (
      {v.path: v.numpy() for v in found[1].network.variables},
      {v.path: v.numpy() for v in expected[1].network.variables})):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
      np.testing.assert_allclose(ours[name], value, rtol=rtol, atol=atol,
                                 err_msg=name)


@pytest.fixture(name='one_by_one', scope='module')
def take_one_by_one(tmp_path_factory):
  return taken(job_of(tmp_path_factory.mktemp('one_by_one')), 2)


@pytest.mark.parametrize('how, rtol, atol', [
    ({'per_call': 2}, 0, 0), ({'jit_compile': True}, 1e-3, 1e-5)])
def test_other_ways_to_take_the_same_steps(tmp_path, one_by_one, how, rtol,
                                           atol):
  assert_close(taken(job_of(tmp_path), 2, **how), one_by_one, rtol, atol)


def build_for_replicas(seed):
  return dataclasses.replace(
      tiny.architecture(), normalization=models.BatchNorm(replicas='all')
  ).build(noise.ModelNoise(dropout=0.2, stochastic_depth=0.2), 4, seed=seed)


def test_two_devices_give_what_one_gives(tmp_path):
  one = job_of(tmp_path, build=build_for_replicas)
  two = dataclasses.replace(one, strategy=two_devices.strategy())
  assert_close(taken(two, 2), taken(one, 2), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize('count', [1, 2])
def test_replicas_with_other_images_than_they_label_are_an_error(count):
  batch = batch_of()
  batch['is_labelled'] = (np.arange(16) < 8).astype(np.float32)
  given = [tensors(batch_of()), tensors(batch)][-count:]
  with pytest.raises(errors.RunError) as caught:
    if count == 1:
      parts.of_batch(*given, two_devices.strategy())
    else:
      parts.of_stacked(given, two_devices.strategy())
  assert str(caught.value) == (
      'Each of the 2 replicas should have 4 images for the teacher in the '
      'step, but one has 0; a mixture has to put them into each part alike.')


class Killed(BaseException):
  """Stands for the end of the program."""


def trained(folder, data, begin, killed_at=None):
  """A training that begins with weights and has a teacher in the step."""
  made = mixture.OnTheFly(labelled_batch=4, ratio=1, shuffle_buffer=16)
  inputs = inputs_lib.Inputs(
      labelled=data.labelled, unlabelled=data.unlabelled,
      view=views.View(size=8, channels=1), teacher_view=TEACHER_VIEW,
      noise=noise.FlipAndShift(shift=1))

  def from_step(first_step):
    for step, batch in enumerate(
        made.batches(inputs, seeds.Seed(2), first_step), first_step):
      if step == killed_at:
        raise Killed
      yield batch

  job = job_of(folder, batches=from_step, labelled_batch=4, batch_size=8,
               build=linear.Linear, initial_weights=begin)
  training.Training(
      num_steps=4, learning_rate=training.Constant(rate=0.01),
      checkpoint_every_steps=2).run(job)
  return weights.read(folder / 'average.npz')


def test_killed_and_restarted_it_gives_the_same(tmp_path):
  """With both: a teacher in the step, and weights to begin with."""
  data = data_sets.few_labels(tmp_path / 'data')
  begin = tmp_path / 'begin.npz'
  weights.save(linear.Linear(77), begin)
  expected = trained(tmp_path / 'whole', data, begin)
  with pytest.raises(Killed):
    trained(tmp_path / 'killed', data, begin, killed_at=3)
  found = trained(tmp_path / 'killed', data, begin)
  start = weights.read(begin)
  for name, value in expected.items():
    np.testing.assert_array_equal(found[name], value)
    # A few small steps from where it began.
    assert 0 < np.abs(value - start[name]).max() < 0.2
