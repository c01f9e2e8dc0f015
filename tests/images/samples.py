"""Image files for the tests of images, and the forms that each can run in."""

import io
import struct
import zlib

import numpy as np
from PIL import Image
import pytest

from ns.images.native import kernel

FORMS = ['tensorflow', pytest.param('native', marks=pytest.mark.skipif(
    kernel.LIBRARY.load() is None, reason='there is no C++ compiler'))]


def noise(*shape, seed=0):
  return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def photograph(width, height, seed=0):
  """An image with soft colours, as a JPEG likes it."""
  coarse = Image.fromarray(noise(6, 8, 3, seed=seed))
  return coarse.resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, kind, **kwargs):
  buffer = io.BytesIO()
  image.save(buffer, kind, **kwargs)
  return buffer.getvalue()


def opened(data):
  return Image.open(io.BytesIO(data))


def bmp_of_32_bits(pixels, fourth):
  """A BMP of RGB pixels and a byte more for each."""
  height, width = fourth.shape
  body = np.dstack([pixels[::-1, :, ::-1], fourth[::-1]]).tobytes()
  return (b'BM' + struct.pack('<IHHI', 54 + len(body), 0, 0, 54)
          + struct.pack('<IiiHHIIiiII', 40, width, height, 1, 32, 0, len(body),
                        0, 0, 0, 0) + body)


def bmp_of_palette(indices, palette, head=40, compression=0):
  """A BMP of 8 bits: [height, width] uint8, and [colours, 3] of RGB."""
  height, width = indices.shape
  begin = 14 + head + 4 * len(palette)
  rows = np.pad(indices[::-1], [[0, 0], [0, -width % 4]]).tobytes()
  colours = np.pad(palette[:, ::-1], [[0, 0], [0, 1]]).astype(np.uint8)
  return (b'BM' + struct.pack('<IHHI', begin + len(rows), 0, 0, begin)
          + struct.pack('<IiiHHIIiiII', head, width, height, 1, 8, compression,
                        len(rows), 0, 0, len(palette), 0)
          + bytes(head - 40) + colours.tobytes() + rows)


def broken():
  """Bytes that are no image, by what is wrong with them."""
  jpeg = encoded(photograph(40, 30), 'JPEG')
  png = encoded(photograph(40, 30), 'PNG')
  gif = encoded(photograph(40, 30), 'GIF')
  return {
      'nothing': b'',
      'text': b'<html>404 Not Found</html>',
      'a video': b'\x00\x00\x00\x18ftypmp42' + bytes(100),
      'zeros': bytes(1000),
      'the start of a JPEG': jpeg[:3],
      'a JPEG cut short': jpeg[:len(jpeg) // 2],
      'a JPEG without its start': jpeg[2:],
      'a PNG cut short': png[:len(png) // 2],
      'the start of a PNG': png[:8],
      'a PNG with a changed byte': png[:60] + bytes([png[60] ^ 1]) + png[61:],
      'a GIF cut short': gif[:20],
      'a BMP of run lengths': bmp_of_palette(
          noise(30, 40), noise(256, 3), compression=1),
      'a BMP whose palette is beyond its end': _with_number(
          bmp_of_palette(noise(30, 40), noise(256, 3)), 14, 10**6),
      'a PNG of 10 GB': png[:16] + _png_header(60000, 60000) + png[33:],
      'a JPEG of 12 GB': _resized_header(jpeg, 65500, 65500),
  }


def _with_number(bmp, first, number):
  return bmp[:first] + struct.pack('<I', number) + bmp[first + 4:]


def _png_header(width, height):
  fields = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
  return fields + struct.pack('>I', zlib.crc32(b'IHDR' + fields))


def _resized_header(jpeg, height, width):
  frame = jpeg.index(b'\xff\xc0')  # Marker, length, bits, height, width.
  return (jpeg[:frame + 5] + height.to_bytes(2, 'big')
          + width.to_bytes(2, 'big') + jpeg[frame + 9:])
