"""Two logical CPUs give what one device gives: statistics, gradients, noise."""

import numpy as np
import pytest
import tensorflow as tf

from ns.core import errors
from ns.models import batch_norm
from ns.models import device
from ns.models import folded
from ns.models import inference
from ns.models import normalization
from ns.noise import model_noise
from tests.models import small_nets
from tests.support import two_devices

SHAPE = (8, 3, 3, 5)


def numbers(seed, *shape, mean=2.0):
  rng = np.random.default_rng(seed)
  return rng.normal(mean, 3, shape).astype(np.float32)


# The halves are of different distributions, and their means are no zeros.
SPREAD = np.repeat(np.float32([1, 4]), 4)
INPUTS = numbers(0, *SHAPE) * SPREAD[:, None, None, None]
UPSTREAM = numbers(1, *SHAPE)
# gamma, beta, moving mean and variance.
VALUES = [numbers(2, 5), numbers(3, 5), numbers(4, 5), numbers(5, 5)**2]


def layer(**fields):
  made = normalization.BatchNormalization(batch_norm.BatchNorm(**fields))
  made.build((None, None, None, 5))
  for variable, value in zip(made.variables, VALUES, strict=True):
    variable.assign(value)
  return made


def step(made, inputs, upstream):
  with tf.GradientTape() as tape:
    tape.watch(inputs)
    outputs = made(inputs, training=True)
    loss = tf.reduce_sum(outputs * upstream)
  return outputs, *tape.gradient(loss, [inputs, made.gamma.value,
                                        made.beta.value])


def on_one(made, inputs=INPUTS):
  return [x.numpy() for x in step(made, tf.constant(inputs), UPSTREAM)]


def halves(value):
  """The value of each replica: its half of the batch."""
  return two_devices.strategy().experimental_distribute_values_from_function(
      lambda context: tf.constant(np.split(
          value, 2)[context.replica_id_in_sync_group]))


def local(value):
  return [x.numpy() for x in
          two_devices.strategy().experimental_local_results(value)]


def on_two(inputs=INPUTS, **fields):
  """The layer, outputs and gradients of both halves, its variables on each."""
  strategy = two_devices.strategy()
  with strategy.scope():
    made = layer(**fields)

  @tf.function
  def run(inputs, upstream):
    results = strategy.run(lambda *args: step(made, *args), (inputs, upstream))
    return results, strategy.run(
        lambda: [tf.identity(v.value) for v in made.variables])

  results, variables = run(halves(inputs), halves(UPSTREAM))
  outputs, of_inputs, gamma, beta = map(local, results)
  gradients = [np.concatenate(outputs), np.concatenate(of_inputs), sum(gamma),
               sum(beta)]
  return made, gradients, [local(v) for v in variables]


@pytest.mark.parametrize('replicas', ['all', 2])
def test_statistics_of_all_replicas_are_those_of_one_device(replicas):
  one = layer(momentum=0.5)
  expected = on_one(one)
  made, results, variables = on_two(momentum=0.5, replicas=replicas)
  for result, value in zip(results, expected, strict=True):
    np.testing.assert_allclose(result, value, rtol=1e-4, atol=1e-4)
  for (first, second), value in zip(variables, one.variables, strict=True):
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, value, rtol=1e-5, atol=1e-5)


def test_local_statistics_are_each_replicas_own():
  made, results, variables = on_two(momentum=0.5)
  parts = [layer(momentum=0.5), layer(momentum=0.5)]
  expected = [step(part, tf.constant(x), up) for part, x, up in zip(
      parts, np.split(INPUTS, 2), np.split(UPSTREAM, 2))]
  outputs, of_inputs, gamma, beta = zip(*expected)
  for result, value in zip(results, [
      np.concatenate(outputs), np.concatenate(of_inputs), sum(gamma),
      sum(beta)], strict=True):
    np.testing.assert_allclose(result, value, rtol=1e-4, atol=1e-4)
  # Their moving statistics are the average, and the same on both.
  for (first, second), *values in zip(
      variables, *(part.variables for part in parts), strict=True):
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, np.mean(values, 0), rtol=1e-5, atol=1e-5)
  # A reader outside, such as a checkpoint, reads the same.
  np.testing.assert_array_equal(made.moving_mean, variables[2][0])
  assert abs(parts[0].moving_mean - parts[1].moving_mean).numpy().max() > 0.1


def test_the_variance_keeps_its_digits_where_the_mean_is_large():
  inputs = INPUTS + np.float32(10000)
  exact = inputs.astype(np.float64).var((0, 1, 2))
  made, _, _ = on_two(inputs, momentum=0.0, replicas='all')
  np.testing.assert_allclose(made.moving_variance, exact, rtol=1e-4)
  # As the reference computes it.
  naive = np.square(inputs).mean((0, 1, 2)) - np.square(inputs.mean((0, 1, 2)))
  assert abs(naive / exact - 1).max() > 1e-2


class Replica:
  """A replica of many: `all_reduce` adds up what the others would send."""

  def __init__(self, index, values):
    self.replica_id_in_sync_group = index
    self.num_replicas_in_sync = len(values)
    self.values = values

  def all_reduce(self, op, row):
    assert op == tf.distribute.ReduceOp.SUM
    size = len(self.values) // len(row)
    rows = np.zeros(row.shape)
    for other, value in enumerate(self.values):
      rows[other // size] += value / size
    mine = self.replica_id_in_sync_group
    expected = np.zeros(row.shape)
    expected[mine // size] = self.values[mine] / size
    np.testing.assert_allclose(row, expected, rtol=1e-6)
    return tf.constant(rows, tf.float32)


@pytest.mark.parametrize('index', range(6))
def test_groups_are_of_replicas_that_follow_each_other(index):
  values = numbers(7, 6, 5)
  groups = normalization._Groups(Replica(index, values), 2)
  average, table = groups.average(tf.constant(values[index]))
  np.testing.assert_allclose(
      table, values.reshape(3, 2, 5).mean(1), rtol=1e-5)
  first = index // 2 * 2
  np.testing.assert_allclose(
      average, values[first:first + 2].mean(0), rtol=1e-5)


def test_groups_that_do_not_make_up_all_replicas():
  strategy = two_devices.strategy()
  with strategy.scope():
    made = layer(replicas=3)
  with pytest.raises(errors.RunError, match=(
      '`BatchNorm.replicas` should divide the number of replicas, 2, but is 3; '
      "bind a divisor of it, 'local' or 'all'.")):
    strategy.run(lambda: made(INPUTS, training=True))


# The whole network.


@pytest.fixture
def large(monkeypatch):
  """Small tensors take the ways of large ones."""
  monkeypatch.setattr(device, '_LARGE', 1)


def network_step(network, pixels, first_index):
  with tf.GradientTape() as tape:
    logits = network(pixels, training=True, noise_seed=tf.constant(5, tf.int64),
                     first_index=first_index)
    loss = tf.reduce_sum(logits**2)
  return logits, tape.gradient(
      loss, [v.value for v in network.trainable_variables])


def test_a_network_on_two_replicas_is_the_one_on_one_device(large):
  noise = model_noise.ModelNoise(dropout=0.5, stochastic_depth=0.8)
  norm = batch_norm.BatchNorm(momentum=0.5, replicas='all')
  build = lambda: small_nets.mixed(normalization=norm).build(noise, 7, seed=1)
  pixels = np.random.default_rng(0).uniform(0, 255, (8, 8, 8, 3)).astype('f')
  one, strategy = build(), two_devices.strategy()
  with strategy.scope():
    two = build()

  def on_replica(pixels):
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    logits, gradients = network_step(two, pixels, replica * 4)
    return logits, tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.SUM, gradients)

  logits, gradients = tf.function(
      lambda pixels: network_step(one, pixels, 0))(tf.constant(pixels))
  parts, sums = tf.function(
      lambda pixels: strategy.run(on_replica, (pixels,)))(halves(pixels))
  np.testing.assert_allclose(
      np.concatenate(local(parts)), logits, rtol=1e-3, atol=1e-4)
  for total, gradient in zip(sums, gradients, strict=True):
    np.testing.assert_allclose(
        local(total)[0], gradient, rtol=1e-2,
        atol=1e-3 * max(abs(gradient).numpy().max(), 1e-2))
  for ours, theirs in zip(two.variables, one.variables, strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    first, second = local(ours.value)
    np.testing.assert_array_equal(first, second)


# Predictions.


@pytest.fixture(scope='module')
def predicting():
  """A network with moved statistics, its predictor, and images."""
  made = small_nets.mixed().build(model_noise.ModelNoise(), 7, seed=1)
  rng = np.random.default_rng(3)
  for variable in made.variables:
    if 'moving' in variable.path:
      variable.assign(rng.uniform(0.5, 2, variable.shape))
  pixels = rng.integers(0, 256, (9, 8, 8, 3)).astype(np.uint8)
  return made, inference.predictor(made), pixels


@pytest.mark.parametrize('most_constants', [folded._MOST_CONSTANTS, 0])
def test_replicas_share_the_images(predicting, monkeypatch, most_constants):
  """Each image has the answer of one device, in its place."""
  monkeypatch.setattr(folded, '_MOST_CONSTANTS', most_constants)
  made, alone, pixels = predicting
  shared = inference.predictor(made, strategy=two_devices.strategy())
  for ours, theirs in ((shared, alone), (shared.logits, alone.logits)):
    expected = theirs(pixels)
    for images in 0, 1, 2, 5, 8, 9:
      found = ours(pixels[:images])
      assert found.shape == (images, 7) and found.dtype == np.float32
      np.testing.assert_allclose(found, expected[:images], rtol=1e-5,
                                 atol=1e-6)


def test_each_replica_has_a_half(predicting, monkeypatch):
  sizes = []

  def logits(network, dtype):
    del network, dtype
    def function(images):
      sizes.append(images.shape[0])
      return tf.cast(images[:, 0, 0], tf.float32)
    return function

  monkeypatch.setattr(folded, 'logits', logits)
  made, _, pixels = predicting
  predict = inference.predictor(made, strategy=two_devices.strategy())
  np.testing.assert_array_equal(predict.logits(pixels), pixels[:, 0, 0])
  assert set(sizes) == {5}  # Of 9, and one more of the last.


def test_another_network_is_shared_too(predicting):
  pixels = predicting[-1]
  mean = lambda images, training: tf.reduce_mean(images, (1, 2))
  predict = inference.predictor(mean, strategy=two_devices.strategy())
  np.testing.assert_allclose(
      predict.logits(pixels), pixels.mean((1, 2)), rtol=1e-5)
