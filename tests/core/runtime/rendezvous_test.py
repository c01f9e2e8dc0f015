"""Hosts that wait for each other, each a thread here."""

from concurrent import futures
import socket

import pytest

from ns.core import errors
from ns.core import termination
from ns.core.runtime import cluster
from ns.core.runtime import rendezvous


@pytest.fixture
def addresses():
  """Three of this machine that nobody listens at."""
  with socket.create_server(('127.0.0.1', 0)) as server:
    port = server.getsockname()[1]
  return tuple(f'127.0.0.1:{port + i}' for i in range(3))


def meet(addresses, worker, seconds=20.0):
  return rendezvous.meet(
      cluster.Cluster(addresses=addresses, worker=worker), seconds)


def said(of):
  with pytest.raises(errors.RunError) as caught:
    of.result()
  return str(caught.value)


def test_all_hosts_meet_and_do_again(addresses):
  """In any order; they stay connected, and yet the port is free."""
  with futures.ThreadPoolExecutor(3) as threads:
    for order in (0, 1, 2), (2, 1, 0):
      meeting = {i: threads.submit(meet, addresses, i) for i in order}
      chief, *others = (meeting[i].result() for i in range(3))
      assert [sorted(each) for each in (chief, *others)] == [[1, 2], [0], [0]]
      socket.create_server(
          ('', int(addresses[0].rpartition(':')[2]))).close()
      for number, other in enumerate(others, 1):
        chief[number].sendall(bytes([number]))
        assert other[0].recv(8) == bytes([number])
        chief[number].close()
        assert other[0].recv(8) == b''
        other[0].close()


def test_a_lone_host_does_not_wait(addresses):
  assert meet(addresses[:1], 0) == {}


def test_a_host_that_does_not_come(addresses):
  with futures.ThreadPoolExecutor(2) as threads:
    chief = threads.submit(meet, addresses, 0, 1.5)
    other = threads.submit(meet, addresses, 1, 1.5)
    assert said(chief) == (
        f'The chief waited 1.5 s for worker 2 at `{addresses[2]}`; start the '
        'program there with the same command, or look at why it ended.')
    assert said(other) == (
        f'Worker 1 waited 1.5 s for the chief at `{addresses[0]}`; start the '
        'program there with the same command, or look at why it ended.')


def test_hosts_that_know_different_ones(addresses):
  with futures.ThreadPoolExecutor(2) as threads:
    chief = threads.submit(meet, addresses, 0)
    other = threads.submit(meet, addresses[:2], 1)
    assert said(chief) == (
        '`TF_CONFIG` should have the same cluster on all hosts, but has '
        f'{list(addresses)} at the chief and {list(addresses[:2])} at worker 1.'
    )
    assert said(other) == (
        '`TF_CONFIG` should have the same cluster on all hosts, but has '
        f'{list(addresses[:2])} at worker 1 and another one at the chief.')


@pytest.mark.parametrize('said', [
    b'GET / HTTP/1.1\r\n', b'\xff\n', b'5\n', b'"ab"\n', b'[1, 2]\n',
    b'{"a": 1, "b": []}\n', b'[[], []]\n'])
def test_a_stranger_is_passed_over(addresses, said):
  host, port = addresses[0].split(':')
  with futures.ThreadPoolExecutor(1) as threads:
    chief = threads.submit(meet, addresses[:2], 0)
    while True:
      try:
        with socket.create_connection((host, int(port))) as stranger:
          stranger.sendall(said)
        break
      except ConnectionRefusedError:
        pass
    assert list(meet(addresses[:2], 1)) == [0]
    assert list(chief.result()) == [1]


def test_a_port_that_is_taken(addresses):
  with socket.create_server(('', int(addresses[0].rpartition(':')[2]))):
    with pytest.raises(errors.RunError) as caught:
      meet(addresses, 0, 0.3)
  assert str(caught.value) == (
      f'The chief waited 0.3 s to listen at `{addresses[0]}`: Address already '
      'in use; end the program that does, or take another port in `TF_CONFIG`.')


@pytest.mark.parametrize('worker', [0, 1])
def test_whoever_waits_hears_that_it_should_end(addresses, monkeypatch, worker):
  def check():
    raise errors.Terminated

  monkeypatch.setattr(termination, 'check', check)
  with pytest.raises(errors.Terminated):
    meet(addresses, worker)
