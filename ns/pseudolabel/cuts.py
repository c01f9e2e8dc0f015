"""Where classes are cut, found in two passes over numbers that come in parts.

The first pass counts the numbers of each class in bins, which tells in which
bin its cut lies; the second takes the numbers in that bin. Functions of a part
(`coarse`, `fine`) change nothing, and several threads may apply them; what they
give is added by one.
"""

from collections.abc import Callable

import numpy as np

# Bits of a float32 beyond those that number its bin, and the float32 below
# which all are in the first bin, 2^-24, as bits: 1 - x is a multiple of it.
_FINE_BITS = 16
_FIRST_BITS = (127 - 24) << 23
_DRAW_BINS = 1024
# How many numbers wait to be counted together.
_AT_ONCE = 2**22


def bins(confidences: np.ndarray, fine_bits: int = _FINE_BITS) -> np.ndarray:
  """[rows] int64: the bins of confidences; they ascend with these.

  Below 0.5 a bin is the exponent and the first bits of x, above it that of
  1 - x, so that there are as many near 1 as near 0.
  """
  first = (_FIRST_BITS >> fine_bits) - 1
  last = (126 << 23 >> fine_bits) - first
  upper = confidences >= 0.5
  folded = np.where(upper, np.float32(1) - confidences, confidences)
  # Sums of a softmax may be above 1.
  np.maximum(folded, np.float32(0), out=folded)
  fold = np.maximum(folded.view(np.int32) >> fine_bits, first) - first
  return np.where(upper, 2 * last + 1 - fold, fold).astype(np.int64)


def num_bins(fine_bits: int = _FINE_BITS) -> int:
  """How many bins there are."""
  return int(bins(np.ones(1, np.float32), fine_bits)[0]) + 1


class _Counter:
  """Counts numbers below `size`, many at a time."""

  def __init__(self, size: int):
    self._counts = np.zeros(size, np.int64)
    self._waiting, self._number = [], 0

  def add(self, numbers: np.ndarray) -> None:
    self._waiting.append(numbers)
    self._number += len(numbers)
    if self._number > _AT_ONCE:
      self._flush()

  def _flush(self) -> None:
    if self._waiting:
      self._counts += np.bincount(np.concatenate(self._waiting),
                                  minlength=len(self._counts))
    self._waiting, self._number = [], 0

  def counts(self) -> np.ndarray:
    """[size] int64."""
    self._flush()
    return self._counts


def _slots(wanted: np.ndarray):
  """The labels that are wanted, and for each class its place there or -1."""
  return np.flatnonzero(wanted), np.where(wanted, wanted.cumsum() - 1, -1)


def _cut_at(counts: np.ndarray, wanted: np.ndarray):
  """The first column by which `wanted` are reached, and how many before it."""
  sums = counts.cumsum(axis=1)
  column = (sums >= wanted[:, np.newaxis]).argmax(axis=1)
  rows = np.arange(len(counts))
  return column, sums[rows, column] - counts[rows, column]


class Cuts:
  """The highest confidences of some classes.

  Attributes, [labels] each:
    labels: the classes.
    cut: float32, the lowest confidence among the highest.
    tied: int64, how many images have just that.
    used_of_tied: int64, how many of these are among the highest.
  """

  def __init__(self, wanted: np.ndarray):
    """`wanted`: [classes] bool, which classes are cut."""
    self.labels, self._slots = _slots(wanted)
    # Fewer bins for very many classes, so that the counts stay small.
    self._bits = _FINE_BITS + int(
        np.ceil(np.log2(max(1, len(self.labels) / 4000))))
    self._bins = num_bins(self._bits)
    self.counter = _Counter(len(self.labels) * self._bins)
    self._bin = self._above = None
    self._parts, self._number = [], 0
    self.cut = self.tied = self.used_of_tied = np.empty(0, np.int64)

  def coarse(self, labels: np.ndarray, confidences: np.ndarray) -> np.ndarray:
    """What `counter` is to count of a part."""
    slots = self._slots[labels]
    wanted = np.flatnonzero(slots >= 0)
    return slots[wanted] * self._bins + bins(confidences[wanted], self._bits)

  def find_bins(self, most: np.ndarray) -> None:
    """After the first pass; `most`: [classes], how many are the highest."""
    counts = self.counter.counts().reshape(len(self.labels), self._bins)
    self.counter = None
    if len(self.labels):
      from_above, self._above = _cut_at(counts[:, ::-1], most[self.labels])
      self._bin = self._bins - 1 - from_above

  def fine(self, labels: np.ndarray, confidences: np.ndarray):
    """What `add` takes of a part: numbers, and how often each is there."""
    if not len(self.labels):
      return None
    slots = self._slots[labels]
    wanted = np.flatnonzero(
        (slots >= 0) & (bins(confidences, self._bits) == self._bin[slots]))
    # Bits of floats of one sign sort as they do; this sorts by class, then by
    # confidence down.
    down = np.int64(2**31 - 1) - confidences[wanted].view(np.int32)
    return np.unique(slots[wanted] << 32 | down, return_counts=True)

  def add(self, part) -> None:
    if part is not None:
      self._parts.append(part)
      self._number += len(part[0])
      if self._number > _AT_ONCE:
        self._merge()

  def _merge(self) -> None:
    numbers, where = np.unique(
        np.concatenate([part[0] for part in self._parts]), return_inverse=True)
    counts = np.zeros(len(numbers), np.int64)
    np.add.at(counts, where, np.concatenate([part[1] for part in self._parts]))
    self._parts, self._number = [(numbers, counts)], 0

  def find_cuts(self, most: np.ndarray) -> None:
    """After the second pass; `most` as before."""
    if not len(self.labels):
      return
    self._merge()
    (numbers, counts), = self._parts
    self._parts = []
    begins = np.searchsorted(numbers >> 32, np.arange(len(self.labels)))
    sums = counts.cumsum()
    before = sums[begins] - counts[begins]
    missing = most[self.labels] - self._above
    row = np.searchsorted(sums, before + missing)
    bits = 2**31 - 1 - (numbers[row] & (2**32 - 1))
    self.cut = bits.astype(np.int32).view(np.float32)
    self.tied = counts[row]
    self.used_of_tied = missing - (sums[row] - counts[row] - before)


class DrawCuts:
  """The lowest draws of some classes.

  Draws are uniform, so that few are in a bin, and all of these are kept.

  Attributes, [labels] each:
    labels: the classes.
    cut: float64, the highest draw among the lowest.
    last: int64, the place of the last image that has it and is among them.
  """

  def __init__(self, wanted: np.ndarray):
    """`wanted`: [classes] bool, for which classes."""
    self.labels, self._slots = _slots(wanted)
    self.counter = _Counter(len(self.labels) * _DRAW_BINS)
    self._bin = self._below = None
    self._parts = []
    self.cut = self.last = np.empty(0, np.int64)

  def coarse(self, labels: np.ndarray, places: np.ndarray,
             draws: Callable[[], np.ndarray]) -> np.ndarray:
    """What `counter` is to count of a part."""
    del places
    if not len(self.labels):
      return np.empty(0, np.int64)
    slots = self._slots[labels]
    wanted = np.flatnonzero(slots >= 0)
    return slots[wanted] * _DRAW_BINS + _draw_bins(draws()[wanted])

  def find_bins(self, extra: np.ndarray) -> None:
    """After the first pass; `extra`: [classes], how many are the lowest."""
    counts = self.counter.counts().reshape(len(self.labels), _DRAW_BINS)
    self.counter = None
    if len(self.labels):
      self._bin, self._below = _cut_at(counts, extra[self.labels])

  def fine(self, labels: np.ndarray, places: np.ndarray,
           draws: Callable[[], np.ndarray]):
    """What `add` takes of a part."""
    if not len(self.labels):
      return None
    slots, draw = self._slots[labels], draws()
    wanted = np.flatnonzero(
        (slots >= 0) & (_draw_bins(draw) == self._bin[slots]))
    return slots[wanted], draw[wanted], places[wanted]

  def add(self, part) -> None:
    if part is not None:
      self._parts.append(part)

  def find_cuts(self, extra: np.ndarray) -> None:
    """After the second pass; `extra` as before."""
    if not len(self.labels):
      return
    slots, draw, places = map(np.concatenate, zip(*self._parts))
    self._parts = []
    order = np.lexsort((places, draw, slots))
    begins = np.searchsorted(slots[order], np.arange(len(self.labels)))
    row = order[begins + extra[self.labels] - self._below - 1]
    self.cut, self.last = draw[row], places[row]


def _draw_bins(draws: np.ndarray) -> np.ndarray:
  return (draws * _DRAW_BINS).astype(np.int64)
