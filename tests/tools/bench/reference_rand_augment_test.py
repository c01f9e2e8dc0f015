"""The reference's algorithm for the bench does what the reference does."""

import numpy as np
import pytest
import tensorflow as tf

from ns.noise import op_names
from tests.noise import by_hand
from tools.bench import reference_rand_augment


def picture(seed=0, height=18, width=23):
  rng = np.random.default_rng(seed)
  slope = np.linspace(30, 200, width)[:, np.newaxis]
  return (slope + rng.integers(0, 50, (height, width, 3))).astype(np.uint8)


@pytest.mark.parametrize('name', [n for n in op_names.NAMES if n != 'Cutout'])
@pytest.mark.parametrize('sign', [1.0, -1.0])
@pytest.mark.parametrize('magnitude', [1, 7, 15])
def test_an_operation_equals_plain_loops(name, magnitude, sign):
  image = picture(magnitude)
  result = tf.function(reference_rand_augment.apply)(
      name, tf.constant(image), magnitude, tf.constant(sign))
  expected = by_hand.rand_augment_op(
      name, image, magnitude=magnitude, cutout_size=40, translate_size=100,
      sign=sign, row=0, column=0)
  # oneDNN's convolution fuses its steps: some values differ by 1.
  apart = np.abs(result.numpy().astype(int) - expected)
  assert (apart > 0).mean() < (0.02 if name == 'Sharpness' else 1e-9)
  assert apart.max() <= (4 if name == 'Sharpness' else 0)


def test_cutout_fills_a_rectangle():
  image = np.full((200, 300, 3), 7, np.uint8)
  result = reference_rand_augment.apply('Cutout', tf.constant(image), 5)
  rows, columns, _ = np.nonzero(result.numpy() == 128)
  height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
  assert len(rows) == 3 * height * width
  assert 20 <= height <= 40 and 20 <= width <= 40
  assert (result.numpy() == 7).sum() == image.size - len(rows)


def test_layers_apply_every_operation_now_and_then():
  tf.random.set_seed(0)
  image = tf.constant(picture())
  augment = tf.function(
      lambda: reference_rand_augment.rand_augment(image, 1, 15))
  results = {augment().numpy().tobytes() for _ in range(120)}
  # Of 16 operations, five of either sign and one anywhere.
  assert len(results) > 15
