"""The search among hashes, against comparing all with all."""

import numpy as np
import pytest

from ns.mixture import hash_index


def hashes(count, seed):
  """Some of many bits in common, as those of similar images, and some twice."""
  rng = np.random.default_rng(seed)
  found = np.random.default_rng(0).integers(0, 2**64, 40, np.uint64)[
      rng.integers(0, 40, count)]
  for _ in range(10):
    bits = np.uint64(1) << rng.integers(0, 64, count).astype(np.uint64)
    found = np.where(rng.random(count) < 0.7, found ^ bits, found)
  found[-5:] = found[:5]
  return found


def by_brute_force(entries, queries, max_distance):
  distances = np.bitwise_count(queries[:, np.newaxis] ^ entries)
  places = np.nonzero(distances <= max_distance)
  return [*places, distances[places]]


@pytest.mark.parametrize('max_distance', range(hash_index.MAX_DISTANCE + 1))
def test_it_is_exact(max_distance):
  entries, queries = hashes(700, 1), hashes(300, 2)
  queries[:20] = entries[:20]
  found = hash_index.HashIndex(entries, max_distance).search(queries)
  expected = by_brute_force(entries, queries, max_distance)
  assert len(expected[0]) >= 20
  for ours, theirs in zip(found, expected):
    assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize('max_distance', [3, 4, 11, 12])
def test_bits_that_lie_worst_for_it(max_distance):
  """Every way in which as many bits as may fall on the bands."""
  entry = np.uint64(0x0123456789abcdef)
  spread = [(a, b, c, max_distance - a - b - c) for a in range(13)
            for b in range(13) for c in range(13)
            if max_distance - a - b - c >= 0]
  queries = np.array([entry ^ np.uint64(sum(
      ((1 << count) - 1) << 16 * band for band, count in enumerate(counts)))
                      for counts in spread], np.uint64)
  _, _, distances = hash_index.HashIndex(
      np.array([entry]), max_distance).search(queries)
  assert distances.tolist() == [max_distance] * len(spread)


def test_in_small_pieces_it_finds_the_same(monkeypatch):
  entries, queries = hashes(500, 3), hashes(200, 4)
  whole = hash_index.HashIndex(entries, 9).search(queries)
  monkeypatch.setattr(hash_index, '_AT_ONCE', 300)
  pieces = hash_index.HashIndex(entries, 9).search(queries)
  assert [part.tolist() for part in pieces] == [p.tolist() for p in whole]


@pytest.mark.parametrize('entries, queries', [(0, 5), (5, 0), (0, 0)])
def test_nothing_has_nothing_near(entries, queries):
  found = hash_index.HashIndex(hashes(40, 5)[:entries], 11).search(
      hashes(40, 6)[:queries])
  assert [len(part) for part in found] == [0, 0, 0]
