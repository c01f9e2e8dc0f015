"""Hosts of a run that are threads of one program."""

from collections.abc import Callable
from collections.abc import Sequence
from concurrent import futures
import threading
from typing import Any

import numpy as np

from ns.core.runtime import hosts

_SECONDS = 60.0


class ThreadHost(hosts.Hosts):
  """One of them: it says its numbers where the others read them."""

  def __init__(self, worker: int, said: list, barrier: threading.Barrier):
    self.worker, self.workers = worker, len(said)
    self._said, self._barrier = said, barrier

  def _gather(self, numbers: Sequence[int], most: int) -> np.ndarray:
    del most
    self._said[self.worker] = list(numbers)
    self._barrier.wait()
    found = np.array(self._said, np.int64)
    self._barrier.wait()
    return found


def run(function: Callable[[ThreadHost], Any], workers: int = 2) -> list[Any]:
  """What `function` gives on each host.

  Raises:
    Exception: what it raises on the first host on which it does; the others end
      where they meet it next.
  """
  said = [None] * workers
  barrier = threading.Barrier(workers, timeout=_SECONDS)

  def on(worker: int):
    try:
      return function(ThreadHost(worker, said, barrier))
    except Exception:
      barrier.abort()
      raise

  with futures.ThreadPoolExecutor(workers) as threads:
    running = [threads.submit(on, worker) for worker in range(workers)]
    errors = [each.exception() for each in running]
    for error in sorted(filter(None, errors), key=lambda error: isinstance(
        error, threading.BrokenBarrierError)):
      raise error
    return [each.result() for each in running]
