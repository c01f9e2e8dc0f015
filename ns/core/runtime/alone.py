"""One host, which has nobody to wait for."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Alone:
  """The hosts of a run that are one; offers what `hosts.Hosts` does."""
  workers = 1
  worker = 0
  is_chief = True

  def gather(self, numbers: Sequence[int], waits: bool = False) -> np.ndarray:
    return np.array([numbers], np.int64)

  def any(self, flag: bool) -> bool:
    return flag

  def union(self, items: Sequence[Any]) -> list[Any]:
    return list(items)

  def meet(self) -> None:
    pass

  def wait(self, flag: bool = False) -> bool:
    return flag

  def check_same(self, what: str, text: str) -> None:
    pass

  def wait_for(self, is_there: Callable[[], bool], what: str) -> None:
    pass

  @contextlib.contextmanager
  def together(self) -> Iterator[None]:
    yield


class OneHost:
  """What runtimes of one host have in common."""
  workers = 1
  worker = 0
  is_chief = True

  def start(self) -> None:
    """Nothing has to come first."""

  def local_strategy(self):
    """All devices are this host's."""
    return self.strategy()

  def hosts(self) -> Alone:
    return Alone()
