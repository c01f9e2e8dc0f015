"""The broken images that a training has met, each counted once."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import sys
from typing import Any

from ns.mixture import broken

LABELLED = 'labelled'
PSEUDO_LABELLED = 'pseudo_labelled'
_NAMED = 20


class Broken:
  """The keys of images that did not decode, by kind: labelled or not.

  They are of the steps that were taken: of batches that were made ahead
  nothing is counted. Those of all hosts are put together before each summary
  and each checkpoint, of which they are a part.
  """

  def __init__(self, job, found: Mapping[str, Sequence[str]]):
    """Goes on from what `agreed` gave.

    Args:
      job: a `Job`.
      found: keys by kind.
    """
    self._job = job
    self._found = {(kind, key) for kind, keys in found.items() for key in keys}
    self._new = []

  def meet(self, images: Iterable[tuple[str, str]]) -> None:
    """Takes kind and key of the broken images of a batch.

    Each is named once on standard error, the first twenty.
    """
    for kind, key in images:
      if (kind, key) in self._found:
        continue
      self._found.add((kind, key))
      self._new.append((kind, key))
      if len(self._found) <= _NAMED:
        more = '; no more are named' if len(self._found) == _NAMED else ''
        print(f'{self._job.name}: the image `{key}` does not decode, and '
              f'counts for nothing{more}', file=sys.stderr, flush=True)

  def agreed(self, step: int) -> dict[str, list[str]]:
    """The keys that all hosts have met until `step`, by kind, sorted.

    Raises:
      RunError: they are more than may be.
    """
    self._found.update(map(tuple, self._job.hosts.union(self._new)))
    self._new = []
    found = {}
    for kind, key in sorted(self._found):
      found.setdefault(kind, []).append(key)
    for kind, keys in found.items():
      if limit := self._job.max_broken.get(kind):
        limit.check(len(keys), keys, f' by step {step:,} of {self._job.name}')
    return found



def results(job, found: Mapping[str, Sequence[str]]) -> dict[str, Any]:
  """What the results of a training say of what `Broken.agreed` gave.

  Returns:
    `broken_images`, how many; and `broken`, by kind, as of
    `ns.mixture.broken.Limit.told`. Nothing where there is none.
  """
  if not found:
    return {}
  told = {kind: getattr(job.max_broken.get(kind), 'told', broken.told)
          for kind in found}
  return {'broken_images': sum(map(len, found.values())),
          'broken': {kind: told[kind](len(keys), keys)
                     for kind, keys in found.items()}}
