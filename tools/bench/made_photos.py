"""Made-up photographs: coloured noise with less of the higher frequencies."""

import io

import numpy as np
from PIL import Image


def photograph(seed: int, height: int, width: int) -> Image.Image:
  """One that has nothing in common with those of other seeds."""
  frequencies = np.hypot(np.fft.fftfreq(height)[:, np.newaxis],
                         np.fft.rfftfreq(width)) + 1 / max(height, width)
  noise = np.random.default_rng(seed).standard_normal((3, height, width))
  # As in photographs, amplitudes fall a little faster than frequencies rise.
  waves = np.fft.irfft2(np.fft.rfft2(noise) / frequencies**1.2,
                        s=(height, width))
  waves += waves.mean(0)  # The colours are mostly of one brightness.
  levels = 120 + 50 * waves / waves.std()
  return Image.fromarray(
      np.clip(levels, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def encoded(picture: Image.Image, kind: str = 'JPEG', **how) -> bytes:
  """The bytes of a file of it."""
  buffer = io.BytesIO()
  picture.save(buffer, kind, **how)
  return buffer.getvalue()
