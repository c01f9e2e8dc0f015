"""Made-up photographs, and what becomes of copies of them."""

import io

from PIL import Image

from tools.bench import made_photos


def photograph(seed: int, size: tuple[int, int] = (80, 96)) -> Image.Image:
  """One of a height and width; those of other seeds are not like it."""
  return made_photos.photograph(seed, *size)


def encoded(picture: Image.Image, kind: str = 'PNG', **how) -> bytes:
  return made_photos.encoded(picture, kind, **how)


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
