"""How the steps of a training are divided into calls of the device.

A call takes `steps_per_call` steps without the host in between; what the host
does every so many steps, it does between two calls. So a call is never across
one of these boundaries: the steps before it that are too few for a whole call
are taken one by one. That makes two compiled shapes, whatever the cadences.
"""

from collections.abc import Iterable
from collections.abc import Iterator
from concurrent import futures
import dataclasses
import itertools
from typing import Any

from ns.core import checks


def divided(first: int, num_steps: int, steps_per_call: int,
            *cadences: int) -> Iterator[tuple[int, int]]:
  """The calls from step `first` on, as (first step, number of steps).

  Args:
    first: the first step; no boundary need be there.
    num_steps: of the training.
    steps_per_call: of a whole call.
    *cadences: every so many steps is a boundary, counted from 0.
  """
  step = first
  while step < num_steps:
    boundary = min([num_steps, *((step // every + 1) * every
                                 for every in cadences)])
    count = steps_per_call if step + steps_per_call <= boundary else 1
    yield step, count
    step += count


@dataclasses.dataclass(frozen=True, kw_only=True)
class Call:
  """A call, and what is due when it is done.

  Attributes:
    first: its first step.
    count: how many steps it takes.
    is_last: whether there is no other.
    saves: whether a checkpoint is due.
    sums_up: whether a summary is.
    selects: whether a measurement on validation is.
  """
  first: int
  count: int
  is_last: bool
  saves: bool
  sums_up: bool
  selects: bool

  @property
  def done(self) -> int:
    """How many steps are taken when it is done."""
    return self.first + self.count

  @property
  def is_looked_at(self) -> bool:
    """Whether anything is due, for which its metrics are read."""
    return self.saves or self.sums_up or self.selects


def of_training(how, first: int) -> Iterator[Call]:
  """The calls of a `Training` or a `FineTune` from step `first` on."""
  select_every = getattr(how.selection, 'every_steps', how.num_steps)
  for step, count in divided(
      first, how.num_steps, how.steps_per_call, how.checkpoint_every_steps,
      how.summary_every_steps, select_every):
    done = step + count
    is_last = done == how.num_steps
    yield Call(
        first=step, count=count, is_last=is_last,
        saves=done % how.checkpoint_every_steps == 0 and not is_last,
        sums_up=done % how.summary_every_steps == 0 or is_last,
        selects=how.selection is not None and (
            done % select_every == 0 or is_last))


class Feed:
  """The batches of one call after the other, in lists.

  While a call of several steps lasts, a thread gets the batches of the next
  one: the pipeline itself keeps only a few ready.
  """

  def __init__(self, batches: Iterator[Any], counts: Iterable[int],
               is_ahead: bool):
    """The arguments.

    Args:
      batches: all of them, in order.
      counts: how many each call takes.
      is_ahead: whether there is such a thread; it ends with this object.
    """
    self._batches, self._counts = batches, iter(counts)
    self._executor = futures.ThreadPoolExecutor(1) if is_ahead else None
    self._following = None

  def take(self) -> list[Any]:
    """The batches of the next call; raises what making them raised."""
    if not self._executor:
      return self._get()
    found = (self._following or self._executor.submit(self._get)).result()
    self._following = self._executor.submit(self._get)
    return found

  def _get(self) -> list[Any]:
    return list(itertools.islice(self._batches, next(self._counts, 0)))


def check(how) -> None:
  """Checks `how.steps_per_call` against the cadences.

  Raises:
    ValueError: no whole call fits between two boundaries.
  """
  checks.integer(how, 'steps_per_call', at_least=1)
  kind = type(how).__name__
  cadences = [(kind, name, getattr(how, name))
              for name in ('checkpoint_every_steps', 'summary_every_steps')]
  if every := getattr(how.selection, 'every_steps', None):
    cadences.append((type(how.selection).__name__, 'every_steps', every))
  for owner, name, every in cadences:
    if how.steps_per_call > every:
      raise ValueError(
          f'`{kind}.steps_per_call` should be at most `{owner}.{name}` = '
          f'{every}, since a call ends where that is due, but is '
          f'{how.steps_per_call}; bind fewer steps, or a larger `{name}`.')
