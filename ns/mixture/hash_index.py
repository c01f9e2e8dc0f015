"""All hashes of a set within a number of bits of a given one; exact.

Multi-index hashing (Norouzi, Punjani and Fleet, 2012): a hash of 64 bits is cut
into four bands of 16. If two hashes differ in at most `max_distance` bits, then
at least one of the bands differs in no more bits than its radius, where the
radii plus one add up to `max_distance` plus one: else there were more. So all
that is looked at are the entries with a band within its radius of the query's,
of which a table gives the places.

Memory and tables grow with the entries only, however many queries there are.
"""

import functools

import numpy as np

MAX_DISTANCE = 15

_BANDS, _WIDTH = 4, 16
# Pairs that are looked at together.
_AT_ONCE = 1 << 18


class HashIndex:
  """Finds near hashes."""

  def __init__(self, hashes: np.ndarray, max_distance: int):
    """Makes the tables.

    Args:
      hashes: [entries] uint64.
      max_distance: in how many bits a found one may differ, up to 15.
    """
    self._hashes = hashes
    self._max_distance = max_distance
    shares = [(max_distance + 1 + band) // _BANDS for band in range(_BANDS)]
    self._masks = [_masks(share - 1) for share in shares]
    self._tables = [_table(hashes, band) for band in range(_BANDS)]

  def search(self, queries: np.ndarray
             ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of a query and an entry that are near.

    Args:
      queries: [queries] uint64.

    Returns:
      Of each pair, by query and then entry: the places of the query and of the
      entry, [pairs] int64; and the bits in which they differ, [pairs] int64.
    """
    found = [np.empty(0, np.int64)]
    for band in range(_BANDS):
      masks = self._masks[band]
      step = max(1, _AT_ONCE // max(1, len(masks)))
      for first in range(0, len(queries) if len(masks) else 0, step):
        for places, entries in self._near(band, queries[first:first + step]):
          found.append((places + first) * len(self._hashes) + entries)
    # Several bands may be near. `np.unique` takes ten times as long.
    pairs = np.sort(np.concatenate(found))
    pairs = pairs[np.flatnonzero(np.diff(pairs, prepend=-1))]
    places, entries = np.divmod(pairs, max(1, len(self._hashes)))
    distances = np.bitwise_count(queries[places] ^ self._hashes[entries])
    return places, entries, distances.astype(np.int64)

  def _near(self, band: int, queries: np.ndarray):
    """Places of queries and entries that are near, of which this band is."""
    order, starts, hashes = self._tables[band]
    values = _band(queries, band)[:, np.newaxis] ^ self._masks[band]
    begins = starts[values].ravel()
    counts = starts[values + 1].ravel() - begins
    hits = np.flatnonzero(counts)
    ends = np.cumsum(counts[hits], dtype=np.int64)
    # As many hits together as have about `_AT_ONCE` entries.
    cuts = np.searchsorted(
        ends, np.arange(_AT_ONCE, ends[-1] if len(ends) else 0, _AT_ONCE))
    for part in np.split(hits, cuts):
      count = counts[part]
      # The entries of a value lie in a row.
      before = np.cumsum(count, dtype=np.int32) - count
      slots = np.arange(count.sum(), dtype=np.int32) + np.repeat(
          begins[part] - before, count)
      places = part // len(self._masks[band])
      near = np.flatnonzero(np.bitwise_count(
          np.repeat(queries[places], count) ^ hashes[slots]
          ) <= self._max_distance)
      # Which hit each is of.
      own = np.searchsorted(before, near, side='right') - 1
      yield places[own], order[slots[near]]


def _band(hashes: np.ndarray, band: int) -> np.ndarray:
  shifted = hashes >> np.uint64(band * _WIDTH)
  return (shifted & np.uint64((1 << _WIDTH) - 1)).astype(np.int64)


def _table(hashes: np.ndarray, band: int):
  """By their value of a band: the entries, where each begins, the hashes."""
  values = _band(hashes, band)
  order = np.argsort(values, kind='stable')
  starts = np.searchsorted(values[order], np.arange((1 << _WIDTH) + 1))
  return order, starts.astype(np.int32), hashes[order]


@functools.cache
def _masks(radius: int) -> np.ndarray:
  """All values of a band with up to so many bits; none for -1."""
  values = np.arange(1 << _WIDTH)
  return values[np.bitwise_count(values) <= radius]
