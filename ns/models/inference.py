"""Probabilities of a network, for any number of images."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ns.models import device
from ns.models import folded
from ns.models import network as network_lib

# Bytes of the largest tensor of a part of a batch, on a CPU. The C library maps
# tensors beyond some 32 MB from the system anew each time, whose clearing costs
# more than their arithmetic; in smaller parts the late layers have too little to
# do. The best of the powers of 2, for B0 at 224 pixels (docs/model_speed.md).
_LARGEST_TENSOR = 40_000_000


def predictor(network, precision: str = 'float32'
              ) -> Callable[[np.ndarray], np.ndarray]:
  """A function from images to the network's probabilities, without noise.

  A network of this library runs with the weights that it has now, folded
  (`ns.models.folded`), and on a CPU in parts of a batch that suit its memory.
  Any other one is called as it is.

  Args:
    network: called as `ns.models.network.Network` is.
    precision: what the convolutions compute in, 'float32' or 'mixed_bfloat16';
      other networks than this library's have a precision of their own, and
      take 'float32' only.

  Returns:
    A function of images [batch, height, width, channels] uint8 that gives
    [batch, classes] float32. Each size of a batch, or a part, is traced once.
  """
  is_ours = type(network) is network_lib.Network
  precisions = network_lib.PRECISIONS if is_ours else ('float32',)
  if precision not in precisions:
    raise ValueError(
        f'`precision` should be one of {", ".join(map(repr, precisions))} for '
        f'a {type(network).__name__}, but is {precision!r}.')
  dtype = tf.float32 if precision == 'float32' else tf.bfloat16
  logits = (folded.logits(network, dtype) if is_ours else
            lambda images: network(tf.cast(images, tf.float32), training=False))

  @tf.function(autograph=False)
  def probabilities(images):
    return tf.nn.softmax(logits(images))

  def predict(images):
    images = np.asarray(images)
    if not len(images):  # Not every kernel takes no image at all.
      return predict(np.zeros([1, *images.shape[1:]], images.dtype))[:0]
    size = len(images)
    if is_ours and device.is_cpu():
      size = _part(network.architecture, images.shape[1:3], dtype.size)
    parts = [images[first:first + size]
             for first in range(0, len(images), size)]
    return np.concatenate([probabilities(part).numpy() for part in parts])

  return predict


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
