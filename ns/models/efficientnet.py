"""EfficientNet as a declaration: what the network is, free of TensorFlow.

An `EfficientNet` is a stem, a sequence of block groups, a head, and two
coefficients that scale them (arXiv 1905.11946). `build` makes the Keras model
(`ns.models.network`), `blocks` lists its blocks after scaling, from which the
costs are computed in closed form (`ns.models.cost`). Whole families are rows of
constants in `gin/models/`.
"""

from collections.abc import Mapping
import dataclasses

from ns.core import checks
from ns.models import batch_norm
from ns.models import scaling
from ns.noise import model_noise as model_noise_lib

# Of ImageNet, as the reference normalises (noisystudent, task_info.py).
_IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_IMAGENET_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockGroup:
  """Equal blocks in a row; the first one has the stride and widens.

  Attributes:
    repeats: number of blocks before depth scaling.
    kernel: side of the spatial kernel.
    stride: stride of the first block.
    expansion: hidden filters of a block, as a multiple of its input filters.
    filters: output filters before width scaling.
    squeeze_excite: squeezed filters as a share of the block's input filters; 0
      for no squeeze and excitation.
    fused: one full convolution expands and looks around, in place of a 1x1
      expansion and a depthwise one. Many more multiplications and, in the early
      layers of a small network on a CPU, several times faster. Without
      expansion the block is that one convolution alone, and has no squeeze and
      excitation.
  """
  repeats: int
  kernel: int
  stride: int
  expansion: int
  filters: int
  squeeze_excite: float = 0.25
  fused: bool = False

  def __post_init__(self):
    for name in ('repeats', 'kernel', 'expansion', 'filters'):
      checks.integer(self, name, at_least=1)
    checks.one_of(self, 'stride', (1, 2))
    checks.number(self, 'squeeze_excite', at_least=0, at_most=1)
    checks.one_of(self, 'fused', (False, True))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Block:
  """One block after scaling; attributes as in `BlockGroup`.

  Attributes:
    index: from 0, over the whole network.
    squeezed_filters: filters inside squeeze and excitation, 0 for none.
  """
  index: int
  kernel: int
  stride: int
  expansion: int
  input_filters: int
  filters: int
  squeezed_filters: int
  fused: bool

  @property
  def hidden_filters(self) -> int:
    return self.input_filters * self.expansion

  @property
  def is_residual(self) -> bool:
    """Whether the input is added to the output, which may drop the block."""
    return self.stride == 1 and self.input_filters == self.filters


def _row(*values) -> BlockGroup:
  repeats, kernel, stride, expansion, filters = values
  return BlockGroup(repeats=repeats, kernel=kernel, stride=stride,
                    expansion=expansion, filters=filters)


# The reference's efficientnet_builder.py; arXiv 1905.11946, table 1.
B0_GROUPS = (
    _row(1, 3, 1, 1, 16), _row(2, 3, 2, 6, 24), _row(2, 5, 2, 6, 40),
    _row(3, 3, 2, 6, 80), _row(3, 5, 1, 6, 112), _row(4, 5, 2, 6, 192),
    _row(1, 3, 1, 6, 320))


@dataclasses.dataclass(frozen=True, kw_only=True)
class EfficientNet:
  """A network of the EfficientNet kind.

  Attributes:
    width: coefficient of all filters.
    depth: coefficient of all repeats.
    image_size: side of the images it is meant for, in pixels.
    block_groups: `BlockGroup`s, or mappings of their fields (as gin files
      write them).
    stem_filters: filters of the first convolution, before scaling.
    stem_stride: its stride.
    head_filters: filters of the last, 1x1 convolution, before scaling.
    small_images: the form for images of some 32 pixels, such as SVHN's and
      CIFAR's: the second and third groups keep stride 1 (the reference's
      efficientnet_builder.py, `small_image_model`).
    normalization: the batch normalisation after each convolution.
    pixel_mean: mean of each channel over the data, in [0, 255]. Its length is
      the number of channels.
    pixel_std: standard deviation of each channel, in [0, 255].
  """
  width: float = 1.0
  depth: float = 1.0
  image_size: int = 224
  block_groups: tuple[BlockGroup, ...] = B0_GROUPS
  stem_filters: int = 32
  stem_stride: int = 2
  head_filters: int = 1280
  small_images: bool = False
  normalization: batch_norm.BatchNorm = batch_norm.BatchNorm()
  pixel_mean: tuple[float, ...] = _IMAGENET_MEAN
  pixel_std: tuple[float, ...] = _IMAGENET_STD

  def __post_init__(self):
    checks.number(self, 'width', above=0)
    checks.number(self, 'depth', above=0)
    for name in ('image_size', 'stem_filters', 'head_filters'):
      checks.integer(self, name, at_least=1)
    checks.one_of(self, 'stem_stride', (1, 2))
    checks.one_of(self, 'small_images', (False, True))
    for name in ('block_groups', 'pixel_mean', 'pixel_std'):
      checks.instance(self, name, list, tuple)
    checks.instance(self, 'normalization', batch_norm.BatchNorm)
    set_field = lambda name, value: object.__setattr__(self, name, value)
    set_field('block_groups', tuple(map(_block_group, self.block_groups)))
    for name in ('pixel_mean', 'pixel_std'):
      set_field(name, tuple(map(float, getattr(self, name))))
    if not self.block_groups:
      raise ValueError('`EfficientNet.block_groups` should have at least one '
                       'group, but is empty.')
    if not self.pixel_mean:
      raise ValueError('`EfficientNet.pixel_mean` should have one number for '
                       'each channel, but is empty.')
    if (len(self.pixel_mean) != len(self.pixel_std)
        or not all(std > 0 for std in self.pixel_std)):
      raise ValueError(
          '`EfficientNet.pixel_std` should have one positive number for each '
          f'of the {len(self.pixel_mean)} of `pixel_mean`, but is '
          f'{self.pixel_std}.')

  @property
  def channels(self) -> int:
    return len(self.pixel_mean)

  @property
  def scaled_stem_filters(self) -> int:
    return scaling.round_filters(self.stem_filters, self.width)

  @property
  def scaled_head_filters(self) -> int:
    return scaling.round_filters(self.head_filters, self.width)

  @property
  def blocks(self) -> tuple[Block, ...]:
    """All blocks, in order, after scaling."""
    blocks = []
    filters = self.scaled_stem_filters
    for number, group in enumerate(self.block_groups):
      stride = 1 if self.small_images and number in (1, 2) else group.stride
      output = scaling.round_filters(group.filters, self.width)
      for repeat in range(scaling.round_repeats(group.repeats, self.depth)):
        single = group.fused and group.expansion == 1
        squeezed = (max(1, int(filters * group.squeeze_excite))
                    if group.squeeze_excite and not single else 0)
        blocks.append(Block(
            index=len(blocks), kernel=group.kernel,
            stride=stride if repeat == 0 else 1,
            expansion=group.expansion, input_filters=filters, filters=output,
            squeezed_filters=squeezed, fused=group.fused))
        filters = output
    return tuple(blocks)

  def build(self, model_noise: model_noise_lib.ModelNoise, classes: int,
            image_size: int | None = None, seed: int = 0,
            precision: str = 'float32'):
    """The Keras model, with new weights.

    Args:
      model_noise: dropout and stochastic depth in training.
      classes: number of classes.
      image_size: side of the images, in pixels; `self.image_size` if None.
      seed: of the new weights, in [0, 2**31).
      precision: what the convolutions compute in: 'float32', or
        'mixed_bfloat16' for bfloat16 with float32 variables, statistics of
        normalisation, pooled features and logits.

    Returns:
      A model called as (images: [batch, height, width, channels] float32 in
      [0, 255], training: bool, noise_seed: [] int64, first_index: [] int64),
      giving logits [batch, classes] float32.
    """
    from ns.models import network  # TensorFlow: only where it is needed.
    return network.Network(self, model_noise, classes,
                           image_size or self.image_size, seed, precision)


def _block_group(row: BlockGroup | Mapping) -> BlockGroup:
  if isinstance(row, BlockGroup):
    return row
  if not isinstance(row, Mapping):
    raise TypeError('`EfficientNet.block_groups` should be of `BlockGroup` or '
                    f'mappings of its fields, but has {row!r}.')
  names = {field.name for field in dataclasses.fields(BlockGroup)}
  for name in row:
    if name not in names:
      raise ValueError(
          f'`EfficientNet.block_groups` has a row with `{name}`; the fields of '
          f'a row are {", ".join(f"`{n}`" for n in sorted(names))}.')
  try:
    return BlockGroup(**row)
  except TypeError as error:
    raise TypeError('`EfficientNet.block_groups` has an incomplete row '
                    f'{dict(row)}: {error}.') from error
