import types

import pytest

from ns.loop import fitting
from ns.loop import work


class Small:
  """A runtime of so many replicas and bytes."""

  def __init__(self, replicas, memory, on_host=False):
    self.replicas, self._memory, self.on_host = replicas, memory, on_host

  def memory_bytes(self):
    return self._memory

  def strategy(self):
    raise AssertionError


def halved(runtime, flops, needed=lambda size: ()):
  """What is taken for a batch of 24."""
  run = types.SimpleNamespace(runtime=runtime)
  return fitting.batch(run, 24, work.Work(images=1, flops=flops), needed)


@pytest.mark.parametrize('replicas, memory, on_host, fits', [
    (1, None, False, 24), (1, 2500, False, 24), (1, 2499, False, 12),
    (1, 700, False, 6), (1, 199, False, 0),
    # Replicas take a part each, all of them an equal one.
    (2, 1300, False, 24), (2, 700, False, 12), (5, 600, False, 20),
    # On the host the program counts, and half of the memory is others'.
    (1, 2 * 12499, True, 12), (1, 2 * 12500, True, 24), (1, 9000, True, 0)])
def test_a_batch_is_halved_until_it_fits(replicas, memory, on_host, fits):
  needed = lambda size: [
      types.SimpleNamespace(on_device=of, total=10_000 + of)
      for of in (1, 100 + 100 * size // replicas)]
  assert halved(Small(replicas, memory, on_host), 1, needed) == fits


def test_a_long_step_has_a_smaller_batch():
  # Four seconds an image on a host, and a step takes 20 at most.
  assert halved(Small(1, None, on_host=True), 2 * 10**11) == 3
  assert halved(Small(2, None, on_host=True), 2 * 10**11) == 6
  assert halved(Small(1, None), 2 * 10**11) == 24
  assert halved(Small(1, None, on_host=True), 10**15) == 1
