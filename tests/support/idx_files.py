"""Writes IDX files byte by byte, from the format's definition."""

import gzip
import pathlib
import struct

import numpy as np


def encode(values: np.ndarray, dimensions=None, kind: int = 8) -> bytes:
  """The bytes of an IDX file of uint8.

  Args:
    values: of any rank, uint8.
    dimensions: what the header says; the shape of `values` if None.
    kind: the type in the header, 8 for uint8.
  """
  assert values.dtype == np.uint8
  dimensions = values.shape if dimensions is None else dimensions
  return (struct.pack('>BBBB', 0, 0, kind, len(dimensions))
          + struct.pack(f'>{len(dimensions)}i', *dimensions)
          + values.tobytes())


def write(path, values: np.ndarray, gzipped: bool = False, **header) -> str:
  """Writes an IDX file and gives its path."""
  content = encode(np.asarray(values, np.uint8), **header)
  # Without a time in it, so that equal contents are equal bytes.
  content = gzip.compress(content, mtime=0) if gzipped else content
  pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
  pathlib.Path(path).write_bytes(content)
  return str(path)
