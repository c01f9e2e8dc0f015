"""What tells that weights are right: their number, and what they predict."""

import hashlib
from typing import Any

import numpy as np

from ns.core import errors
from ns.models import inference

_TOP = 5


def image(size: int, channels: int) -> np.ndarray:
  """The same image wherever it is made: circles on a slope of colours.

  Args:
    size: its side, in pixels.
    channels: each has another slope.

  Returns:
    [size, size, channels] uint8.
  """
  row, column = np.mgrid[:size, :size] * 224 // size
  distance = (row - 112)**2 + (column - 112)**2
  layers = [(row * (channel + 1) + column * (3 - channel)) // 2
            + 64 * (distance // 1600 % 2) for channel in range(channels)]
  return (np.stack(layers, -1) % 256).astype(np.uint8)


def of(network, pixels: np.ndarray) -> dict[str, Any]:
  """What a network says of one image.

  Args:
    network: called as `ns.models.network.Network` is.
    pixels: [size, size, channels] uint8.

  Returns:
    `top`: the five likeliest classes with their probabilities, to six digits;
    `logits`: the SHA-256 of the logits' bytes, which is the same on the same
    machine and TensorFlow, and differs elsewhere by rounding.

  Raises:
    RunError: the logits are not all finite, or all the same.
  """
  logits = np.asarray(
      network(pixels[np.newaxis].astype(np.float32), training=False))[0]
  if not np.isfinite(logits).all() or np.ptp(logits) == 0:
    raise errors.RunError(
        'The weights should give a probe image logits that are finite and '
        f'differ, but the first are {logits[:_TOP].tolist()}; they are not '
        'those of a trained network.')
  probabilities = inference.predictor(network)(pixels[np.newaxis])[0]
  top = np.argsort(-probabilities, kind='stable')[:_TOP]
  return {
      'top': [{'class': int(index),
               'probability': round(float(probabilities[index]), 6)}
              for index in top],
      'logits': hashlib.sha256(logits.astype('<f4').tobytes()).hexdigest()}
