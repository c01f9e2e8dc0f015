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


@pytest.mark.parametrize('optimizer', OPTIMIZERS)
def test_tiny(tmp_path, optimizer):
  batches = [{name: tf.constant(value) for name, value in
              tiny.batch(step).items()} for step in range(3)]
  how = {'optimizer': OPTIMIZERS[optimizer]}
  job = tiny.job(tmp_path)
  plain = taken(job, batches, **how)
  assert_the_same(plain, taken(job, batches, jit_compile=True, **how), 1e-3)
  # Without noise it would be another step: the test sees it.
  quiet = tiny.job(tmp_path, model_noise=noise.ModelNoise(
      dropout=0.0, stochastic_depth=0.0))
  other = taken(quiet, batches, **how)
  with pytest.raises(AssertionError):
    assert_the_same(plain, other, 1e-3)


@pytest.mark.parametrize('jit_compile', [False, True])
def test_noise_on_the_device_is_that_on_the_host(tmp_path, jit_compile):
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
  device = taken(job, [{**batch, types.SEED: seeds}], jit_compile=jit_compile)
  assert_the_same(host, device, 1e-3)


def test_a_whole_training(tmp_path):
  results = []
  for jit_compile in False, True:
    folder = tmp_path / str(jit_compile)
    results.append(tiny.steps(5, jit_compile=jit_compile).run(
        tiny.job(folder))['loss'])
    assert (folder / 'average.npz').exists()
  assert results[1] == pytest.approx(results[0], rel=1e-3)


def test_b0(tmp_path):
  """A block of each group of EfficientNet-B0, which XLA compiles sooner."""
  random = np.random.default_rng(0)
  batch = {name: tf.constant(value)
           for name, value in tiny.batch(0, size=8, labelled=4).items()}
  batch['image'] = tf.constant(
      random.integers(0, 256, (8, 64, 64, 3)).astype(np.uint8))
  job = dataclasses.replace(
      tiny.job(tmp_path), labelled_batch=4, batch_size=8,
      build=lambda seed: models.EfficientNet(depth=0.3).build(
          noise.ModelNoise(dropout=0.2, stochastic_depth=0.2), 4,
          image_size=64, seed=seed))
  how = {'optimizer': training.RmsProp(), 'weight_decay': 1e-5}
  assert_the_same(taken(job, [batch], **how),
                  taken(job, [batch], jit_compile=True, **how), 1e-2)
