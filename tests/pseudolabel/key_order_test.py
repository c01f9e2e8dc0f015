import re

import numpy as np
import pyarrow as pa
import pytest

from ns.pseudolabel import key_order


def plain(key):
  """The order in words: text and numbers by turns, then the text."""
  parts = [int(part) if part[:1].isdigit() else part
           for part in re.split('([0-9]+)', key)]
  return parts, key


def keys_of(kind, seed):
  generator = np.random.default_rng(seed)
  numbers = generator.integers(0, 10**6, 300).tolist()
  return {
      'padded': [f'a/{n:07}' for n in numbers],
      'wide': [f'pool-{n % 3}/{n:09}/é/{n * 7:012}.jpg' for n in numbers],
      'plain': [f'a/{n}' for n in numbers],
      'paths': [f'n{n % 7:04}/n{n % 7}_{n}.JPEG' for n in numbers],
      'mixed': ['', '0', '00', 'a', 'a1', 'a01', 'a1b', 'ab', '1a', 'é', 'z9',
                'a\0', 'a\0b', 'a\x01', 'a\0001', '\0', '1\0', '9' * 40,
                '0' * 30 + '7', '7', '07', '07a', '7b', '￿', '\U0001f600']
               + [str(n) for n in numbers],
      'equal': ['x/1'] * 5,
      'empty': ['', '', ''],
      'none': [],
      'one': ['a'],
  }[kind]


KINDS = ['padded', 'wide', 'plain', 'paths', 'mixed', 'equal', 'empty', 'none',
         'one']


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', [pa.string(), pa.large_string()])
def test_order_against_sorted(kind, dtype):
  keys = keys_of(kind, 1)
  order = key_order.argsort(pa.array(keys, dtype))
  assert order.tolist() == sorted(range(len(keys)),
                                  key=lambda i: plain(keys[i]))


@pytest.mark.parametrize('kind', KINDS)
def test_ascending_against_sorted(kind):
  keys = keys_of(kind, 2)
  ascending = sorted(keys, key=plain)
  assert key_order.is_ascending(pa.array(ascending, pa.string()))
  for seed in range(20):
    generator = np.random.default_rng(seed)
    other = list(ascending)
    if len(other) > 1:
      i, j = sorted(generator.choice(len(other), 2, replace=False))
      other[i], other[j] = other[j], other[i]
    assert key_order.is_ascending(pa.array(other, pa.string())) == all(
        plain(a) <= plain(b) for a, b in zip(other, other[1:]))


def test_slices_of_arrays():
  keys = [f'a/{n:03}' for n in (5, 1, 4, 2, 3, 0)]
  array = pa.array(keys).slice(1, 4)
  assert key_order.argsort(array).tolist() == [0, 2, 3, 1]
  assert not key_order.is_ascending(array)
  assert key_order.is_ascending(pa.array(keys).slice(1, 2))


def test_keys_of_one_shape_are_no_python_objects(monkeypatch):
  monkeypatch.setattr(key_order, 'sort_key', None)
  keys = keys_of('padded', 3)
  assert [keys[i] for i in key_order.argsort(pa.array(keys))] == sorted(keys)


def test_digits_at_other_places_are_not_one_shape():
  # As bytes they would be as they come here.
  keys = ['a10', 'a1b', 'a9c', 'ab1']
  order = key_order.argsort(pa.array(keys))
  assert [keys[i] for i in order] == ['a1b', 'a9c', 'a10', 'ab1']
