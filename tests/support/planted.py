"""Made-up photographs, and what becomes of copies of them."""

import io

import numpy as np
from PIL import Image


def photograph(seed: int, size: tuple[int, int] = (80, 96)) -> Image.Image:
  """Coloured noise, of which fine detail is fainter: as in photographs.

  Args:
    seed: two photographs of different seeds have nothing in common.
    size: height and width.
  """
  height, width = size
  frequency = np.hypot(np.fft.fftfreq(height)[:, None],
                       np.fft.rfftfreq(width)) + 1 / max(size)
  noise = np.random.default_rng(seed).standard_normal((3, height, width))
  waves = np.fft.irfft2(np.fft.rfft2(noise) / frequency, s=size)
  waves += waves.mean(0)  # The colours are mostly of one brightness.
  scaled = 120 + 50 * waves / waves.std()
  return Image.fromarray(
      np.clip(scaled, 0, 255).astype(np.uint8).transpose(1, 2, 0))


def encoded(picture: Image.Image, kind: str = 'PNG', **how) -> bytes:
  buffer = io.BytesIO()
  picture.save(buffer, kind, **how)
  return buffer.getvalue()


def jpeg(picture: Image.Image, quality: int = 90) -> bytes:
  return encoded(picture, 'JPEG', quality=quality)


def decoded(content: bytes) -> Image.Image:
  return Image.open(io.BytesIO(content)).convert('RGB')


def resized(picture: Image.Image, scale: float) -> Image.Image:
  size = [round(scale * length) for length in picture.size]
  return picture.resize(size, Image.Resampling.BICUBIC)


def mirrored(picture: Image.Image) -> Image.Image:
  return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def copies(original: bytes) -> dict[str, bytes]:
  """What a search for leaks should find, by what was done to the original."""
  picture = decoded(original)
  return {
      'same': original,
      'png': encoded(picture),
      'half': jpeg(resized(picture, 0.5)),
      'larger': jpeg(resized(picture, 1.7)),
      'squeezed': jpeg(picture.resize((64, 64))),
      'quality30': jpeg(picture, 30),
      'mirrored': encoded(mirrored(picture)),
      'all': jpeg(mirrored(resized(picture, 0.6)), 50),
      'grey': encoded(picture.convert('L')),
      'webp': encoded(picture, 'WEBP', quality=60)}
