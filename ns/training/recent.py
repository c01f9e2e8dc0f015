"""The metrics of the steps that are not summed up yet."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np


class Recent:
  """The metrics of some steps in a row, which may still be on the device."""

  def __init__(self, told: Sequence[Mapping[str, float]] = ()):
    """Goes on from what `read` gave."""
    self._told, self._calls = list(told), []

  @property
  def is_read(self) -> bool:
    """Whether the device has nothing to do for any of them."""
    return not self._calls

  def append(self, metrics: Mapping[str, object]) -> None:
    """Adds those of a call: of each step, [steps] float32."""
    self._calls.append(metrics)

  def read(self) -> list[dict[str, float]]:
    """The metrics of each step, when the device has taken it."""
    for metrics in self._calls:
      values = [np.ravel(of_steps).astype(float).tolist()
                for of_steps in metrics.values()]
      self._told += [dict(zip(metrics, of_step)) for of_step in zip(*values)]
    self._calls = []
    return list(self._told)

  def sum_up(self) -> dict[str, float]:
    """Their means; the next steps begin anew."""
    told = self.read()
    self._told = []
    return {name: sum(of_step[name] for of_step in told) / len(told)
            for name in told[0]}
