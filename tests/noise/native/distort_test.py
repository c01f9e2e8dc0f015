"""The native kernel against operations of TensorFlow, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf

from ns.noise import image_ops
from ns.noise import op_arguments
from ns.noise.native import kernel
from tests.noise.native import by_tensorflow

# That a library which is there does load is for kernel_test.py.
pytestmark = pytest.mark.skipif(
    kernel.load() is None, reason='the kernel is not built: no C++ compiler')

NATIVE = getattr(kernel.load(), 'noisy_student_distort', None)
MAGNITUDES = range(31)
SIZES = [(1, 1), (1, 9), (7, 1), (2, 2), (2, 5), (3, 3), (5, 4), (16, 16),
         (17, 33), (32, 32), (61, 47)]


def noise(rng, shape):
  return rng.integers(0, 256, shape).astype(np.uint8)


def pictures(rng, shape):
  """Like photographs: shades that change slowly, texture, few or many values.

  No more than some 20 values apart in the first of four, up to all 256 in the
  last.
  """
  batch, height, width, channels = shape
  y = np.linspace(0, 1, height)[:, np.newaxis, np.newaxis]
  x = np.linspace(0, 1, width)[:, np.newaxis]
  turn, middle = rng.random((2, batch, 1, 1, channels))
  waves = np.sin(6 * (turn + x + y)) + np.cos(9 * (turn * x - y))
  texture = rng.normal(0, 0.2, (batch, height, width, 1))
  spread = 10 * 2 ** (np.arange(batch) % 4 + 1)[:, None, None, None]
  return np.clip(60 + 130 * middle + spread * (waves + texture) / 2, 0,
                 255).astype(np.uint8)


def drawn(ops, magnitudes, rng, height, width):
  """What `distort.apply` takes for these operations: [batch, layers, 6]."""
  table = op_arguments.OpArguments(
      cutout_size=20, translate_size=11.0, overflow='wrap')
  rows = [(image_ops.NAMES[op], m) for op, m in zip(ops.flat, magnitudes.flat)]
  numbers = op_arguments.table(table, tuple(rows)).reshape([*ops.shape, 2])
  sign = rng.choice(np.array([-1, 1], np.float32), ops.shape)
  row, column = rng.random((2, *ops.shape), np.float32)
  return op_arguments.assemble(
      ops, numbers, sign, row, column, height, width).numpy()


def check(images, ops, arguments, **options):
  result = NATIVE(images=images, ops=ops, arguments=arguments, **options)
  expected = by_tensorflow.apply(images, ops, arguments, **options)
  assert result.dtype == tf.uint8
  for number in np.flatnonzero((result.numpy() != expected).any((1, 2, 3))):
    pytest.fail(f'{images.shape} {ops[number]} {arguments[number]}\n'
                f'{result[number]}\n{expected[number]}')
  return expected


@pytest.mark.parametrize('kind', [noise, pictures])
@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('height, width', SIZES)
def test_every_operation_at_every_magnitude(height, width, channels, kind):
  rng = np.random.default_rng(height * width + channels)
  ops, magnitudes = (
      grid.reshape(-1, 1).repeat(2, axis=0)  # some of each sign
      for grid in np.meshgrid(np.arange(16, dtype=np.int32), MAGNITUDES))
  images = kind(rng, (len(ops), height, width, channels))
  arguments = drawn(ops, magnitudes, rng, height, width)
  for contrast in ('released', 'correct'):
    expected = check(images, ops, arguments, contrast=contrast)
  if height * width > 200 and kind is pictures:
    changed = set(ops[(expected != images).any((1, 2, 3)), 0])
    never = {'Color'} if channels == 1 else set()
    assert {image_ops.NAMES[op] for op in changed} | never == set(
        image_ops.NAMES)


@pytest.mark.parametrize('height, width', [(224, 224), (300, 181)])
def test_large_pictures(height, width):
  rng = np.random.default_rng(0)
  ops = np.arange(16, dtype=np.int32).repeat(2)[:, np.newaxis]
  magnitudes = np.tile([[9], [27]], [16, 1])
  images = pictures(rng, (32, height, width, 3))
  check(images, ops, drawn(ops, magnitudes, rng, height, width))


@pytest.mark.parametrize('layers', [0, 1, 2, 3, 4, 7])
def test_layers_follow_one_another(layers):
  rng = np.random.default_rng(layers)
  ops = rng.integers(-1, 16, (60, layers)).astype(np.int32)
  images = pictures(rng, (60, 20, 31, 3))
  magnitudes = rng.integers(0, 31, ops.shape)
  arguments = drawn(ops, magnitudes, rng, 20, 31)
  expected = check(images, ops, arguments, fill=7)
  stays = (ops == -1).all(axis=1)
  np.testing.assert_array_equal(expected[stays], images[stays])


@pytest.mark.parametrize('shape', [(0, 4, 5, 3), (3, 0, 5, 1), (3, 4, 0, 3)])
def test_without_values(shape):
  result = NATIVE(images=np.zeros(shape, np.uint8),
                  ops=np.ones((shape[0], 2), np.int32),
                  arguments=np.zeros((shape[0], 2, 6), np.float32))
  assert result.shape == shape


# What no magnitude gives, but a caller may: any number at all.
NUMBERS = np.array([
    np.nan, np.inf, -np.inf, 3e38, -3e38, 2.0**31, -2.0**31, 2.0**31 - 128,
    -1.0, -0.5, 0.0, 0.49999997, 0.5, 0.50000006, 1.0, 1.5, 8.0, 9.0, 255.0,
    256.0, 1e-40], np.float32)


@pytest.mark.parametrize('seed', range(40))
def test_any_shape_and_any_argument(seed):
  rng = np.random.default_rng(seed)
  batch, layers = rng.integers(1, 25), rng.integers(1, 4)
  height, width = rng.integers(1, (4, 40)[seed % 2], 2)
  kind = (noise, pictures)[seed // 2 % 2]
  images = kind(rng, (batch, height, width, rng.choice([1, 3])))
  ops = rng.integers(-1, 16, (batch, layers)).astype(np.int32)
  scale = rng.choice([1, 3, 100, 1e9], (batch, 1, 1))
  arguments = (scale * rng.normal(0, 1, (batch, layers, 6))).astype(np.float32)
  # Whole and half numbers are where rounding decides.
  halves = np.round(2 * arguments) / 2
  arguments = np.where(rng.random(arguments.shape) < 0.3, halves, arguments)
  odd = rng.choice(NUMBERS, arguments.shape)
  arguments = np.where(rng.random(arguments.shape) < 0.1, odd, arguments)
  # Below 0, what TensorFlow adds depends on an image's place in the batch.
  adds = ops == image_ops.NAMES.index('SolarizeAdd')
  arguments[adds] = np.maximum(arguments[adds], 0)
  check(images, ops, arguments, fill=int(rng.integers(256)),
        contrast=rng.choice(['released', 'correct']))


@pytest.mark.parametrize('seed', range(10))
def test_any_matrix_near_the_identity(seed):
  # So that most pixels come from inside, at places of all fractions.
  rng = np.random.default_rng(100 + seed)
  images = noise(rng, (50, *rng.integers(20, 70, 2), 3))
  turns = np.eye(2).ravel() + rng.normal(0, 0.4, (50, 4))
  (a, b, d, e), (c, f) = turns.T, rng.normal(0, 8, (2, 50))
  arguments = np.stack([a, b, c, d, e, f], axis=-1)
  arguments = np.round(arguments * 4) / 4 if seed % 2 else arguments
  arguments = arguments[:, np.newaxis].astype(np.float32)
  ops = np.full((50, 1), image_ops.NAMES.index('Rotate'), np.int32)
  expected = check(images, ops, arguments, fill=3)
  assert (expected != 3).mean() > 0.3


def test_an_addition_below_0_is_0():
  images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
  for addition in (-1, -300, -np.inf, np.nan):
    arguments = np.full((1, 1, 6), addition, np.float32)
    result = NATIVE(images=images, ops=[[14]], arguments=arguments)
    np.testing.assert_array_equal(result, images)


# As an op of TensorFlow.


def batches(seed=0):
  """A dataset of random batches, distorted; nothing in it has a state."""
  rng = np.random.default_rng(seed)
  ops = rng.integers(0, 16, (40, 2)).astype(np.int32)
  rows = (pictures(rng, (40, 18, 23, 3)), ops,
          drawn(ops, np.full(ops.shape, 15), rng, 18, 23))
  return tf.data.Dataset.from_tensor_slices(rows).batch(8).map(
      lambda images, ops, arguments: NATIVE(
          images=images, ops=ops, arguments=arguments),
      num_parallel_calls=2)


def test_a_restored_iterator_gives_the_same_images(tmp_path):
  iterator = iter(batches())
  next(iterator), next(iterator)
  path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / 'at'))
  rest = [images.numpy() for images in iterator]
  assert len(rest) == 3
  again = iter(batches())
  tf.train.Checkpoint(iterator=again).restore(path)
  for images, expected in zip(again, rest, strict=True):
    np.testing.assert_array_equal(images, expected)


def test_an_image_does_not_depend_on_the_batch_around_it():
  whole = np.concatenate([images.numpy() for images in batches()])
  single = np.concatenate([
      images.numpy() for images in batches().unbatch().batch(3)])
  np.testing.assert_array_equal(single, whole)
  parts = [np.concatenate([images.numpy() for images in batches()])
           for _ in range(3)]
  for part in parts:
    np.testing.assert_array_equal(part, whole)


@pytest.mark.parametrize('images, ops, arguments, expected', [
    ([8, 5, 6, 3], [8, 2], [8, 2, 6], [8, 5, 6, 3]),
    ([None, None, None, 3], [8, None], [None, 2, 6], [8, None, None, 3]),
    ([None, 5, 6, 1], None, None, [None, 5, 6, 1]),
])
def test_the_shape_is_that_of_the_images(images, ops, arguments, expected):
  traced = tf.function(lambda i, o, a: NATIVE(images=i, ops=o, arguments=a))
  concrete = traced.get_concrete_function(
      tf.TensorSpec(images, tf.uint8), tf.TensorSpec(ops, tf.int32),
      tf.TensorSpec(arguments, tf.float32))
  assert concrete.output_shapes.as_list() == expected


@pytest.mark.parametrize('images, ops, arguments', [
    ([8, 5, 6], [8, 2], [8, 2, 6]),
    ([8, 5, 6, 3], [8], [8, 2, 6]),
    ([8, 5, 6, 3], [7, 2], [8, 2, 6]),
    ([8, 5, 6, 3], [8, 2], [8, 3, 6]),
    ([8, 5, 6, 3], [8, 2], [8, 2, 5]),
])
def test_shapes_that_do_not_fit_are_errors_of_the_trace(
    images, ops, arguments):
  with pytest.raises(ValueError, match='[Ss]hape|[Dd]imension'):
    with tf.Graph().as_default():
      NATIVE(images=tf.zeros(images, tf.uint8), ops=tf.zeros(ops, tf.int32),
             arguments=tf.zeros(arguments))


@pytest.mark.parametrize('change, sentence', [
    (dict(images=np.zeros((2, 4, 5), np.uint8)),
     '`images` should be of shape [batch, height, width, channels], but is of '
     'shape [2,4,5].'),
    (dict(images=np.zeros((2, 4, 5, 2), np.uint8)),
     '`images` should have 1 or 3 channels, but is of shape [2,4,5,2].'),
    (dict(ops=np.zeros((3, 2), np.int32)),
     '`ops` should be of shape [2, layers], for as many images as `images` '
     'has, but is of shape [3,2].'),
    (dict(arguments=np.zeros((2, 2, 8), np.float32)),
     '`arguments` should be of shape [2, 2, 6], as `ops` asks for, but is of '
     'shape [2,2,8].'),
    (dict(ops=np.array([[0, 0], [0, 16]], np.int32)),
     '`ops` should be of places in `image_ops.NAMES`, 0 to 15, or -1 for none, '
     'but image 1 has 16.'),
    (dict(ops=np.array([[-2, 0], [0, 0]], np.int32)),
     '`ops` should be of places in `image_ops.NAMES`, 0 to 15, or -1 for none, '
     'but image 0 has -2.'),
    (dict(fill=256), '`fill` should be in [0, 255], but is 256.'),
])
def test_errors_are_sentences(change, sentence):
  given = dict(images=np.zeros((2, 4, 5, 3), np.uint8),
               ops=np.zeros((2, 2), np.int32),
               arguments=np.zeros((2, 2, 6), np.float32))
  with pytest.raises(tf.errors.InvalidArgumentError) as raised:
    NATIVE(**{**given, **change})
  assert sentence in str(raised.value)
