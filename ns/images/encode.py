"""Pixels to encoded image bytes."""

import io

import numpy as np
from PIL import Image


def png(pixels: np.ndarray) -> bytes:
  """A PNG file of the pixels, lossless.

  Args:
    pixels: [height, width, 1 or 3] uint8.

  Returns:
    The bytes of the file.

  Raises:
    ValueError: another shape or dtype.
  """
  if (pixels.dtype != np.uint8 or pixels.ndim != 3
      or pixels.shape[2] not in (1, 3)):
    raise ValueError('`pixels` should be [height, width, 1 or 3] uint8, but is '
                     f'{list(pixels.shape)} {pixels.dtype}.')
  image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
  buffer = io.BytesIO()
  # Level 1: training reads these often, and disk space is not what is scarce.
  image.save(buffer, format='PNG', compress_level=1)
  return buffer.getvalue()
