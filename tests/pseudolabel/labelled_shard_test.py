import dataclasses
import os

import numpy as np
import pytest

from ns.pseudolabel import header as headers
from ns.pseudolabel import labelled_shard
from ns.pseudolabel import store
from ns.pseudolabel import teacher
from tests.pseudolabel import fakes

HEADER = headers.Header(classes=3, teacher_fingerprint='t', source_name='pool',
                        source_digest='d')
SHARD = fakes.Shard('a', 0, 5)
TABLE = fakes.distributions(5, 3)


def answers(sizes=(3, 2), is_good=np.ones(5, bool)):
  first = 0
  for size in sizes:
    rows = slice(first, first + size)
    yield teacher.Answers(
        keys=np.array([f'k{i}'.encode() for i in range(5)[rows]], object),
        probabilities=TABLE[rows], logits=None, is_good=is_good[rows])
    first += size


def test_answers_are_written_and_counted(tmp_path):
  path, told = str(tmp_path / 'a'), []
  labelled_shard.write(answers(), path, HEADER, told.append)
  assert told == [3, 5]
  found, = store.read(path, ['key', 'confidence'])
  assert found['key'].tolist() == [f'k{i}' for i in range(5)]
  np.testing.assert_array_equal(found['confidence'], TABLE.max(axis=1))
  # In one batch, the same bytes.
  labelled_shard.write(answers((5,)), str(tmp_path / 'b'), HEADER)
  assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()


def test_no_half_file_stays(tmp_path):
  def stopped():
    yield from answers((3,))
    raise KeyboardInterrupt
  with pytest.raises(KeyboardInterrupt):
    labelled_shard.write(stopped(), str(tmp_path / 'a'), HEADER)
  assert os.listdir(tmp_path) == []


def test_a_file_of_another_making_is_not_finished(tmp_path):
  path = str(tmp_path / 'a')
  assert not labelled_shard.is_finished(path, HEADER, SHARD)
  labelled_shard.write(answers(), path, HEADER)
  assert labelled_shard.is_finished(path, HEADER, SHARD)
  other = dataclasses.replace(HEADER, teacher_fingerprint='u')
  assert not labelled_shard.is_finished(path, other, SHARD)
  longer = fakes.Shard('a', 0, 6)
  assert not labelled_shard.is_finished(path, HEADER, longer)
  (tmp_path / 'a').write_bytes(b'PAR1')
  assert not labelled_shard.is_finished(path, HEADER, SHARD)
