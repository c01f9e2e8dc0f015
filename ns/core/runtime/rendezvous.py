"""All hosts are there before TensorFlow begins.

TensorFlow's own start waits for the others without an end, names none of them,
and hears no signal meanwhile. So the hosts meet here first: the chief listens
at its address, the others call there, and when all did they are told to go on.
They stay connected, on a port that TensorFlow may then listen at all the same.
"""

import contextlib
import json
import os
import socket
import time

from ns.core import errors
from ns.core import termination
from ns.core.runtime import cluster as cluster_lib

_AGAIN_SECONDS = 0.2
# Between two looks at whether the program is asked to end.
_LOOK_SECONDS = 1.0
_LONGEST_LINE = 2**20
# Of one length.
_GO, _OTHER = b'go', b'no'


def meet(cluster: cluster_lib.Cluster, seconds: float
         ) -> dict[int, socket.socket]:
  """Returns when all hosts of the cluster came here.

  Args:
    cluster: with this host's place in it.
    seconds: how long to wait for the others.

  Returns:
    The chief's connections to the others, by their numbers; that of another
    host to the chief, which is number 0.

  Raises:
    RunError: one did not come in that time, or knows another cluster.
    Terminated: that was asked for.
  """
  deadline = time.monotonic() + seconds
  how = _call if cluster.worker else _listen
  return how(cluster, deadline, seconds)


def _listen(cluster: cluster_lib.Cluster, deadline: float, seconds: float
            ) -> dict[int, socket.socket]:
  with (contextlib.ExitStack() as stack,
        _server(cluster, deadline, seconds) as server):
    server.settimeout(_LOOK_SECONDS)
    present = {}
    while missing := set(range(1, len(cluster.addresses))) - present.keys():
      termination.check()
      if time.monotonic() > deadline:
        names = ' and '.join(_name(cluster, number)
                             for number in sorted(missing))
        raise errors.RunError(
            f'The chief waited {seconds:g} s for {names}; start the program '
            'there with the same command, or look at why it ended.')
      try:
        called = stack.enter_context(server.accept()[0])
        called.settimeout(_LOOK_SECONDS)
        said = json.loads(called.makefile('rb').readline(_LONGEST_LINE))
      except (OSError, ValueError):
        continue  # Nobody, or not of this program.
      match said:
        case [int(worker), list(addresses)]:
          pass
        case _:
          continue  # Neither.
      if addresses != list(cluster.addresses):
        called.sendall(_OTHER)
        raise errors.RunError(
            f'`{cluster_lib.VARIABLE}` should have the same cluster on all '
            f'hosts, but has {list(cluster.addresses)} at the chief and '
            f'{addresses} at worker {worker}.')
      present[worker] = called
    for called in present.values():
      with contextlib.suppress(OSError):  # It is found out who went.
        called.sendall(_GO)
    stack.pop_all()
    return present


def _server(cluster, deadline, seconds) -> socket.socket:
  address = cluster.addresses[0]
  while True:
    try:
      return socket.create_server(
          ('', int(address.rpartition(':')[2])), backlog=64)
    except OSError as error:
      # An earlier start of the run may be about to end.
      if time.monotonic() > deadline:
        raise errors.RunError(
            f'The chief waited {seconds:g} s to listen at `{address}`: '
            f'{os.strerror(error.errno)}; end the program that does, or take another '
            f'port in `{cluster_lib.VARIABLE}`.') from error
    termination.check()
    time.sleep(_AGAIN_SECONDS)


def _call(cluster: cluster_lib.Cluster, deadline: float, seconds: float
          ) -> dict[int, socket.socket]:
  while True:
    chief, answer = _answer(cluster, deadline)
    if answer == _GO:
      return {0: chief}
    if answer == _OTHER:
      raise errors.RunError(
          f'`{cluster_lib.VARIABLE}` should have the same cluster on all '
          f'hosts, but has {list(cluster.addresses)} at worker '
          f'{cluster.worker} and another one at the chief.')
    if time.monotonic() > deadline:
      raise errors.RunError(
          f'Worker {cluster.worker} waited {seconds:g} s for '
          f'{_name(cluster, 0)}; start the program there with the same '
          'command, or look at why it ended.')
    time.sleep(_AGAIN_SECONDS)


def _answer(cluster: cluster_lib.Cluster, deadline: float
            ) -> tuple[socket.socket | None, bytes]:
  """The chief, which stays open if it says go, and what it says.

  None and nothing if it is not there.
  """
  host, _, port = cluster.addresses[0].rpartition(':')
  said = json.dumps([cluster.worker, cluster.addresses]) + '\n'
  termination.check()
  with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
    chief = stack.enter_context(socket.create_connection(
        (host.strip('[]'), int(port)), _LOOK_SECONDS))
    chief.sendall(said.encode())
    while time.monotonic() < deadline:
      termination.check()
      with contextlib.suppress(TimeoutError):
        answer = chief.recv(len(_GO))
        if answer == _GO:
          stack.pop_all()
        return chief, answer
  return None, b''


def _name(cluster: cluster_lib.Cluster, worker: int) -> str:
  name = f'worker {worker}' if worker else 'the chief'
  return f'{name} at `{cluster.addresses[worker]}`'
