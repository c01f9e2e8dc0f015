"""Parameters and multiplications of an EfficientNet, in closed form.

A plan needs them without building the network, which takes TensorFlow and, for
the largest models, gigabytes.
"""

import dataclasses

from ns.models import efficientnet


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
  """Of one network.

  Attributes:
    parameters: trainable ones.
    multiply_adds: of convolutions and dense layers for one image, forward.
    frozen_multiply_adds: those of them whose layers are not trained.
  """
  parameters: int
  multiply_adds: int
  frozen_multiply_adds: int = 0

  @property
  def flops(self) -> int:
    """Floating point operations for one image, forward.

    Two a multiply-add. The papers' tables say FLOPS and mean multiply-adds.
    """
    return 2 * self.multiply_adds

  @property
  def training_flops(self) -> int:
    """Those for one image in training: forward and backward.

    Backward takes two products for each of the forward pass, one for the
    gradient of what a layer reads and one for that of its weights; frozen
    layers, which are the first ones, take neither.
    """
    return 3 * self.flops - 2 * 2 * self.frozen_multiply_adds


def of(architecture: efficientnet.EfficientNet, classes: int,
       image_size: int | None = None,
       frozen_blocks: int | None = None) -> Cost:
  """The cost of `architecture` for images of side `image_size`.

  Args:
    architecture: the network.
    classes: number of classes.
    image_size: in pixels; the architecture's own if None.
    frozen_blocks: the stem and so many first blocks are not trained, so their
      parameters not counted; None freezes nothing, 0 the stem alone.
  """
  side = -(-(image_size or architecture.image_size) // architecture.stem_stride)
  stem = architecture.scaled_stem_filters
  head = architecture.scaled_head_filters
  parts = [_convolution(9 * architecture.channels, stem, side)]
  frozen = [] if frozen_blocks is None else list(parts)
  for block in architecture.blocks:
    own = tuple(_block(block, side))
    if frozen_blocks is not None and block.index < frozen_blocks:
      frozen.extend(own)
    parts.extend(own)
    side = -(-side // block.stride)
  parts.append(_convolution(block.filters, head, side))
  parts.append((head * classes + classes, head * classes))
  parameters, multiply_adds = map(sum, zip(*parts))
  return Cost(
      parameters=parameters - sum(part[0] for part in frozen),
      multiply_adds=multiply_adds,
      frozen_multiply_adds=sum(part[1] for part in frozen))


def _convolution(inputs: int, filters: int, side: int) -> tuple[int, int]:
  """With its normalisation; `inputs`: products summed for one output value."""
  return inputs * filters + 2 * filters, inputs * filters * side * side


def _block(block: efficientnet.Block, side: int):
  """The parts of one block on images of side `side`."""
  out = -(-side // block.stride)
  hidden, area = block.hidden_filters, block.kernel**2
  if block.fused:
    if block.expansion == 1:
      yield _convolution(area * block.input_filters, block.filters, out)
      return
    yield _convolution(area * block.input_filters, hidden, out)
  else:
    if block.expansion != 1:
      yield _convolution(block.input_filters, hidden, side)
    yield _convolution(area, hidden, out)
  if block.squeezed_filters:
    weights = 2 * hidden * block.squeezed_filters
    yield weights + hidden + block.squeezed_filters, weights
  yield _convolution(hidden, block.filters, out)
