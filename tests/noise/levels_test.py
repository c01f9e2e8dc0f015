"""The levels in gin/noise, each composed into a run."""

import glob
import os

import pytest

from ns import config
from ns import images
from ns import noise
from ns.config import locate

_RUN = 'gin/runs/smoke.gin'
# Magnitude (noisystudent, local_scripts/imagenet/train.sh) and dropout
# (efficientnet_builder.py); None without RandAugment.
_IMAGENET = {
    'b0': (None, 0.2), 'b2': (6, 0.3), 'b3': (12, 0.3), 'b4': (15, 0.4),
    'b5': (18, 0.4), 'b6': (24, 0.5), 'b7': (27, 0.5), 'l2': (27, 0.5)}


def compose(level, *bindings):
  """The generations of a run whose noise `level` overrides."""
  return config.compose(
      [_RUN, f'gin/noise/{level}.gin'], bindings).root.generations


def test_all_levels_are_tested():
  files = glob.glob(os.path.join(locate.root(), 'gin/noise/*.gin'))
  names = {os.path.splitext(os.path.basename(file))[0] for file in files}
  assert names == {*_IMAGENET, 'imagenet', 'light', 'off', 'small'}


@pytest.mark.parametrize('level', sorted(_IMAGENET))
def test_levels_for_imagenet(level):
  magnitude, dropout = _IMAGENET[level]
  for generation in compose(level):
    # The class's own defaults are the reference's.
    assert generation.noise == (
        noise.Off() if magnitude is None
        else noise.RandAugment(magnitude=magnitude))
    assert generation.crop == images.InceptionCrop()
    assert generation.model_noise == noise.ModelNoise(
        dropout=dropout, stochastic_depth=0.2)


def test_no_noise():
  for generation in compose('off'):
    assert generation.noise == noise.Off()
    assert generation.batch_noise is None
    assert generation.model_noise == noise.ModelNoise(
        dropout=0, stochastic_depth=0)
    assert generation.crop == images.AsIs()


def test_small_images():
  for generation in compose('small'):
    # An eighth of 32 pixels, and a hole of half the side.
    assert generation.noise == noise.Sequence(steps=[
        noise.RandAugment(magnitude=5, cutout_size=4, translate_size=4),
        noise.Cutout(size=16), noise.FlipAndShift(shift=4)])
    assert generation.model_noise == noise.ModelNoise(
        dropout=0.2, stochastic_depth=0.2)


def test_light():
  for generation in compose('light'):
    flip_and_shift, rand_augment = generation.noise.steps
    assert flip_and_shift == noise.FlipAndShift(shift=2)
    assert rand_augment.magnitude == 3 and len(rand_augment.ops) == 7


@pytest.mark.parametrize('level', ['b2', 'b7', 'l2', 'light', 'small'])
def test_a_level_is_overridden_for_one_generation(level):
  teacher, student = compose(level)
  assert teacher.noise == student.noise
  same, other = compose(
      level, 'student/noise.RandAugment.magnitude = 1.5',
      'student/noise.ModelNoise.dropout = 0.125')
  assert (same.noise, same.model_noise) == (teacher.noise, teacher.model_noise)
  changed = other.noise
  while hasattr(changed, 'steps'):
    changed, = [step for step in changed.steps
                if isinstance(step, noise.RandAugment)]
  assert changed.magnitude == 1.5
  assert other.model_noise.dropout == 0.125
