"""TFRecord files of `tf.train.Example`, written byte by byte.

From the formats' definitions and without TensorFlow: as another program does.
"""

import pathlib
import struct


def crc32c(data: bytes) -> int:
  """Castagnoli's, bit by bit."""
  crc = 0xffffffff
  for byte in data:
    crc ^= byte
    for _ in range(8):
      crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
  return crc ^ 0xffffffff


def _masked(data: bytes) -> bytes:
  crc = crc32c(data)
  return struct.pack(
      '<I', ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff)


def framed(record: bytes) -> bytes:
  """A record as it is in a file: length, its checksum, data, its checksum."""
  length = struct.pack('<Q', len(record))
  return length + _masked(length) + record + _masked(record)


def example(**features) -> bytes:
  """A `tf.train.Example`; features are bytes, whole numbers or floats."""
  entries = b''
  for name, value in features.items():
    if isinstance(value, bytes):
      feature = _field(1, _field(1, value))
    elif isinstance(value, float):
      feature = _field(2, _field(1, struct.pack('<f', value)))
    else:
      feature = _field(3, _field(1, _varint(value)))
    entries += _field(1, _field(1, name.encode()) + _field(2, feature))
  return _field(1, entries)


def write(path, records) -> str:
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(b''.join(map(framed, records)))
  return str(path)


def _varint(number: int) -> bytes:
  number &= 2**64 - 1
  found = b''
  while number >= 128:
    found += bytes([number & 127 | 128])
    number >>= 7
  return found + bytes([number])


def _field(number: int, content: bytes) -> bytes:
  return _varint(number << 3 | 2) + _varint(len(content)) + content
