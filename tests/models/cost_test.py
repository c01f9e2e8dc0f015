"""Costs against published numbers, by hand, and against built networks."""

import keras
import pytest

from ns.models import cost
from ns.models import efficientnet
from ns.noise import model_noise
from tests.models import small_nets

# Width, depth and trainable parameters for 1000 classes of the released
# networks (timm's param_count of their ports says the same); then an image size
# and the multiply-adds there in thousand millions, as torchvision counts them
# for its ports (its models/efficientnet.py, `_ops`).
PUBLISHED = {
    'b0': (1.0, 1.0, 5288548, 224, 0.386),
    'b1': (1.0, 1.1, 7794184, 240, 0.687),
    'b2': (1.1, 1.2, 9109994, 288, 1.088),
    'b3': (1.2, 1.4, 12233232, 300, 1.827),
    'b4': (1.4, 1.8, 19341616, 380, 4.394),
    'b5': (1.6, 2.2, 30389784, 456, 10.266),
    'b6': (1.8, 2.6, 43040704, 528, 19.068),
    'b7': (2.0, 3.1, 66347960, 600, 37.746),
    'b8': (2.2, 3.6, 87413142, None, None),
    'l2': (4.3, 5.3, 480309308, None, None),
}


@pytest.mark.parametrize('name', PUBLISHED)
def test_the_published_family(name):
  width, depth, parameters, size, billions = PUBLISHED[name]
  architecture = efficientnet.EfficientNet(width=width, depth=depth)
  made = cost.of(architecture, 1000, size)
  assert made.parameters == parameters
  if billions:
    assert round(made.multiply_adds / 1e9, 3) == billions


def test_a_network_worked_by_hand():
  network = efficientnet.EfficientNet(
      image_size=9, stem_filters=4, stem_stride=2, head_filters=10,
      pixel_mean=(0,), pixel_std=(1,), block_groups=[
          small_nets.row(1, 3, 2, 2, 6, squeeze_excite=0.5),
          small_nets.row(1, 3, 1, 1, 8, fused=True)])
  made = cost.of(network, classes=3)
  # Filters' weights, and two of normalisation each; sides 5, then 3.
  stem = 3 * 3 * 1 * 4 + 8
  expand = 4 * 8 + 16
  depthwise = 3 * 3 * 8 + 16
  squeeze_excite = (8 * 2 + 2) + (2 * 8 + 8)
  project = 8 * 6 + 12
  fused = 3 * 3 * 6 * 8 + 16
  head = 8 * 10 + 20
  classifier = 10 * 3 + 3
  assert made.parameters == (stem + expand + depthwise + squeeze_excite +
                             project + fused + head + classifier)
  assert made.multiply_adds == (
      25 * 36 + 25 * 32 + 9 * 72 + 32 + 9 * 48 + 9 * 432 + 9 * 80 + 30)


def test_the_size_may_be_another():
  network = small_nets.mixed()
  assert cost.of(network, 10) == cost.of(network, 10, image_size=8)
  larger = cost.of(network, 10, image_size=16)
  assert larger.parameters == cost.of(network, 10).parameters
  assert larger.multiply_adds > 3 * cost.of(network, 10).multiply_adds


def test_a_multiply_add_is_two_operations():
  made = cost.Cost(parameters=1, multiply_adds=21)
  assert made.flops == 42
  assert made.training_flops == 126


def test_frozen_layers_have_no_backward_pass():
  network = efficientnet.EfficientNet(
      image_size=9, stem_filters=4, stem_stride=2, head_filters=10,
      pixel_mean=(0,), pixel_std=(1,), block_groups=[
          small_nets.row(1, 3, 2, 2, 6, squeeze_excite=0.5),
          small_nets.row(1, 3, 1, 1, 8, fused=True)])
  stem, first = 25 * 36, 25 * 32 + 9 * 72 + 32 + 9 * 48
  rest = 9 * 432 + 9 * 80 + 30
  for blocks, frozen in (None, 0), (0, stem), (1, stem + first):
    made = cost.of(network, classes=3, frozen_blocks=blocks)
    assert made.frozen_multiply_adds == frozen
    assert made.training_flops == 2 * frozen + 6 * (
        stem + first + rest - frozen)


@pytest.mark.parametrize('frozen', [0, 1, 5, 12, 99])
def test_parameters_that_are_not_trained_are_not_counted(frozen):
  architecture = small_nets.mixed()
  network = architecture.build(model_noise.ModelNoise(), 7)
  layers = [network.stem, *network.blocks[:frozen]]
  out = sum(v.value.shape.num_elements() for layer in layers
            for v in layer.trainable_variables)
  whole = cost.of(architecture, 7)
  made = cost.of(architecture, 7, frozen_blocks=frozen)
  assert made.parameters == whole.parameters - out
  assert made.multiply_adds == whole.multiply_adds


def products(network, size):
  """Multiplications of the built layers, from the shapes of what they give."""
  count = 0

  def follow(layer, shape):
    nonlocal count
    if isinstance(layer, keras.layers.Dense):
      count += layer.kernel.shape[0] * layer.kernel.shape[1]
      return shape
    out = layer.convolution.compute_output_shape(shape)
    kernel = layer.convolution.kernel.shape  # [height, width, inputs, filters]
    count += out[1] * out[2] * kernel[0] * kernel[1] * kernel[2] * kernel[3]
    return out

  shape = follow(network.stem, (1, size, size, network.architecture.channels))
  for block in network.blocks:
    for step in block.steps:
      if hasattr(step, 'convolution'):
        shape = follow(step, shape)
      else:
        follow(step.reduce, shape)
        follow(step.expand, shape)
  follow(network.head, shape)
  follow(network.classifier, shape)
  return count


@pytest.mark.parametrize('size', [8, 13])
@pytest.mark.parametrize('fields', [
    {}, {'stem_stride': 2}, {'width': 1.3, 'depth': 1.5},
    {'pixel_mean': (9,), 'pixel_std': (9,)}])
def test_equals_what_keras_builds(fields, size):
  architecture = small_nets.mixed(**fields)
  network = architecture.build(model_noise.ModelNoise(), 7, size)
  made = cost.of(architecture, 7, size)
  assert made.parameters == sum(
      v.value.shape.num_elements() for v in network.trainable_variables)
  assert made.multiply_adds == products(network, size)
