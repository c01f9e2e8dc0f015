"""Pictures of mixed formats and sizes, and files that only look like some."""

import hashlib
import io
import pathlib

import numpy as np
from PIL import Image

FORMATS = 'JPEG', 'PNG', 'BMP', 'GIF', 'WEBP'


def picture(class_id: int, seed: int, size: tuple[int, int] = (24, 20)
            ) -> Image.Image:
  """A picture with noise, in the colours of its class, one of three.

  The left half is red, green or blue, and the right one is what comes next.
  """
  height, width = size
  colours = 60 + 140 * np.eye(3)[[class_id % 3, (class_id + 1) % 3]]
  halves = np.arange(width) * 2 // width
  noise = np.random.default_rng(1000 + seed).integers(
      -40, 40, (height, width, 3))
  return Image.fromarray(
      np.clip(colours[halves] + noise, 0, 255).astype(np.uint8))


def encoded(class_id: int, seed: int, kind: str = 'PNG', **how) -> bytes:
  """The bytes of such a picture in a file of one of `FORMATS`."""
  buffer = io.BytesIO()
  picture(class_id, seed, **how).save(buffer, kind)
  return buffer.getvalue()


def write(path, content: bytes) -> bytes:
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(content)
  return content


def folder(path, classes=('ant', 'bee', 'cow'), per_class: int = 5,
           first_seed: int = 0) -> dict[str, bytes]:
  """Writes a folder of pictures by class, each of another format and size.

  Returns:
    The bytes of each file, by its path below the folder.
  """
  written = {}
  for class_id, name in enumerate(classes):
    for i in range(per_class):
      kind = FORMATS[(i + class_id) % len(FORMATS)]
      seed = first_seed + class_id * per_class + i
      relative = f'{name}/{"deep/" if i % 4 == 3 else ""}{seed}.{kind.lower()}'
      written[relative] = write(
          pathlib.Path(path) / relative,
          encoded(class_id, seed, kind, size=(16 + seed % 7, 18 + seed % 5)))
  return written


def in_order(written: dict[str, bytes], name: str = 'made',
             classes=('ant', 'bee', 'cow')) -> list[tuple[str, bytes, int]]:
  """Key, bytes and class of each as a source should have them.

  The order is that of a checksum of the path, here from its definition.
  """
  place = lambda path: hashlib.blake2b(path.encode(), digest_size=8).digest()
  return [(f'{name}/{path}', written[path],
           classes.index(path.partition('/')[0]))
          for path in sorted(written, key=place)]
