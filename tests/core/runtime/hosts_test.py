"""What hosts do together; several of them are in tests/integration."""

import hashlib
import json

import numpy as np
import pytest
import tensorflow as tf

from ns.core import errors
from ns.core import termination
from ns.core.runtime import alone
from ns.core.runtime import hosts


class Second(hosts.Hosts):
  """The second of two hosts, whose first says what a test wants it to."""

  def __init__(self, first=(0, 0, 0, 0)):
    super().__init__(worker=1, workers=2)
    self.first = first

  def _total(self, table):
    assert table.shape == (2, 4) and not table[0].any()
    return np.stack([self.first, table[1]])


@pytest.mark.parametrize('numbers', [[0], [5, 0, 7], [2**63 - 1, -1, 2, 3]])
def test_each_says_its_numbers(numbers):
  found = Second(first=(1, 2, 3, 4)).gather(numbers)
  assert found.dtype == np.int64
  assert found.tolist() == [[1, 2, 3, 4][:len(numbers)], numbers]
  assert alone.Alone().gather(numbers).tolist() == [numbers]


class Saying(hosts.Hosts):
  """The second of two hosts; the first has said the text `first`."""

  def __init__(self, first):
    super().__init__(worker=1, workers=2)
    self.first, self.said = first, 0

  def _total(self, table):
    assert not table[0].any()
    if table.shape == (2, 4):
      table[0, 0] = len(self.first)
    else:
      assert table.shape == (2, 512)
      part = self.first[4096 * self.said:4096 * (self.said + 1)]
      table[0] = np.frombuffer(part.ljust(4096), np.int64)
      self.said += 1
    return table


@pytest.mark.parametrize('first', [
    [], [['a', 'ä/1']], [['b', f'{i:04}'] for i in range(1000)]])
@pytest.mark.parametrize('second', [
    [], [['c', 'x' * 9]], [['c', 'y' * 4096]]])
def test_union(first, second):
  host = Saying(json.dumps(first).encode() if first else b'')
  assert host.union(second) == first + second
  longest = max(len(json.dumps(items)) if items else 0
                for items in (first, second))
  assert host.said == -(-longest // 4096)
  assert alone.Alone().union(second) == second


def test_any():
  assert [Second(first=(first, 0, 0, 0)).any(flag) for first in (0, 1)
          for flag in (False, True)] == [False, True, True, True]
  assert [alone.Alone().any(flag) for flag in (False, True)] == [False, True]


def test_the_same_text():
  assert alone.Alone().check_same('The command', 'x') is None
  first = np.frombuffer(hashlib.sha256(b'x').digest(), np.int64)
  assert Second(first).check_same('The command', 'x') is None
  with pytest.raises(errors.RunError) as caught:
    Second(first).check_same('The command', 'y')
  assert str(caught.value) == (
      "The command should be the same on all 2 hosts, but is another one than "
      "the chief's on worker 1; give all of them the same command, software, "
      'data and `--work_dir`.')


def test_waiting_for_a_file(monkeypatch):
  answers = iter([False, False, True])
  monkeypatch.setattr(hosts, '_AGAIN_SECONDS', 0.0)
  Second().wait_for(lambda: next(answers), 'a file')
  assert not list(answers)
  monkeypatch.setattr(hosts, '_SEEN_SECONDS', 0.0)
  with pytest.raises(errors.RunError) as caught:
    Second().wait_for(lambda: False, '/run/manifest.json')
  assert str(caught.value) == (
      'Worker 1 waited 0 s for `/run/manifest.json`, which another host has '
      'written; `--work_dir` should be a folder that all hosts share.')


def error(kind, text):
  return kind(None, None, text)


@pytest.mark.parametrize('raised', [
    error(tf.errors.UnavailableError, 'recvmsg:Connection reset by peer'),
    error(tf.errors.CancelledError, 'Collective ops is aborted by: …'),
    error(tf.errors.InternalError, '/job:worker/task:0 is gone')])
def test_another_host_has_ended(raised, monkeypatch):
  with pytest.raises(errors.RunError) as caught:
    with Second().together():
      raise raised
  assert str(caught.value) == (
      'Another host of the 2 has ended, and worker 1 ends with it: look at what '
      'the others said. The same command on all of them goes on from what is '
      'finished and the last checkpoint.')

  def check():
    raise errors.Terminated

  monkeypatch.setattr(termination, 'check', check)
  with pytest.raises(errors.Terminated):  # So do all.
    with Second().together():
      raise raised


@pytest.mark.parametrize('raised', [
    error(tf.errors.InternalError, 'a bug'),
    error(tf.errors.ResourceExhaustedError, 'OOM'), ValueError('no')])
def test_other_errors_are_what_they_are(raised):
  with pytest.raises(type(raised)):
    with Second().together():
      raise raised
