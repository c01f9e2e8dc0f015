"""The probe image by hand, and what it says of a network."""

import hashlib

import numpy as np
import pytest

from ns.core import errors
from ns.models import probe
from ns.noise import model_noise
from tests.models import small_nets


def by_hand(size, channels):
  pixels = np.zeros((size, size, channels), np.uint8)
  for row in range(size):
    for column in range(size):
      y, x = row * 224 // size, column * 224 // size
      ring = ((y - 112)**2 + (x - 112)**2) // 1600
      for channel in range(channels):
        slope = (y * (channel + 1) + x * (3 - channel)) // 2
        pixels[row, column, channel] = (slope + 64 * (ring % 2)) % 256
  return pixels


@pytest.mark.parametrize('size, channels', [(7, 1), (28, 1), (32, 3), (300, 3)])
def test_the_image(size, channels):
  made = probe.image(size, channels)
  assert made.dtype == np.uint8
  np.testing.assert_array_equal(made, by_hand(size, channels))


def test_the_image_at_two_sizes_is_the_same_motif():
  np.testing.assert_array_equal(probe.image(224, 3)[::7, ::7],
                                probe.image(32, 3))
  np.testing.assert_array_equal(probe.image(32, 3)[..., :1], probe.image(32, 1))


def test_what_a_network_says():
  network = small_nets.narrow().build(model_noise.ModelNoise(), 7, seed=3)
  pixels = probe.image(8, 1)
  found = probe.of(network, pixels)
  logits = network(pixels[np.newaxis].astype(np.float32)).numpy()[0]
  odds = np.exp(logits.astype(np.float64))
  order = sorted(range(7), key=lambda index: -odds[index])[:5]
  assert [row['class'] for row in found['top']] == order
  for row in found['top']:
    assert row['probability'] == pytest.approx(
        odds[row['class']] / odds.sum(), abs=1e-6)
  assert found['logits'] == hashlib.sha256(logits.tobytes()).hexdigest()
  assert probe.of(network, pixels) == found


def test_fewer_classes_than_are_shown():
  network = small_nets.narrow().build(model_noise.ModelNoise(), 2, seed=3)
  assert len(probe.of(network, probe.image(8, 1))['top']) == 2


@pytest.mark.parametrize('value', [0.0, np.nan])
def test_a_network_that_tells_nothing_apart(value):
  network = small_nets.narrow().build(model_noise.ModelNoise(), 3)
  network.classifier.kernel.assign(np.full((64, 3), value))
  with pytest.raises(errors.RunError) as raised:
    probe.of(network, probe.image(8, 1))
  assert str(raised.value) == (
      'The weights should give a probe image logits that are finite and '
      f'differ, but the first are {[value] * 3}; they are not those of a '
      'trained network.')
