"""What is near and what is the same, against comparing all with all."""

import types

import numpy as np
import pytest

from ns.mixture import evaluation_index
from ns.mixture import fingerprinting
from ns.mixture import fingerprints
from tests.support import planted


def seen(waves, contents=None, **how):
  count, contrasts = len(waves), np.linalg.norm(waves, axis=1)
  return fingerprinting.Seen(**{
      'are_good': np.ones(count, bool), 'flat': {},
      'contents': contents or [f'{id(waves)} {i}'.encode()
                               for i in range(count)],
      'prints': fingerprints.Fingerprints(
          waves=waves / contrasts[:, np.newaxis], contrasts=contrasts), **how})


def index(evaluation, max_distance=11, max_difference=0.3, sizes=None):
  sizes = sizes or [len(evaluation.contents)]
  return evaluation_index.EvaluationIndex(
      sets=[types.SimpleNamespace(num_examples=size) for size in sizes],
      seen=evaluation, max_distance=max_distance, max_difference=max_difference)


def clusters(count, seed):
  """Waves around some centres, of several contrasts, also mirrored ones."""
  centres = 60 * np.random.default_rng(0).standard_normal((6, 64))
  rng = np.random.default_rng(seed)
  mirror = np.where(fingerprints.FREQUENCIES[:, 1] % 2, -1, 1)
  waves = centres[rng.integers(0, 6, count)] * rng.uniform(0.8, 1.2, (count, 1))
  waves = np.where(rng.random((count, 1)) < 0.3, waves * mirror, waves)
  waves += rng.uniform(0, 30, (count, 1)) * rng.standard_normal((count, 64))
  return waves.astype(np.float32)


@pytest.mark.parametrize('max_distance, max_difference', [
    (11, 0.3), (15, 0.2), (3, 0.5), (15, 1.0)])
def test_it_finds_what_comparing_all_finds(max_distance, max_difference):
  ours, theirs = clusters(150, 1), clusters(60, 2)
  found = index(seen(ours), max_distance, max_difference).search(
      seen(theirs))
  mirror = np.where(fingerprints.FREQUENCIES[:, 1] % 2, -1, 1)
  expected = {}
  for query in range(60):
    for entry in range(150):
      for is_mirrored in (False, True):
        wave = theirs[query] * (mirror if is_mirrored else 1)
        distance = int(((wave > 0) != (ours[entry] > 0)).sum())
        difference = np.sqrt(2 - 2 * (wave @ ours[entry]) / (
            np.linalg.norm(wave) * np.linalg.norm(ours[entry])))
        best = expected.get((query, entry), (np.inf,))[0]
        if (distance <= max_distance and difference <= max_difference
            and difference < best):
          expected[query, entry] = difference, distance, is_mirrored
  assert len(expected) > 20
  assert list(zip(found.queries.tolist(), found.entries.tolist())) == sorted(
      expected)
  rows = [expected[pair] for pair in sorted(expected)]
  np.testing.assert_allclose(found.differences, [row[0] for row in rows],
                             rtol=1e-4, atol=1e-4)
  assert found.distances.tolist() == [row[1] for row in rows]
  assert found.are_mirrored.tolist() == [row[2] for row in rows]
  assert any(found.are_mirrored) and not any(found.are_exact)


def test_equal_contents_come_first_and_once():
  waves = clusters(4, 1)
  contents = [b'a', b'b', b'a', b'c']
  evaluation = index(seen(waves, contents), max_difference=0.0)
  found = evaluation.search(seen(waves[[0, 3]], [b'a', b'x']))
  assert list(zip(found.queries, found.entries, found.are_exact)) == [
      (0, 0, True), (0, 2, True), (1, 3, False)]


def test_broken_and_flat_images_are_like_nothing():
  waves = clusters(3, 1)
  waves[1] /= 1000
  are_good = np.array([False, True, True])
  of = lambda contents: seen(waves, contents, are_good=are_good,
                             flat={1: b'white'})
  found = index(of([b'a', b'b', b'c'])).search(of([b'a', b'd', b'e']))
  # Of the flat ones the pixels are equal, of the good ones the fingerprints.
  assert list(zip(found.queries, found.entries, found.are_exact)) == [
      (1, 1, True), (2, 2, False)]


def test_places_are_of_all_sets_one_after_the_other():
  waves = clusters(6, 3)
  evaluation = index(seen(waves), sizes=[2, 4], max_difference=0.0)
  keys = lambda name: lambda rows: [f'{name}/{row}' for row in rows.tolist()]
  for source, name in zip(evaluation.sets, ['validation', 'test']):
    source.name, source.keys = name, keys(name)
  assert evaluation.ends.tolist() == [0, 2, 6]
  found = evaluation.search(seen(waves[[5, 1]]))
  assert found.entries.tolist() == [5, 1]
  assert evaluation.keys(np.array([5, 1, 2, 5])) == [
      ('test', 'test/3'), ('validation', 'validation/1'), ('test', 'test/0'),
      ('test', 'test/3')]


def test_pixels_are_read_once():
  images = [planted.encoded(planted.photograph(i, (20, 30))) for i in range(3)]
  read = []

  def columns(rows):
    read.append(rows.tolist())
    return {'image': np.array([images[row] for row in rows], object)}

  waves = clusters(3, 3)
  evaluation = index(seen(waves))
  evaluation.sets[0].columns = columns
  evaluation.prepare()
  digests = evaluation.pixel_digests([2, 0])
  assert digests == {i: fingerprinting.pixel_digest(np.asarray(
      planted.decoded(images[i]))) for i in (0, 2)}
  assert evaluation.pixel_digests([1, 2]).keys() == {1, 2}
  assert read == [[0, 2], [1]]
