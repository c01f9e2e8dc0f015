"""Seeds: what they are derived from, and that they never change."""

import hashlib
import itertools

import numpy as np
import pytest

from ns.core import draws
from ns.core import seeds


def by_hand(value, *encoded):
  """BLAKE2b of the seed's 8 bytes and the encoded names after them."""
  digest = hashlib.blake2b(value.to_bytes(8, 'little') + b''.join(encoded),
                           digest_size=8)
  return int.from_bytes(digest.digest(), 'little')


def test_child_is_a_hash_of_seed_and_path():
  path = (b's\x08\0\0\0student1', b's\x05\0\0\0train', b'i\x01\0\0\x003')
  made = seeds.Seed(0).child('student1', 'train', 3)
  assert made.value == by_hand(0, *path) == 18268486201132095428
  assert seeds.Seed(2**64 - 1).child().value == by_hand(2**64 - 1)
  assert seeds.Seed(7).child(-12).value == by_hand(7, b'i\x03\0\0\0-12')
  # The length counts bytes: é has two.
  assert seeds.Seed(7).child('é').value == by_hand(7, b's\x02\0\0\0\xc3\xa9')


def test_another_path_is_another_seed():
  names = ('', 'a', 'b', 'ab', '1', '12', 1, 2, 12, 0, -1)
  paths = [path for length in range(4)
           for path in itertools.product(names, repeat=length)]
  root = seeds.Seed(5)
  values = {root.child(*path).value for path in paths}
  assert len(values) == len(paths) == 1 + 11 + 11**2 + 11**3
  assert not values & {seeds.Seed(6).child(*path).value for path in paths}


def test_a_child_does_not_depend_on_other_children():
  root = seeds.Seed(3)
  first = root.child('noise')
  root.child('labelled'), first.child('x')
  assert root.child('noise') == first == seeds.Seed(3).child('noise')
  assert root.child('a').child('b') != root.child('a', 'b')


def test_bits_of_children_are_fair_and_independent():
  values = [seeds.Seed(0).child('stream', i).value for i in range(4096)]
  bits = np.array([[v >> b & 1 for b in range(64)] for v in values])
  # 64 shares of 4096 fair bits: 5 standard deviations of 1/128.
  assert abs(bits.mean(0) - 0.5).max() < 5 / 128
  correlation = np.corrcoef(bits[:-1].T, bits[1:].T)
  assert abs(correlation - np.eye(128)).max() < 6 / 64


@pytest.mark.parametrize('value', [
    0, 1, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1,
    0x0123456789ABCDEF, 0xFEDCBA9876543210])
def test_int64_holds_the_same_bits(value):
  raw = np.array([value], np.uint64)
  assert seeds.Seed(value).int64 == raw.view(np.int64)[0]


@pytest.mark.parametrize('value, kind, sentence', [
    (1.0, TypeError, '`Seed.value` should be a whole number, but is 1.0.'),
    ('1', TypeError, "`Seed.value` should be a whole number, but is '1'."),
    (True, TypeError, '`Seed.value` should be a whole number, but is True.'),
    (-1, ValueError, '`Seed.value` should be in [0, 2**64), but is -1.'),
    (2**64, ValueError, '`Seed.value` should be in [0, 2**64), but is '
     '18446744073709551616.'),
])
def test_what_is_no_seed(value, kind, sentence):
  with pytest.raises(kind) as raised:
    seeds.Seed(value)
  assert str(raised.value) == sentence


@pytest.mark.parametrize('name, came', [
    (1.0, '1.0'), (None, 'None'), (False, 'False'), (b'a', "b'a'")])
def test_what_is_no_name(name, came):
  with pytest.raises(TypeError) as raised:
    seeds.Seed(0).child('a', name)
  assert str(raised.value) == (
      f'`path` of a seed should be of names and whole numbers, but has {came}.')


@pytest.mark.parametrize('value', [0, 1, 2**63 + 5, 2**64 - 1])
@pytest.mark.parametrize('first', [0, 3, 10**12])
def test_bits_are_those_of_the_tensors(value, first):
  seed = seeds.Seed(value)
  tensor = draws.bits(np.int64(seed.int64), np.arange(first, first + 9))
  np.testing.assert_array_equal(seed.bits(9, first), tensor.numpy())


def test_bits_do_not_depend_on_how_many_are_asked_for():
  np.testing.assert_array_equal(
      seeds.Seed(5).bits(20)[7:], seeds.Seed(5).bits(13, first=7))


def test_the_first_attempt_has_the_seed_itself():
  seed = seeds.Seed(5)
  assert seed.of_attempt(0) == seed
  assert seed.of_attempt(2) == seed.child('attempt', 2)
  assert len({seed.of_attempt(number) for number in range(5)}) == 5
