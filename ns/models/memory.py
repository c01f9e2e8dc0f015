"""Memory that a network takes in training and in inference, in closed form.

A plan says it without TensorFlow, before anything is built. The figures are
those of one replica on a CPU, where everything is in the host's memory; only
the buffers of the input pipeline are left out, since they belong to the
mixture.

In training, the forward pass keeps for the backward pass (`ns.models.blocks`)
the output of each convolution, for the gradient of its normalisation; where it
is activated, the normalised output too, for the gradient of swish; and what the
next convolution reads. TensorFlow's allocator does not give back what it has
had, so what counts is the largest moment: the end of the forward pass. In
inference it is the one convolution that reads and writes most; on a CPU a batch
goes through it in parts (`ns.models.inference`), and the folded weights are
constants of the graph, of which TensorFlow makes many copies when it optimises
it (`ns.models.folded`).

The constants were measured with TensorFlow 2.20 on x86-64;
`tests/models/memory_test.py` holds the sums to within 20 % of what a process
takes.
"""

from collections.abc import Iterator
import dataclasses
from typing import NamedTuple

from ns.core import table
from ns.models import cost
from ns.models import efficientnet

# Bytes of a number in what the convolutions compute in.
_BYTES = {'float32': 4, 'mixed_bfloat16': 2}
_MEGA = 1e6

# A process that has imported TensorFlow and this library; and what tracing and
# compiling kernels add, in all and for each convolution and dense layer.
_LIBRARIES = 750 * _MEGA
_TRAINING, _TRAINING_LAYER = 30 * _MEGA, 4.4 * _MEGA
_INFERENCE, _INFERENCE_LAYER = 20 * _MEGA, 0.2 * _MEGA
# Copies of weights that are constants; larger ones are not, and have one copy.
_CONSTANT_COPIES, _MOST_CONSTANTS = 17, 2**25
# Bytes of the largest tensor of a part of a batch on a CPU.
_LARGEST_TENSOR = 40_000_000
# Copies of an activated output while it is made: of the convolution, of the
# normalisation, of the sigmoid.
_LIVE = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memory:
  """Bytes of one replica, by what they are for.

  Attributes:
    parameters: the network's variables, moving statistics too.
    average: their moving average.
    optimizer: its slots.
    gradients: of the trained variables.
    teacher: the variables of a network that labels in the step.
    activations: of a batch.
    program: Python, TensorFlow and the traced functions; on the host, whatever
      the device.
    batch_size: images in the batch.
  """
  parameters: int
  average: int = 0
  optimizer: int = 0
  gradients: int = 0
  teacher: int = 0
  activations: int
  program: int
  batch_size: int

  @property
  def on_device(self) -> int:
    """All but the program: what an accelerator's memory has to hold."""
    return (self.parameters + self.average + self.optimizer + self.gradients
            + self.teacher + self.activations)

  @property
  def total(self) -> int:
    """With the program: what the host's memory has to hold on a CPU."""
    return self.on_device + self.program

  def warning(self, available_bytes: int | None,
              on_host: bool = True) -> str | None:
    """A sentence if this is more than there is, else None.

    Args:
      available_bytes: of the device; None if that is not known.
      on_host: whether the device is the host, which holds the program too.
    """
    needed = self.total if on_host else self.on_device
    if available_bytes is None or needed <= available_bytes:
      return None
    where = 'the host' if on_host else 'the device'
    return (f'about {table.size(needed)} of memory should be there, but '
            f'{where} has {table.size(available_bytes)}; '
            f'{table.size(self.activations)} are for a batch of '
            f'{self.batch_size:,} images, so make that smaller.')


def of(architecture: efficientnet.EfficientNet, classes: int,
       image_size: int | None = None, *, batch_size: int,
       optimizer_slots: int = 1, precision: str = 'float32',
       frozen_blocks: int | None = None) -> Memory:
  """The memory of one replica in training.

  Args:
    architecture: the network.
    classes: number of classes.
    image_size: in pixels; the architecture's own if None.
    batch_size: images that one replica takes in a step.
    optimizer_slots: variables that the optimizer keeps for each trained one.
    precision: what the convolutions compute in: 'float32' or 'mixed_bfloat16'.
    frozen_blocks: as of `ns.models.cost.of`; frozen ones keep nothing.

  Raises:
    ValueError: another precision.
  """
  size = image_size or architecture.image_size
  number = _bytes(precision)
  convolutions = tuple(_convolutions(architecture, size))
  variables = _variables(architecture, classes, convolutions)
  trained = cost.of(architecture, classes, size, frozen_blocks).parameters
  # The images as bytes, as float32 and normalised; of the head, only the mean
  # is kept of what comes after swish.
  first = -1 if frozen_blocks is None else frozen_blocks
  kept = [c.kept for c in convolutions if c.block >= first]
  activations = (1 + 4 + number) * size**2 * architecture.channels
  activations += number * (sum(kept) - convolutions[-1].outputs)
  if frozen_blocks is not None:
    activations = max(activations, number * _live(convolutions))
  # Kernels of lower precision are copies, made anew in each step.
  gradients = (4 + number % 4) * trained
  return Memory(
      parameters=variables, average=variables,
      optimizer=4 * trained * optimizer_slots, gradients=gradients,
      activations=batch_size * activations, batch_size=batch_size,
      program=_program(_TRAINING, _TRAINING_LAYER, architecture, convolutions))


def in_inference(architecture: efficientnet.EfficientNet, classes: int,
                 image_size: int | None = None, *, batch_size: int,
                 precision: str = 'float32', on_cpu: bool = True) -> Memory:
  """The memory of one replica that labels or evaluates.

  Args:
    architecture, classes, image_size, precision: as of `of`.
    batch_size: images in a call of the predictor.
    on_cpu: whether it takes them in parts.

  Raises:
    ValueError: another precision.
  """
  size = image_size or architecture.image_size
  number = _bytes(precision)
  convolutions = tuple(_convolutions(architecture, size))
  images = batch_size
  if on_cpu:
    largest = number * max(c.outputs for c in convolutions)
    part = max(_LARGEST_TENSOR // largest, 1)
    images = min(images, 2**(part.bit_length() - 1))
  pixels = size**2 * architecture.channels
  variables = _variables(architecture, classes, convolutions)
  copies = _CONSTANT_COPIES if variables <= _MOST_CONSTANTS else 1
  return Memory(
      parameters=variables,
      activations=batch_size * pixels + images * (
          number * _live(convolutions) + 4 * pixels),
      batch_size=batch_size,
      program=copies * variables + _program(
          _INFERENCE, _INFERENCE_LAYER, architecture, convolutions))


def _live(convolutions) -> int:
  """The most numbers that are there at once when nothing is kept."""
  return max(c.inputs + (_LIVE if c.is_activated else 2) * c.outputs
             for c in convolutions)


def _variables(architecture, classes: int, convolutions) -> int:
  """Bytes of all of them; normalisation has two statistics a filter."""
  return 4 * (cost.of(architecture, classes).parameters
              + sum(2 * c.filters for c in convolutions))


def _program(traced, a_layer, architecture, convolutions) -> int:
  dense = 1 + sum(2 for b in architecture.blocks if b.squeezed_filters)
  return int(_LIBRARIES + traced + a_layer * (len(convolutions) + dense))


def _bytes(precision: str) -> int:
  if precision not in _BYTES:
    names = ' or '.join(map(repr, _BYTES))
    raise ValueError(f'`precision` should be {names}, but is {precision!r}.')
  return _BYTES[precision]


class _Convolution(NamedTuple):
  """One of a network, with its normalisation.

  Attributes:
    block: index of the block it is in; -1 for the stem.
    inputs: numbers that it reads for one image.
    outputs: numbers that it gives.
    filters: of it.
    is_activated: whether swish comes after it.
    is_squeezed: whether squeeze and excitation come after that.
    is_scaled: whether stochastic depth scales what it gives.
  """
  block: int
  inputs: int
  outputs: int
  filters: int
  is_activated: bool = True
  is_squeezed: bool = False
  is_scaled: bool = False

  @property
  def kept(self) -> int:
    """Numbers kept for the backward pass, before, between and after these."""
    return self.outputs * (2 + self.is_activated + self.is_squeezed
                           + self.is_scaled)


def _convolutions(architecture, size: int) -> Iterator[_Convolution]:
  """Those of the stem, the blocks and the head, for images of side `size`."""
  inputs = size**2 * architecture.channels
  side = -(-size // architecture.stem_stride)

  def after(block, filters, **kind):
    nonlocal inputs
    made = _Convolution(block, inputs, side**2 * filters, filters, **kind)
    inputs = made.outputs
    return made

  yield after(-1, architecture.scaled_stem_filters)
  for block in architecture.blocks:
    is_single = block.fused and block.expansion == 1
    if not block.fused and block.expansion != 1:
      yield after(block.index, block.hidden_filters)
    side = -(-side // block.stride)
    yield after(
        block.index, block.filters if is_single else block.hidden_filters,
        is_squeezed=bool(block.squeezed_filters),
        is_scaled=is_single and block.is_residual)
    if not is_single:
      yield after(block.index, block.filters, is_activated=False,
                  is_scaled=block.is_residual)
  yield after(block.index + 1, architecture.scaled_head_filters)
