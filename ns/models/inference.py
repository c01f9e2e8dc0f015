"""Probabilities of a network, for any number of images."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ns.models import device
from ns.models import folded
from ns.models import network as network_lib

# Bytes of the largest tensor of a part of a batch, on a CPU. The C library maps
# tensors beyond some 32 MB from the system anew each time, whose clearing costs
# more than their arithmetic; in smaller parts the late layers have too little
# to do. The best power of 2 for B0 at 224 pixels (docs/model_speed.md).
_LARGEST_TENSOR = 40_000_000


class Predictor:
  """Probabilities of a network; made by `predictor`.

  It is called with images [batch, height, width, channels] uint8 and gives
  [batch, classes] float32. Each size of a batch, or a part, is traced once.
  """

  def __init__(self, logits: Callable[[tf.Tensor], tf.Tensor],
               part: Callable[[np.ndarray], int]):
    self._part = part
    self._logits = tf.function(logits, autograph=False)
    self._probabilities = tf.function(
        lambda images: tf.nn.softmax(logits(images)), autograph=False)

  def __call__(self, images: np.ndarray) -> np.ndarray:
    return self._in_parts(self._probabilities, images)

  def logits(self, images: np.ndarray) -> np.ndarray:
    """What the probabilities are the softmax of, of the same shape."""
    return self._in_parts(self._logits, images)

  def _in_parts(self, function, images) -> np.ndarray:
    images = np.asarray(images)
    if not len(images):  # Not every kernel takes no image at all.
      one = np.zeros([1, *images.shape[1:]], images.dtype)
      return self._in_parts(function, one)[:0]
    size = self._part(images)
    return np.concatenate([function(images[first:first + size]).numpy()
                           for first in range(0, len(images), size)])


def predictor(network, precision: str = 'float32') -> Predictor:
  """A function from images to the network's probabilities, without noise.

  A network of this library runs with the weights that it has now, folded
  (`ns.models.folded`), and on a CPU in parts of a batch that suit its memory.
  Any other one is called as it is.

  Args:
    network: called as `ns.models.network.Network` is.
    precision: what the convolutions compute in, 'float32' or 'mixed_bfloat16';
      other networks than this library's have a precision of their own, and
      take 'float32' only.
  """
  is_ours = type(network) is network_lib.Network
  precisions = network_lib.PRECISIONS if is_ours else ('float32',)
  if precision not in precisions:
    raise ValueError(
        f'`precision` should be one of {", ".join(map(repr, precisions))} for '
        f'a {type(network).__name__}, but is {precision!r}.')
  if not is_ours:
    return Predictor(
        lambda images: network(tf.cast(images, tf.float32), training=False),
        len)
  dtype = tf.float32 if precision == 'float32' else tf.bfloat16
  part = len
  if device.is_cpu():
    part = lambda images: _part(network.architecture, images.shape[1:3],
                                dtype.size)
  return Predictor(folded.logits(network, dtype), part)


def _part(architecture, image_size, bytes_of_number: int) -> int:
  """Images whose largest tensor suits the memory: a power of 2, at least 1."""
  shrunk = lambda size, stride: [-(-side // stride) for side in size]
  size = shrunk(image_size, architecture.stem_stride)
  tensors = [(size, architecture.scaled_stem_filters)]
  for block in architecture.blocks:
    # The first convolution of a fused block has its stride.
    size, before = shrunk(size, block.stride), size
    tensors.append((size if block.fused else before, block.hidden_filters))
    tensors.append((size, block.filters))
  tensors.append((size, architecture.scaled_head_filters))
  largest = max(height * width * filters
                for (height, width), filters in tensors)
  images = _LARGEST_TENSOR // (largest * bytes_of_number)
  return 2**(max(images, 1).bit_length() - 1)
