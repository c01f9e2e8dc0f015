"""The order of keys: as text, but the numbers in them as numbers.

`a/9` comes before `a/10`, and of `a/9` and `a/09`, which are equal so far, the
one that is first as text. Millions of keys of one shape (the same length, with
digits at the same places, as keys of padded numbers have) are ordered without
a Python object each; others take some microseconds a key.
"""

import re

import numpy as np

_NUMBER = re.compile(b'[0-9]+')


def sort_key(key: str) -> bytes:
  """What a key sorts by.

  After each text come two zeros and a one, and a number as its length and its
  digits, or three zeros and the key itself; a zero in a text is followed by a
  255, so that it is after the end of a text.
  """
  whole = key.encode()
  return _NUMBER.sub(_number, whole.replace(b'\0', b'\0\xff')) + (
      b'\0\0\0' + whole)


def _number(match: re.Match) -> bytes:
  digits = match[0].lstrip(b'0')
  return b'\0\0\1' + len(digits).to_bytes(4, 'big') + digits


def argsort(keys) -> np.ndarray:
  """The order of `keys`, equal ones as they come.

  Args:
    keys: [rows] `pyarrow.Array` of strings.

  Returns:
    [rows] int64.
  """
  letters = _letters(keys)
  if letters is None:
    texts = [sort_key(key.as_py()) for key in keys]
    return np.array(sorted(range(len(texts)), key=texts.__getitem__), np.int64)
  # Columns in which keys differ, from the right, eight bytes as one number.
  letters = letters[:, (letters != letters[:1]).any(axis=0)]
  numbers = _numbers(letters)
  return np.lexsort(numbers.T[::-1]) if numbers.size else np.arange(len(keys))


def is_ascending(keys) -> bool:
  """Whether each of `keys`, as of `argsort`, is at least the one before."""
  letters = _letters(keys)
  if letters is None:
    texts = list(map(sort_key, keys.to_pylist()))
    return all(first <= second for first, second in zip(texts, texts[1:]))
  numbers = _numbers(letters)
  undecided = np.ones(max(len(keys) - 1, 0), bool)
  for column in numbers.T:
    if (undecided & (column[1:] < column[:-1])).any():
      return False
    undecided &= column[1:] == column[:-1]
  return True


def _letters(keys) -> np.ndarray | None:
  """[rows, length] uint8 of keys of one shape, which sort as bytes; or None."""
  import pyarrow as pa
  if not len(keys):
    return np.empty((0, 0), np.uint8)
  keys = keys.cast(pa.large_string())
  _, offsets, data = keys.buffers()
  offsets = np.frombuffer(offsets, np.int64)[
      keys.offset:keys.offset + len(keys) + 1]
  length = int(offsets[1] - offsets[0])
  if (np.diff(offsets) != length).any():
    return None
  if not length:
    return np.empty((len(keys), 0), np.uint8)
  letters = np.frombuffer(data, np.uint8)[offsets[0]:offsets[-1]].reshape(
      -1, length)
  digits = (letters >= ord('0')) & (letters <= ord('9'))
  return letters if (digits == digits[0]).all() else None


def _numbers(letters: np.ndarray) -> np.ndarray:
  """[rows, length / 8] uint64, which sort as the bytes do."""
  rows, length = letters.shape
  padded = np.zeros((rows, -(-length // 8) * 8), np.uint8)
  padded[:, :length] = letters
  return padded.view('>u8').astype(np.uint64)
