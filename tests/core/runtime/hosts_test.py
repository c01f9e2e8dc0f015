"""What hosts do together; several of them are in tests/integration."""

import numpy as np
import pytest
import tensorflow as tf

from ns.core import errors
from ns.core import termination
from ns.core.runtime import alone
from ns.core.runtime import hosts
from tests.support import two_devices


@pytest.fixture
def one():
  """A host of two devices, alone."""
  return hosts.Hosts(two_devices.strategy(), worker=0, workers=1)


class Second(hosts.Hosts):
  """The second of two hosts, whose first says what a test wants it to."""

  def __init__(self, first=None):
    super().__init__(two_devices.strategy(), worker=1, workers=2)
    self.first = first

  def gather(self, numbers):
    own = super().gather(numbers)[1]
    return np.stack([own if self.first is None else self.first, own])


@pytest.mark.parametrize('numbers', [
    [0], [5, 0, 7], [2**24 - 1, 2**24, 2**24 + 1, 2**48 - 1]])
def test_numbers_are_said_once(one, numbers):
  """Whatever the number of devices of a host."""
  found = one.gather(numbers)
  assert found.dtype == np.int64 and found.tolist() == [numbers]
  assert hosts.Hosts(two_devices.strategy(), worker=1, workers=3).gather(
      numbers).tolist() == [[0] * len(numbers), numbers, [0] * len(numbers)]
  assert alone.Alone().gather(numbers).tolist() == [numbers]


def test_any():
  assert [Second(first=[first]).any(flag) for first in (0, 1)
          for flag in (False, True)] == [False, True, True, True]
  assert [alone.Alone().any(flag) for flag in (False, True)] == [False, True]


def test_the_same_text():
  assert Second().check_same('The command', 'x') is None
  assert alone.Alone().check_same('The command', 'x') is None
  first = []
  recorder = Second()
  recorder.gather = lambda numbers: first.extend(numbers) or np.zeros([2, 2])
  recorder.check_same('The command', 'x')
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
