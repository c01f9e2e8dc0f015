"""What hosts do together; programs of their own are in tests/integration."""

import socket

import numpy as np
import pytest
import tensorflow as tf

from ns.core import errors
from ns.core import termination
from ns.core.runtime import alone
from ns.core.runtime import hosts
from tests.support import thread_hosts


def second():
  """Another host than the chief, whom nobody says anything."""
  return hosts.Hosts(1, 2, thread_hosts.joined()[1])


@pytest.mark.parametrize('workers', [1, 2, 3])
@pytest.mark.parametrize('numbers', [[0], [5, 0, 7], [2**63 - 1, -1, 2, 3, 4]])
def test_each_says_its_numbers(numbers, workers):
  found = thread_hosts.run(lambda each: each.gather(
      [number - each.worker for number in numbers], waits=True), workers)
  for table in found:
    assert table.dtype == np.int64
    assert table.tolist() == [[number - worker for number in numbers]
                              for worker in range(workers)]
  assert alone.Alone().gather(numbers, waits=True).tolist() == [numbers]


@pytest.mark.parametrize('first', [
    [], [['a', 'ä/1']], [['b', f'{i:04}'] for i in range(1000)]])
@pytest.mark.parametrize('second', [[], [['c', 'x' * 2**16]]])
def test_union(first, second):
  items = first, second
  assert thread_hosts.run(lambda each: each.union(items[each.worker])) == [
      first + second] * 2
  assert alone.Alone().union(second) == second


@pytest.mark.parametrize('said', ['any', 'wait'])
def test_whether_any_says_so(said):
  for first in False, True:
    for other in False, True:
      assert thread_hosts.run(lambda each: getattr(each, said)(
          (first, other)[each.worker])) == [first or other] * 2
    assert getattr(alone.Alone(), said)(first) == first


def test_what_hosts_say_is_in_order():
  def count(each):
    found = []
    for number in range(50):
      found.append(each.gather([number]).tolist())
      each.meet()
    return found

  assert thread_hosts.run(count, 3) == [
      [[[number]] * 3 for number in range(50)]] * 3


def test_the_same_text():
  assert alone.Alone().check_same('The command', 'x') is None
  assert thread_hosts.run(
      lambda each: each.check_same('The command', 'x'), 3) == [None] * 3
  with pytest.raises(errors.RunError) as caught:
    thread_hosts.run(lambda each: each.check_same(
        'The command', 'y' if each.worker == 1 else 'x'), 3)
  assert str(caught.value) == (
      "The command should be the same on all 3 hosts, but is another one than "
      "the chief's on worker 1; give all of them the same command, software, "
      'data and `--work_dir`.')


@pytest.mark.parametrize('said', ['meet', 'wait'])
@pytest.mark.parametrize('ends', [0, 1, 2])
def test_a_host_that_ends_is_known_at_once(said, ends):
  failed = {}

  def say(each):
    if each.worker == ends:
      return
    with pytest.raises(errors.RunError) as caught:
      getattr(each, said)()
    failed[each.worker] = str(caught.value)
    raise KeyError

  with pytest.raises(KeyError):
    thread_hosts.run(say, 3)
  assert failed == {worker: (
      f'Another host of the 3 has ended, and worker {worker} ends with it: look '
      'at what the others said. The same command on all of them goes on from '
      'what is finished and the last checkpoint.')
      for worker in range(3) if worker != ends}


def test_a_host_that_dies_while_it_speaks():
  chief, other = thread_hosts.joined()
  other[0].sendall(b'[["a", "b')
  other[0].close()
  with pytest.raises(errors.RunError) as caught:
    hosts.Hosts(0, 2, chief).union([])
  assert str(caught.value).startswith('Another host of the 2 has ended')


@pytest.fixture(name='heard')
def make_heard():
  """Whether the program is asked to end, which it is not before."""
  with termination.heard():
    yield termination.is_requested


@pytest.mark.parametrize('ends', [0, 1])
def test_a_host_that_is_asked_to_end_asks_the_others(ends, heard):
  def end_or_wait(each):
    with each.together():
      if each.worker == ends:
        raise errors.Terminated
      each.wait()

  with pytest.raises(errors.Terminated):
    thread_hosts.run(end_or_wait, 3)
  assert heard()


def test_the_chief_passes_the_request_on_once(heard):
  chief, *others = thread_hosts.joined(3)
  lines = [each[0].makefile('rw') for each in others]
  hosts.Hosts(0, 3, chief)
  lines[0].write('"end"\n')
  lines[0].flush()
  assert [each.readline() for each in lines] == ['"end"\n'] * 2
  assert heard()
  lines[1].write('"end"\n')  # As they answer.
  lines[1].flush()
  chief[2].shutdown(socket.SHUT_WR)
  assert lines[1].read() == ''


def test_what_is_done_together_is_not_left(heard):
  """A request is no reason to leave the others alone in a step."""
  def ask(each):
    termination.request()
    return each.any(each.worker == 1), each.gather([each.worker]).tolist()

  assert thread_hosts.run(ask) == [(True, [[0], [1]])] * 2
  assert heard()
  with pytest.raises(errors.Terminated):
    thread_hosts.run(lambda each: each.wait())


def test_waiting_for_a_file(monkeypatch):
  answers = iter([False, False, True])
  monkeypatch.setattr(hosts, '_AGAIN_SECONDS', 0.0)
  second().wait_for(lambda: next(answers), 'a file')
  assert not list(answers)
  monkeypatch.setattr(hosts, '_SEEN_SECONDS', 0.0)
  with pytest.raises(errors.RunError) as caught:
    second().wait_for(lambda: False, '/run/manifest.json')
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
    with second().together():
      raise raised
  assert str(caught.value) == (
      'Another host of the 2 has ended, and worker 1 ends with it: look at what '
      'the others said. The same command on all of them goes on from what is '
      'finished and the last checkpoint.')

  def check():
    raise errors.Terminated

  monkeypatch.setattr(termination, 'check', check)
  with pytest.raises(errors.Terminated):  # So do all.
    with second().together():
      raise raised


@pytest.mark.parametrize('raised', [
    error(tf.errors.InternalError, 'a bug'),
    error(tf.errors.ResourceExhaustedError, 'OOM'), ValueError('no')])
def test_other_errors_are_what_they_are(raised):
  with pytest.raises(type(raised)):
    with second().together():
      raise raised
