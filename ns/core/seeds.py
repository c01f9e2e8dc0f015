"""One root seed, and named seeds derived from it.

Every random number of a run comes from a `Seed`: the run's root seed, or one
derived from it by names and numbers (`root.child('student1', 'noise')`). A seed
is a value, never a state: the same path of names gives the same numbers, on any
machine, whatever was drawn before. `ns.core.draws` turns seeds into tensors of
random numbers, `Seed.bits` into arrays: the same numbers.
"""

import dataclasses
import hashlib

import numpy as np


@dataclasses.dataclass(frozen=True)
class Seed:
  """A 64-bit seed.

  Attributes:
    value: the seed, in [0, 2**64).
  """
  value: int

  def __post_init__(self):
    if isinstance(self.value, bool) or not isinstance(self.value, int):
      raise TypeError(
          f'`Seed.value` should be a whole number, but is {self.value!r}.')
    if not 0 <= self.value < 2**64:
      raise ValueError('`Seed.value` should be in [0, 2**64), but is '
                       f'{self.value}.')

  def child(self, *path: str | int) -> 'Seed':
    """The seed below this one at `path`, e.g. `child('student1', 'train', 3)`.

    Distinct paths give independent seeds; 'a', 'b' is not the same as 'ab', and
    the name '1' is not the number 1.
    """
    digest = hashlib.blake2b(self.value.to_bytes(8, 'little'), digest_size=8)
    for name in path:
      if isinstance(name, bool) or not isinstance(name, (str, int)):
        raise TypeError('`path` of a seed should be of names and whole numbers,'
                        f' but has {name!r}.')
      encoded = name.encode() if isinstance(name, str) else b'%d' % name
      kind = b's' if isinstance(name, str) else b'i'
      digest.update(kind + len(encoded).to_bytes(4, 'little') + encoded)
    return Seed(int.from_bytes(digest.digest(), 'little'))

  def of_attempt(self, number: int) -> 'Seed':
    """The seed of another attempt at the same; attempt 0 has this one."""
    return self.child('attempt', number) if number else self

  @property
  def int64(self) -> int:
    """The seed's bits as a signed number, as tensors of seeds hold them."""
    return self.value - 2**64 if self.value >= 2**63 else self.value

  def bits(self, count: int, first: int = 0) -> np.ndarray:
    """Outputs `first` to `first + count` of the generator, [count] uint64.

    The generator is that of `ns.core.draws`, and gives the same numbers.
    """
    with np.errstate(over='ignore'):
      number = np.arange(first + 1, first + count + 1, dtype=np.uint64)
      state = np.uint64(self.value) + number * np.uint64(0x9E3779B97F4A7C15)
      state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
      state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
      return state ^ (state >> np.uint64(31))
