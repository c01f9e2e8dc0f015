"""The whole network: shapes, noise, and the same numbers however it is run."""

import numpy as np
import pytest
import tensorflow as tf

from ns.models import batch_norm
from ns.models import device
from ns.models import efficientnet
from ns.noise import model_noise
from tests.models import plain_network
from tests.models import small_nets
from tests.support import long_form

OFF = model_noise.ModelNoise(dropout=0, stochastic_depth=0)


def images(count, size=8, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  return tf.constant(
      rng.integers(0, 256, (count, size, size, channels)), tf.float32)


@pytest.fixture(scope='module')
def mixed():
  return small_nets.mixed().build(model_noise.ModelNoise(), 10)


def narrow(dropout=0.0, stochastic_depth=0.0, seed=0):
  noise = model_noise.ModelNoise(
      dropout=dropout, stochastic_depth=stochastic_depth)
  return small_nets.narrow().build(noise, 10, seed=seed)


@pytest.mark.parametrize('size', [8, 9, 5])
def test_logits_are_float32_for_each_image_and_class(mixed, size):
  logits = mixed(images(4, size))
  assert logits.shape == (4, 10) and logits.dtype == tf.float32
  assert np.isfinite(logits).all()


def test_the_size_and_number_of_images_may_be_unknown(mixed):
  spec = [tf.TensorSpec([None, None, None, 3], tf.float32)]
  traced = tf.function(mixed, input_signature=spec)
  for size in (8, 12):
    np.testing.assert_allclose(
        traced(images(3, size)), mixed(images(3, size)), rtol=1e-4, atol=1e-5)


def test_pixels_are_normalised_inside():
  # One more of mean and twice the deviation, for pixels to match.
  plain = small_nets.narrow()
  moved = efficientnet.EfficientNet(**{
      **vars(plain), 'pixel_mean': (201.0,), 'pixel_std': (100.0,)})
  first, second = (a.build(OFF, 10) for a in (plain, moved))
  pixels = images(4, channels=1)
  np.testing.assert_allclose(
      second(2 * pixels + 1), first(pixels), rtol=1e-4, atol=1e-5)
  assert abs(second(pixels) - first(pixels)).numpy().max() > 1e-3


def test_the_layers_are_those_of_the_declaration(mixed):
  assert [b.block for b in mixed.blocks] == list(small_nets.mixed().blocks)
  steps = [[s.name for s in b.steps] for b in mixed.blocks]
  assert steps[0] == ['depthwise', 'squeeze_excite', 'project']
  assert steps[2] == ['expand', 'depthwise', 'squeeze_excite', 'project']
  assert steps[5] == ['expand', 'depthwise', 'project']
  assert steps[7] == ['fused']
  assert steps[9] == ['fused', 'squeeze_excite', 'project']
  assert steps[11] == ['fused', 'project']


def test_logits_follow_from_the_layers(mixed):
  features = (images(4) - mixed.architecture.pixel_mean)
  features = mixed.stem(features / mixed.architecture.pixel_std)
  for block in mixed.blocks:
    features = block(features)
  pooled = mixed.head(features).numpy().mean((1, 2))
  kernel, bias = mixed.classifier.get_weights()
  np.testing.assert_allclose(
      mixed(images(4)), pooled @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_normalization_is_the_architectures():
  norm = batch_norm.BatchNorm(momentum=0.5, epsilon=0.1)
  network = small_nets.mixed(normalization=norm).build(OFF, 3)
  norms = [layer.norm for layer in network._flatten_layers()
           if hasattr(layer, 'norm')]
  assert set(norms) == {norm}
  assert len(norms) == sum(v.name == 'gamma' for v in network.variables)


# A second implementation.


def values_of_their_own(network):
  """Gives the network parameters and statistics that no new one has."""
  rng = np.random.default_rng(1)
  for variable in network.variables:
    drawn = rng.uniform(0.5, 1.5, variable.shape).astype(np.float32)
    if variable.name in ('gamma', 'moving_variance'):
      variable.assign(drawn)
    elif variable.name in ('beta', 'moving_mean', 'bias'):
      variable.assign(drawn - 1)
  return network


@pytest.mark.parametrize('training, is_large', long_form.cases(
    [(False, False), (True, False), (True, True)],
    [(False, False), (True, True)]))
def test_equals_a_network_in_plain_operations(monkeypatch, training, is_large):
  if is_large:  # Small tensors take the ways of large ones.
    monkeypatch.setattr(device, '_LARGE', 1)
  network = values_of_their_own(small_nets.mixed().build(OFF, 7))
  values = plain_network.weights(network)
  pixels = images(6)

  @tf.function
  def ours():
    with tf.GradientTape() as tape:
      logits = network(pixels, training=training)
      loss = tf.reduce_sum(logits**2)
    sources = {v.path: v.value for v in network.trainable_variables}
    return logits, tape.gradient(loss, sources)

  @tf.function
  def plain(values):
    with tf.GradientTape() as tape:
      tape.watch(values)
      logits = plain_network.logits(
          network.architecture, values, pixels, training)
      loss = tf.reduce_sum(logits**2)
    return logits, tape.gradient(loss, values)

  logits, gradients = ours()
  expected, expected_gradients = plain(values)
  np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)
  assert logits.numpy().std() > 0.1
  assert len(gradients) == 117
  for path, gradient in gradients.items():
    value = expected_gradients[path].numpy()
    np.testing.assert_allclose(
        gradient, value, rtol=1e-2, err_msg=path,
        atol=1e-3 * max(abs(value).max(), 1e-2))


# Frozen blocks.


@pytest.mark.parametrize('blocks', long_form.cases([0, 1, 4, 12], [0, 4]))
def test_frozen_blocks_stay_as_they_are(blocks):
  noise = model_noise.ModelNoise(dropout=0.5, stochastic_depth=0.8)
  network = small_nets.mixed().build(noise, 10)
  assert len(network.blocks) == 12
  network.freeze(blocks)
  names = ['stem', *(f'block_{i}' for i in range(blocks))]
  is_frozen = lambda v: v.path.split('/')[1] in names
  assert {v.path for v in network.trainable_variables} == {
      v.path for v in network.variables
      if not is_frozen(v) and 'moving' not in v.path}
  before = [v.numpy() for v in network.variables]
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(
        network(images(8), training=True, noise_seed=3)**2)
  sources = network.trainable_variables
  for variable, gradient in zip(
      sources, tape.gradient(loss, [v.value for v in sources]), strict=True):
    variable.assign(variable - gradient - 0.01)
  for variable, value in zip(network.variables, before):
    same = np.array_equal(variable, value)
    assert same == is_frozen(variable), variable.path


def test_frozen_blocks_run_as_in_evaluation():
  network = values_of_their_own(narrow(stochastic_depth=0.8))
  network.freeze(4)
  pixels = images(8, channels=1)
  seen = []
  for layer in (network.blocks[3], network.head):
    layer.call = (lambda call: lambda inputs, **kwargs: (
        seen.append(inputs), call(inputs, **kwargs))[1])(layer.call)
  for training in (False, True):
    network(pixels, training=training, noise_seed=3)
  evaluated, trained = seen[:2], seen[2:]
  for first, second in zip(evaluated, trained, strict=True):
    np.testing.assert_array_equal(first, second)


def test_other_blocks_are_noisy_still():
  network = narrow(stochastic_depth=0.9)
  network.freeze(2)
  pixels = images(8, channels=1)
  call = lambda seed: network(pixels, training=True, noise_seed=seed).numpy()
  assert abs(call(1) - call(2)).max() > 1e-3


@pytest.mark.parametrize('blocks', [-1, 5, 2.0, True, None])
def test_what_cannot_be_frozen(blocks):
  with pytest.raises(ValueError) as raised:
    narrow().freeze(blocks)
  assert str(raised.value) == (
      '`blocks` should be a whole number from 0 to 4, the number of blocks, '
      f'but is {blocks!r}.')


# Weights.


def test_equal_seeds_make_equal_weights_and_others_make_others():
  first, same, other = (narrow(seed=s) for s in (3, 3, 4))
  for a, b, c in zip(first.variables, same.variables, other.variables):
    np.testing.assert_array_equal(a, b)
    if a.name == 'kernel':
      assert (a.numpy() != c.numpy()).mean() > 0.9


def test_each_kernel_has_a_seed_of_its_own():
  network = small_nets.mixed(depth=2.0).build(OFF, 10, seed=100)
  seeds = []
  for layer in network._flatten_layers():
    for name in ('kernel_initializer', 'depthwise_initializer'):
      if hasattr(layer, name) and getattr(layer, name) is not None:
        seeds.append(getattr(layer, name).seed)
  kernels = [v for v in network.variables if v.name == 'kernel']
  assert len(seeds) == len(set(seeds)) == len(kernels)


def test_layers_of_one_shape_have_different_weights():
  kernels = {}
  for variable in narrow().variables:
    if variable.name == 'kernel':
      kernels.setdefault(tuple(variable.shape), []).append(variable.numpy())
  groups = [group for group in kernels.values() if len(group) > 1]
  assert groups
  for group in groups:
    flat = np.stack([k.ravel() for k in group])
    assert len(np.unique(flat, axis=0)) == len(group)


def test_the_classifier_is_uniform_within_the_root_of_classes():
  network = small_nets.narrow().build(OFF, 100)
  kernel, bias = network.classifier.get_weights()
  # 6400 numbers in +-1/sqrt(100), whose mean square is a third of its limit's.
  assert abs(kernel).max() <= 0.1 and abs(kernel).max() > 0.099
  np.testing.assert_allclose((kernel**2).mean(), 0.01 / 3, rtol=0.06)
  assert abs(kernel.mean()) < 5 * 0.1 / 3**0.5 / 80
  assert not bias.any()


def test_variables_have_distinct_paths(mixed):
  paths = [v.path for v in mixed.variables]
  assert len(paths) == len(set(paths))
  assert paths[0] == 'network/stem/conv/kernel'
  assert paths[-1] == 'network/classifier/bias'


# Noise.


def test_inference_is_without_noise_and_changes_nothing(mixed):
  before = [v.numpy() for v in mixed.variables]
  plain = mixed(images(4))
  np.testing.assert_array_equal(
      mixed(images(4), training=False, noise_seed=5), plain)
  # Each image for itself.
  np.testing.assert_allclose(
      mixed(images(4)[1:2]), plain[1:2], rtol=1e-4, atol=1e-5)
  for variable, value in zip(mixed.variables, before):
    np.testing.assert_array_equal(variable, value)


def test_training_uses_the_statistics_of_the_batch():
  network = narrow()
  pixels = images(8, channels=1)
  before = network.stem.normalization.moving_mean.numpy()
  trained = network(pixels, training=True)
  convolved = network.stem.convolution((pixels - 100) / 50).numpy()
  np.testing.assert_allclose(
      network.stem.normalization.moving_mean,
      0.99 * before + 0.01 * convolved.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)
  assert abs(trained - network(pixels)).numpy().max() > 1e-3


def test_equal_seeds_make_equal_noise_and_others_make_others():
  network = narrow(dropout=0.5, stochastic_depth=0.5)
  pixels = images(8, channels=1)
  call = lambda seed, **kwargs: network(
      pixels, training=True, noise_seed=tf.constant(seed, tf.int64),
      **kwargs).numpy()
  np.testing.assert_array_equal(call(5), call(5))
  np.testing.assert_array_equal(call(5), call(5, first_index=0))
  assert abs(call(5) - call(6)).max() > 1e-3
  assert abs(call(5) - call(5, first_index=8)).max() > 1e-3


def test_without_noise_the_seed_is_not_needed_and_does_not_matter():
  network = narrow()
  pixels = images(4, channels=1)
  plain = network(pixels, training=True)
  np.testing.assert_array_equal(
      network(pixels, training=True, noise_seed=7, first_index=3), plain)


@pytest.mark.parametrize('rates', [(0.5, 0.2), (0.5, 0), (0, 0.2)])
def test_a_missing_seed(rates):
  network = narrow(*rates)
  noise = f'ModelNoise(dropout={rates[0]}, stochastic_depth={rates[1]})'
  with pytest.raises(ValueError) as raised:
    network(images(2, channels=1), training=True)
  # Keras says around it where it was.
  assert (f'`noise_seed` should be given when a network with {noise} is called '
          'with `training=True`.') in str(raised.value)


def test_dropout_does_not_depend_on_how_the_batch_is_split():
  # Both halves are the same images, so that their statistics are the whole's.
  network = narrow(dropout=0.5)
  half = images(4, channels=1)
  call = lambda pixels, first_index: network(
      pixels, training=True, noise_seed=9, first_index=first_index).numpy()
  whole = call(tf.concat([half, half], 0), 0)
  parts = [call(half, 0), call(half, tf.constant(4, tf.int64))]
  np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-4, atol=1e-5)
  assert abs(parts[0] - parts[1]).max() > 1e-2


def test_scales_do_not_depend_on_how_the_batch_is_split():
  network = narrow(stochastic_depth=0.8)
  block = network.blocks[3].block
  scales = lambda count, first_index: network._block_scale(
      block, network._image_seeds(tf.zeros(count), 9, first_index)).numpy()
  whole = scales(32, 0)
  assert 0 < (whole == 0).sum() < 32
  parts = [scales(5, 0), scales(20, 5), scales(7, 25)]
  np.testing.assert_array_equal(np.concatenate(parts), whole)
  np.testing.assert_array_equal(scales(32, 100)[:20], scales(120, 0)[100:])


def test_share_and_scale_of_stochastic_depth():
  network, count = narrow(stochastic_depth=0.8), 20000
  seeds = network._image_seeds(tf.zeros(count), 1, 0)
  scales = [network._block_scale(layer.block, seeds)
            for layer in network.blocks]
  # 0.8 * index / 4; the first is never skipped.
  assert scales[0] is None
  rows = np.array([scale.numpy() for scale in scales[1:]])
  for row, rate in zip(rows, (0.2, 0.4, 0.6)):
    np.testing.assert_allclose(np.unique(row), [0, 1 / (1 - rate)], rtol=1e-6)
    assert abs((row == 0).mean() - rate) < 5 * (rate / count)**0.5
    assert abs(row.mean() - 1) < 0.05
  # Blocks skip different images.
  correlation = np.corrcoef(rows) - np.eye(3)
  assert abs(correlation).max() < 5 / count**0.5


def test_only_residual_blocks_are_skipped(mixed):
  seeds = mixed._image_seeds(tf.zeros(4), 1, 0)
  for layer in mixed.blocks[1:]:
    scale = mixed._block_scale(layer.block, seeds)
    assert (scale is not None) == layer.block.is_residual
  assert [layer.block.index for layer in mixed.blocks
          if layer.block.is_residual] == [0, 1, 3, 4, 6, 7, 8, 10, 11]


def test_share_and_scale_of_dropout():
  network = narrow(dropout=0.25)
  seeds = network._image_seeds(tf.zeros(1000), 1, 0)
  features = np.linspace(1, 2, 64000, dtype=np.float32).reshape(1000, 64)
  dropped = network._dropout(tf.constant(features), seeds).numpy()
  kept = dropped != 0
  np.testing.assert_allclose(dropped[kept], (features / 0.75)[kept], rtol=1e-6)
  assert abs(kept.mean() - 0.75) < 5 * (0.75 * 0.25 / 64000)**0.5
  # Each image and each feature for itself.
  assert len(np.unique(kept, axis=0)) == 1000
  assert abs(np.corrcoef(kept.T) - np.eye(64)).max() < 6 / 1000**0.5


def test_dropout_is_independent_of_stochastic_depth():
  network = narrow(dropout=0.4, stochastic_depth=0.8)
  seeds = network._image_seeds(tf.zeros(5000), 1, 0)
  kept = network._dropout(tf.ones([5000, 64]), seeds).numpy() != 0
  for layer in network.blocks[1:]:
    skipped = network._block_scale(layer.block, seeds).numpy() == 0
    correlation = np.corrcoef(kept.T, skipped)[-1, :-1]
    assert abs(correlation).max() < 5 / 5000**0.5


# However it is run.


def training_step(network):
  """Loss and gradients of a batch, with noise."""
  def step(pixels, label, noise_seed):
    with tf.GradientTape() as tape:
      logits = network(pixels, training=True, noise_seed=noise_seed,
                       first_index=tf.constant(16, tf.int64))
      loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(
          labels=label, logits=logits))
    return logits, loss, tape.gradient(
        loss, [v.value for v in network.trainable_variables])
  return step


def test_forward_is_the_same_under_xla():
  network = small_nets.short().build(model_noise.ModelNoise(), 10)
  compiled = tf.function(network, jit_compile=True)
  np.testing.assert_allclose(
      compiled(images(4)), network(images(4)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('training', [False, True])
def test_bfloat16_inside_and_float32_outside(training):
  noise = model_noise.ModelNoise(dropout=0.5, stochastic_depth=0.5)
  exact = small_nets.mixed().build(noise, 10)
  network = small_nets.mixed().build(noise, 10, precision='mixed_bfloat16')
  for ours, theirs in zip(network.variables, exact.variables, strict=True):
    assert ours.dtype == 'float32'
    np.testing.assert_array_equal(ours, theirs)
  assert network.head(tf.zeros([1, 2, 2, 8])).dtype == tf.bfloat16
  call = lambda net: net(images(64), training=training, noise_seed=3)
  logits = call(network)
  assert logits.dtype == tf.float32
  # 8 bits of precision over some 25 layers.
  correlation = np.corrcoef(logits.numpy().ravel(), call(exact).numpy().ravel())
  assert correlation[0, 1] > 0.95
  # The logits themselves were never rounded to bfloat16.
  rounded = tf.cast(tf.cast(logits, tf.bfloat16), tf.float32)
  assert (logits != rounded).numpy().mean() > 0.9


def test_what_is_no_precision():
  with pytest.raises(ValueError) as raised:
    small_nets.narrow().build(OFF, 3, precision='bfloat16')
  assert str(raised.value) == (
      "`precision` should be one of 'float32', 'mixed_bfloat16', but is "
      "'bfloat16'.")


def test_a_bfloat16_network_trains():
  network = small_nets.narrow().build(
      model_noise.ModelNoise(dropout=0.1, stochastic_depth=0.1), 3,
      precision='mixed_bfloat16')
  pixels, label = images(16, channels=1), tf.one_hot(tf.range(16) % 3, 3)
  step = tf.function(training_step(network))
  losses = []
  for number in range(12):
    _, loss, gradients = step(pixels, label, tf.constant(number, tf.int64))
    losses.append(float(loss))
    for variable, gradient in zip(network.trainable_variables, gradients):
      assert gradient.dtype == tf.float32
      variable.assign(variable - 0.1 * gradient)
  assert losses[-1] < 0.7 * losses[0]
  assert all(v.dtype == 'float32' for v in network.variables)


def test_images_are_not_rounded_before_they_are_normalised():
  # 200 and 200.5 are one bfloat16; normalised they are 0.01 apart, near zero.
  row = small_nets.row(1, 3, 1, 1, 8)
  architecture = efficientnet.EfficientNet(
      block_groups=[row], image_size=8, stem_filters=8, head_filters=8,
      pixel_mean=(200.0,), pixel_std=(50.0,))
  network = architecture.build(OFF, 3, precision='mixed_bfloat16')
  seen = []
  call = network.stem.call
  network.stem.call = lambda inputs, **kwargs: (
      seen.append(inputs), call(inputs, **kwargs))[1]
  network(tf.fill([1, 8, 8, 1], 200.5))
  np.testing.assert_allclose(tf.cast(seen[0], tf.float32), 0.01, rtol=0.01)
