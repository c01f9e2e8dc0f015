"""Probabilities of a network, for any number of images."""

from collections.abc import Callable
import contextlib
import functools

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
  Where there are several replicas, each has as many images of it.
  """

  def __init__(self, logits: Callable[[tf.Tensor], tf.Tensor],
               part: Callable[[np.ndarray], int], strategy=None):
    self._part = part
    self._strategy = strategy
    self._logits = self._compiled(logits)
    self._probabilities = self._compiled(
        lambda images: tf.nn.softmax(logits(images)))

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
    size = self._part(images) * self._replicas
    return np.concatenate([function(images[first:first + size])
                           for first in range(0, len(images), size)])

  @property
  def _replicas(self) -> int:
    return self._strategy.num_replicas_in_sync if self._strategy else 1

  def _compiled(self, function):
    """`function` of tensors as one of arrays, on all replicas."""
    if self._strategy is None:
      compiled = tf.function(function, autograph=False)
      return lambda images: compiled(images).numpy()

    @functools.partial(tf.function, autograph=False)
    def on_replicas(parts):
      return self._strategy.run(function, args=(parts,))

    def call(images):
      padding = -len(images) % self._replicas
      # Of the last image: no replica may be without one.
      images = np.concatenate([images, images[-1:].repeat(padding, axis=0)])
      split = iter(np.split(images, self._replicas))
      parts = self._strategy.experimental_distribute_values_from_function(
          lambda context: tf.constant(next(split)))
      answers = self._strategy.experimental_local_results(on_replicas(parts))
      return np.concatenate(
          [answer.numpy() for answer in answers])[:len(images) - padding]

    return call


def predictor(network, precision: str = 'float32',
              strategy: tf.distribute.Strategy | None = None, *,
              is_trained: bool = True) -> Predictor:
  """A function from images to the network's probabilities, without noise.

  A network of this library runs with the weights that it has now, folded
  (`ns.models.folded`), and on a CPU in parts of a batch that suit its memory.
  Any other one is called as it is.

  Args:
    network: called as `ns.models.network.Network` is.
    precision: what the convolutions compute in, 'float32' or 'mixed_bfloat16';
      other networks than this library's have a precision of their own, and
      take 'float32' only.
    strategy: of one host, whose replicas share the images; None for one device,
      the first.
    is_trained: whether the weights stay as they are. If not, each call takes
      those of its time, and nothing is folded; that is on one device.
  """
  is_ours = type(network) is network_lib.Network
  precisions = network_lib.PRECISIONS if is_ours else ('float32',)
  if precision not in precisions:
    raise ValueError(
        f'`precision` should be one of {", ".join(map(repr, precisions))} for '
        f'a {type(network).__name__}, but is {precision!r}.')
  dtype = tf.float32 if precision == 'float32' else tf.bfloat16
  part = len
  if is_ours and device.is_cpu():
    part = lambda images: _part(network.architecture, images.shape[1:3],
                                dtype.size)
  if not is_ours or not is_trained:
    return Predictor(
        lambda images: network(tf.cast(images, tf.float32), training=False),
        part, strategy)
  with strategy.scope() if strategy else contextlib.nullcontext():
    return Predictor(folded.logits(network, dtype), part, strategy)


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
