"""Hosts of a run that are threads of one program."""

from collections.abc import Callable
from concurrent import futures
import contextlib
import socket
from typing import Any

from ns.core.runtime import hosts


def joined(workers: int = 2) -> list[dict[int, socket.socket]]:
  """The connections of each host, as `rendezvous.meet` gives them."""
  pairs = {number: socket.socketpair() for number in range(1, workers)}
  return [{number: pair[0] for number, pair in pairs.items()},
          *({0: pair[1]} for pair in pairs.values())]


def run(function: Callable[[hosts.Hosts], Any], workers: int = 2) -> list[Any]:
  """What `function` gives on each host.

  Raises:
    Exception: what it raises on the first host on which it does; the others
      learn of its end where they wait for it.
  """
  connections, failures = joined(workers), []

  def on(worker: int):
    try:
      return function(hosts.Hosts(worker, workers, connections[worker]))
    except Exception as error:
      failures.append(error)
      raise
    finally:
      for each in connections[worker].values():
        with contextlib.suppress(OSError):  # The other one was first.
          each.shutdown(socket.SHUT_WR)

  with futures.ThreadPoolExecutor(workers) as threads:
    running = [threads.submit(on, worker) for worker in range(workers)]
    futures.wait(running)
    for failure in failures:
      raise failure
    return [each.result() for each in running]
