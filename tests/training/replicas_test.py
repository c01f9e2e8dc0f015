"""Training on two devices is training on one."""

import dataclasses
import functools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from ns import models
from ns import noise
from ns import training
from ns.core import errors
from ns.core import runtime
from ns.training import checkpoint
from ns.training import train_step
from tests.support import linear
from tests.support import long_form
from tests.support import tiny
from tests.support import two_devices

NOISE = noise.ModelNoise(dropout=0.3, stochastic_depth=0.4)
RATE = 0.02


def build(seed, replicas='all', **how):
  architecture = dataclasses.replace(
      tiny.architecture(), normalization=models.BatchNorm(
          momentum=0.9, replicas=replicas))
  return architecture.build(NOISE, 4, seed=seed, **how)


def weighted(step):
  """A batch whose two halves differ in kinds and weights."""
  batch = tiny.batch(step)
  batch['weight'] = np.linspace(0.25, 2.0, 16).astype(np.float32)
  return batch


def tensors(batch):
  return {name: tf.constant(value) for name, value in batch.items()}


def values(owner):
  return {v.path: v.numpy() for v in owner.variables}


def assert_close(found, expected, **tolerance):
  assert found.keys() == expected.keys()
  for name in found:
    np.testing.assert_allclose(found[name], expected[name], err_msg=name,
                               **tolerance)


def prepared(folder, strategy, replicas='all', **how):
  job = dataclasses.replace(
      tiny.job(folder), strategy=strategy,
      build=functools.partial(build, replicas=replicas))
  chosen = tiny.steps(**{'weight_decay': 0.01, **how})
  train_step.check(chosen, job)
  state = train_step.State.create(chosen, job)
  return state, train_step.compiled(chosen, job, state)


STRATEGIES = [runtime.OneDevice().strategy, two_devices.strategy]
OPTIMIZERS = {
    'rms_prop': {'optimizer': training.RmsProp()},
    'lars': {'optimizer': training.Lars(trust_coefficient=0.1),
             'weight_decay': 0.0},
    'adam_w': {'optimizer': training.AdamW(epsilon=1e-3), 'weight_decay': 0.0}}


@pytest.fixture(name='trained', scope='module')
def make_trained(tmp_path_factory):
  """A function: what a few steps on some devices lead to, taken once.

  It gives the state after them, and the metrics of each.
  """
  @functools.cache
  def trained(devices, optimizer, replicas='all'):
    state, take = prepared(
        tmp_path_factory.mktemp('trained'), STRATEGIES[devices - 1](), replicas,
        **OPTIMIZERS[optimizer])
    metrics = [{n: float(m) for n, m in
                take(tensors(weighted(step)), step, RATE).items()}
               for step in range(4)]
    return state, metrics

  return trained


@pytest.mark.parametrize('optimizer', long_form.cases(
    list(OPTIMIZERS), ['rms_prop', 'lars']))
def test_two_devices_give_what_one_gives(tmp_path, trained, optimizer):
  one, one_metrics = trained(1, optimizer)
  two, two_metrics = trained(2, optimizer)
  for ours, theirs in zip(two_metrics, one_metrics, strict=True):
    assert ours == pytest.approx(theirs, rel=1e-4)
  start = values(build(tiny.job(tmp_path).seed.child('weights').value % 2**31))
  for name in 'network', 'average', 'optimizer':
    assert_close(values(getattr(two, name)), values(getattr(one, name)),
                 rtol=1e-3, atol=1e-4)
  # What would differ by more than the tolerance if anything were missing.
  moved = [np.abs(value - start[name]).max()
           for name, value in values(one.network).items()]
  assert min(moved) > 1e-4 and max(moved) > 1e-2


@pytest.mark.parametrize('replicas', ['local', 'all'])
def test_all_replicas_have_the_same_state(trained, replicas):
  state, _ = trained(2, 'rms_prop', replicas)
  for owner in state.network, state.average, state.optimizer:
    for variable in owner.variables:
      first, second = (
          tf.convert_to_tensor(v).numpy()
          for v in two_devices.strategy().experimental_local_results(
              variable.value))
      np.testing.assert_array_equal(first, second, err_msg=variable.path)


def test_a_checkpoint_of_two_devices_goes_on_on_one(tmp_path, trained):
  two, _ = trained(2, 'rms_prop')
  checkpoint.Checkpoints(tmp_path / 'checkpoints', two).save(
      checkpoint.Position(step=4))
  one, _ = prepared(tmp_path, runtime.OneDevice().strategy(),
                    **OPTIMIZERS['rms_prop'])
  assert checkpoint.Checkpoints(
      tmp_path / 'checkpoints', one).restore().step == 4
  for name in 'network', 'average', 'optimizer':
    assert_close(values(getattr(one, name)), values(getattr(two, name)), rtol=0)


class SeesItsPart(keras.Model):
  """Logits that tell which images a replica has, and what it was told."""

  def __init__(self):
    super().__init__(name='network')
    self.kernel = self.add_weight(name='kernel', shape=(4, 4),
                                  initializer='zeros')
    self.built = True

  def call(self, images, training, noise_seed, first_index):
    place = tf.range(tf.shape(images)[0]) + first_index
    # The batch below has its place in the whole batch in every pixel.
    right = tf.reduce_all(images == tf.cast(place, tf.float32)[:, None, None,
                                                               None])
    return tf.one_hot(place % 4, 4) * tf.where(right, 1.0, -1.0) + (
        tf.zeros((tf.shape(images)[0], 4)) @ self.kernel)


def test_replicas_have_their_parts_in_order(tmp_path):
  """The place in the whole batch, by which model noise goes."""
  job = dataclasses.replace(tiny.job(tmp_path), strategy=two_devices.strategy(),
                            build=lambda seed: SeesItsPart())
  chosen = tiny.steps(weight_decay=0.0)
  state = train_step.State.create(chosen, job)
  place = np.arange(16)
  metrics = train_step.compiled(chosen, job, state)(tensors({
      **tiny.batch(0),
      'image': np.ones((16, 8, 8, 1), np.uint8) * place.astype(np.uint8)[
          :, None, None, None],
      'label': np.eye(4, dtype=np.float32)[place % 4]}), 0, 0.1)
  assert float(metrics['labelled_accuracy']) == 1
  assert float(metrics['pseudo_agreement']) == 1
  # 16 images, 8 of them labelled: twice the cross-entropy of each.
  e = np.e
  assert float(metrics['loss']) == pytest.approx(2 * -np.log(e / (e + 3)),
                                                 rel=1e-5)


class Darker:
  """A noise on the device: takes a number, from its seed, off each image."""
  on_device = True

  def apply(self, images, seeds):
    return images - tf.cast(seeds, tf.uint8)[:, None, None, None]


@pytest.mark.parametrize('strategy', STRATEGIES)
def test_noise_on_the_device(tmp_path, strategy):
  """Images made brighter by their seeds, and darker again, are as before."""
  results = []
  for device_noise in None, Darker():
    job = linear.job(tmp_path, noise=device_noise, strategy=strategy())
    chosen = tiny.steps()
    state = train_step.State.create(chosen, job)
    batch = tiny.batch(0)
    if device_noise:
      seeds = np.arange(16)
      # Modulo 256, as uint8 is.
      batch = {**batch, 'seed': seeds, 'image': batch['image'] + seeds.astype(
          np.uint8)[:, None, None, None]}
    metrics = train_step.compiled(chosen, job, state)(tensors(batch), 0, 0.1)
    results.append({n: float(m) for n, m in metrics.items()})
  assert results[0] == pytest.approx(results[1], rel=1e-5)


def test_a_whole_training_on_two_devices(tmp_path):
  chosen = tiny.steps(4, checkpoint_every_steps=3, summary_every_steps=2)
  results = []
  for devices, strategy in enumerate(STRATEGIES, 1):
    folder = tmp_path / str(devices)
    results.append(chosen.run(linear.job(folder, strategy=strategy())))
    with np.load(folder / 'average.npz') as file:
      results[-1]['weights'] = dict(file)
  assert results[0]['loss'] == pytest.approx(results[1]['loss'], rel=1e-4)
  assert_close(results[1]['weights'], results[0]['weights'], rtol=1e-3,
               atol=1e-4)


def test_xla_on_several_devices_is_refused(tmp_path):
  job = dataclasses.replace(tiny.job(tmp_path), strategy=two_devices.strategy())
  with pytest.raises(errors.RunError) as caught:
    tiny.steps(jit_compile=True).run(job)
  assert str(caught.value) == (
      '`Training.jit_compile` should be False on 2 replicas, since XLA '
      'compiles no step that adds up over several devices here, but is True; '
      'leave it out, or train on one device.')


@pytest.mark.parametrize('field, images', [
    ('labelled_batch', 8), ('batch_size', 16)])
def test_a_batch_that_does_not_split(tmp_path, field, images):
  sizes = {'labelled_batch': 9, 'batch_size': 18, field: images}
  job = dataclasses.replace(
      tiny.job(tmp_path), **sizes,
      strategy=types.SimpleNamespace(num_replicas_in_sync=3))
  with pytest.raises(errors.RunError) as caught:
    tiny.steps().run(job)
  assert str(caught.value) == (
      f'The `{field}` of student/train should be a multiple of the 3 replicas, '
      f'but is {images}; bind another `labelled_batch`, or use another number '
      'of devices.')
