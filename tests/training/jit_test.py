"""The whole step under XLA gives what the plain step gives.

XLA on a CPU stands in for a TPU.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ns import models
from ns import noise
from ns import training
from ns.core import types
from ns.training import train_step
from tests.support import linear
from tests.support import long_form
from tests.support import tiny

OPTIMIZERS = {'sgd': training.Sgd(), 'rms_prop': training.RmsProp()}


def taken(job, batches, **how):
  """The metrics of steps on `batches`, and all variables before and after."""
  chosen = tiny.steps(**{'weight_decay': 0.01, **how})
  state = train_step.State.create(chosen, job)
  before = values(state)
  take = train_step.compiled(chosen, job, state)
  metrics = [{n: float(m) for n, m in take(batch, step, 0.01).items()}
             for step, batch in enumerate(batches)]
  return metrics, before, values(state)


def values(state):
  return {(name, v.path): v.numpy().astype(np.float64)
          for name in ('network', 'average', 'optimizer')
          for v in getattr(state, name).variables}


def change(before, after, kind):
  """How all variables of a kind have moved, as one vector."""
  return np.concatenate([(after[key] - before[key]).ravel()
                         for key in before if key[0] == kind])


def assert_the_same(plain, compiled, tolerance):
  for ours, theirs in zip(compiled[0], plain[0], strict=True):
    assert ours == pytest.approx(theirs, rel=1e-3)
  for kind in 'network', 'average', 'optimizer':
    expected, found = (change(*result[1:], kind)
                       for result in (plain, compiled))
    assert np.linalg.norm(expected) > 0
    assert (np.linalg.norm(found - expected)
            < tolerance * np.linalg.norm(expected))


def three_steps(folder, optimizer, jit_compile=False, **of_job):
  batches = [{name: tf.constant(value) for name, value in
              tiny.batch(step).items()} for step in range(3)]
  return taken(tiny.job(folder, **of_job), batches, jit_compile=jit_compile,
               optimizer=OPTIMIZERS[optimizer])


@pytest.fixture(name='plain', scope='module')
def take_plain(tmp_path_factory):
  """What plain steps give, by optimizer."""
  return {name: three_steps(tmp_path_factory.mktemp('plain'), name)
          for name in OPTIMIZERS}


@pytest.mark.parametrize('optimizer', OPTIMIZERS)
def test_tiny(tmp_path, plain, optimizer):
  assert_the_same(plain[optimizer], three_steps(
      tmp_path, optimizer, jit_compile=True), 1e-3)


def test_without_noise_it_would_be_another_step(tmp_path, plain):
  """So that the comparison sees it."""
  other = three_steps(tmp_path, 'sgd', model_noise=noise.ModelNoise(
      dropout=0.0, stochastic_depth=0.0))
  with pytest.raises(AssertionError):
    assert_the_same(plain['sgd'], other, 1e-3)


def test_noise_on_the_device_is_that_on_the_host(tmp_path):
  input_noise = noise.Sequence(steps=(
      noise.FlipAndShift(shift=1), noise.RandAugment(
          form='xla', ops=('Rotate', 'Solarize', 'Contrast'), magnitude=7)))
  batch = {name: tf.constant(value) for name, value in tiny.batch(0).items()}
  seeds = tf.constant(np.arange(16) * 7)
  images = input_noise.apply(batch['image'], seeds)
  assert np.abs(images.numpy().astype(int) - batch['image'].numpy()).mean() > 5
  host = taken(tiny.job(tmp_path), [{**batch, 'image': images}])
  job = dataclasses.replace(tiny.job(tmp_path),
                            noise=noise.OnDevice(noise=input_noise))
  device = taken(job, [{**batch, types.SEED: seeds}], jit_compile=True)
  assert_the_same(host, device, 1e-3)


def test_a_whole_training(tmp_path):
  results = []
  for jit_compile in False, True:
    folder = tmp_path / str(jit_compile)
    results.append(linear.steps(5, jit_compile=jit_compile).run(
        linear.job(folder))['loss'])
    assert (folder / 'average.npz').exists()
  assert results[1] == pytest.approx(results[0], rel=1e-3)


GROUPS = models.EfficientNet().block_groups
# With every expansion, kernel and stride that there is, and a residual.
SOME = (*GROUPS[:2], GROUPS[5])


@pytest.mark.parametrize('groups', long_form.cases([GROUPS, SOME], [SOME]),
                         ids=len)
def test_b0(tmp_path, groups):
  """Few blocks of each group of EfficientNet-B0, which XLA compiles sooner."""
  random = np.random.default_rng(0)
  batch = {name: tf.constant(value)
           for name, value in tiny.batch(0, size=8, labelled=4).items()}
  batch['image'] = tf.constant(
      random.integers(0, 256, (8, 64, 64, 3)).astype(np.uint8))
  job = dataclasses.replace(
      tiny.job(tmp_path), labelled_batch=4, batch_size=8,
      build=lambda seed: models.EfficientNet(
          depth=0.3, block_groups=groups).build(
          noise.ModelNoise(dropout=0.2, stochastic_depth=0.2), 4,
          image_size=64, seed=seed))
  how = {'optimizer': training.RmsProp(), 'weight_decay': 1e-5}
  assert_the_same(taken(job, [batch], **how),
                  taken(job, [batch], jit_compile=True, **how), 1e-2)
