import math

import numpy as np
import pytest

from ns.core import errors
from ns.pseudolabel import header as headers
from ns.pseudolabel import store
from ns.pseudolabel import tally
from tests.pseudolabel import fakes

HEADER = headers.Header(classes=3, teacher_fingerprint='t', source_name='pool',
                        source_digest='d')


def write(path, keys, table, is_good=None):
  with store.writing_predictions(path, HEADER) as writer:
    writer.write(keys, table, is_good=is_good)
  return str(path)


def test_counts_over_files(tmp_path):
  table = fakes.distributions(9, 3)
  table[4] = 0.1, 0.2, 0.7
  good = np.arange(9) != 4
  found = tally.Tally(3)
  for name, rows in ('a', slice(0, 4)), ('b', slice(4, 9)):
    found.add(write(tmp_path / name, [f'k{i}' for i in range(9)[rows]],
                    table[rows], good[rows]))
  counts = np.bincount(table[good].argmax(axis=1), minlength=3)
  assert (found.images, found.shards, found.broken) == (9, 2, 1)
  assert found.broken_keys == ['k4']
  assert found.per_class.tolist() == counts.tolist()
  assert found.mean_confidence == pytest.approx(table[good].max(axis=1).mean())
  shares = [count / 8 for count in counts if count]
  assert found.class_entropy == pytest.approx(
      -sum(p * math.log(p) for p in shares) / math.log(3))


def test_nothing_has_no_mean(tmp_path):
  found = tally.Tally(3)
  assert found.mean_confidence is None and found.class_entropy is None
  found.add(write(tmp_path / 'a', ['k'], [[0.2, 0.2, 0.6]], [False]))
  assert found.mean_confidence is None and found.class_entropy is None
  assert found.images == found.broken == 1


def test_equal_classes_have_all_the_entropy(tmp_path):
  found = tally.Tally(3)
  found.add(write(tmp_path / 'a', ['a', 'b', 'c'], np.eye(3)))
  assert found.class_entropy == pytest.approx(1)


def test_another_class_count_is_an_error(tmp_path):
  path = write(tmp_path / 'a', ['a'], [[0, 0, 1]])
  with pytest.raises(errors.RunError, match='should be of 4 classes, but is'):
    tally.Tally(4).add(path)
