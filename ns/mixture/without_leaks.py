"""Leaves out of a run what is in its evaluation sets, too.

What that is says a list of `bazel run //tools:find_leakage`, which is made for
just these sources: a list of others says nothing about the images that were not
compared.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import files
from ns.mixture import leakage_list
from ns.mixture import sources
from ns.mixture import without


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithoutLeaks:
  """Leaves out the images of a list.

  What is left out enters the fingerprints, by the digest of what is left.

  Attributes:
    path: of the list.
    sets: of which images are left out: `unlabelled`, `labelled` or both.
    kinds: `exact`, `near` or both.
    max_difference: of near ones, the largest difference at which they are left
      out; None for that of the list.
    other_sources: whether a list is taken that was made for sources with other
      contents. It is read by its keys, all of which have to be there; images
      that were not compared stay.
  """
  path: str
  sets: Sequence[str] = ('unlabelled',)
  kinds: Sequence[str] = leakage_list.KINDS
  max_difference: float | None = None
  other_sources: bool = False

  def __post_init__(self):
    checks.instance(self, 'path', str)
    for name, choices in (('sets', ('unlabelled', 'labelled')),
                          ('kinds', leakage_list.KINDS)):
      checks.instance(self, name, list, tuple)
      value = tuple(getattr(self, name))
      object.__setattr__(self, name, value)
      if not value or not set(value) <= set(choices):
        raise ValueError(
            f'`WithoutLeaks.{name}` should be some of '
            f'{", ".join(map(repr, choices))}, but is {list(value)!r}.')
    if self.max_difference is not None:
      checks.number(self, 'max_difference', at_least=0)
    checks.one_of(self, 'other_sources', (True, False))

  def of(self, source: sources.Source,
         evaluation_sets: Sequence[sources.Source],
         part_of: str | None = None) -> sources.Source:
    """The source without its leaks, or all of it if it is none of `sets`.

    Args:
      source: a set of a split, by whose name the list has it; or a part of one.
      evaluation_sets: those of the split.
      part_of: the name of the set that it is a part of, if it is.

    Raises:
      RunError: the list is not there, is of other sources, or names what they
        do not have.
    """
    if (part_of or source.name) not in self.sets:
      return source
    path = files.data_path(self.path)
    heading = leakage_list.heading(path)
    same = self._check(heading.header, source, evaluation_sets)
    rows = self._rows(path, heading, source.name,
                      [each.name for each in evaluation_sets])
    if len(rows):
      indices = (self._indices if same else self._looked_up)(rows, source)
    else:
      indices = np.empty(0, np.int64)
    return without.Without(source=source, left_out=indices)

  def _check(self, header, source, evaluation_sets) -> bool:
    """Whether the list is of the same contents; raises if it has to be."""
    compared = {each.name: each for each in header.sets}
    if source.name not in compared:
      raise errors.RunError(
          f'`{self.path}` should be a list of the leaks of `{source.name}`, but '
          f'is of {", ".join(compared) or "nothing"}; make it anew with `bazel '
          'run //tools:find_leakage`, or change `WithoutLeaks.sets`.')
    others = {each.name: each for each in header.evaluation_sets}
    for now, then in (
        (source, compared[source.name]),
        *((each, others.get(each.name)) for each in evaluation_sets)):
      if then is not None and now.digest() == then.digest:
        continue
      if self.other_sources:
        return False
      told = ('was not compared with' if then is None else
              f'had {then.num_examples:,} images with other contents then')
      raise errors.RunError(
          f'`{self.path}` should be made for the sources of this run, but '
          f'`{now.name}`, of {now.num_examples:,} images, {told}; make it anew '
          'with `bazel run //tools:find_leakage`, or bind '
          '`WithoutLeaks.other_sources = True` to leave out what it names.')
    return True

  def _rows(self, path, heading, name: str, evaluation_sets: list[str]):
    columns = ['key', 'index', 'kind', 'difference']
    # A list may have more: images of a set that are like others of it.
    rows = leakage_list.read(path, columns, set=name, kind=list(self.kinds),
                             evaluation_set=evaluation_sets)
    if self.max_difference is None:
      return rows
    limit = heading.header.search['max_difference']
    if self.max_difference > limit:
      raise errors.RunError(
          f'`WithoutLeaks.max_difference` should be at most the {limit} that '
          f'`{self.path}` was made with, but is {self.max_difference}; make the '
          'list with a larger one.')
    near = rows['difference'].to_numpy() <= np.float32(self.max_difference)
    exact = rows['kind'].to_numpy(zero_copy_only=False) == leakage_list.EXACT
    return rows.filter(near | exact)

  def _indices(self, rows, source) -> np.ndarray:
    indices, first = np.unique(rows['index'].to_numpy(), return_index=True)
    if 0 <= indices[0] and indices[-1] < source.num_examples:
      found = source.keys(indices)
      if found == rows['key'].take(first).to_pylist():
        return indices
    raise errors.RunError(
        f'`{self.path}` should have the keys of `{source.name}`, of which it '
        'has the digest, but has others; it was changed, so make it anew with '
        '`bazel run //tools:find_leakage`.')

  def _looked_up(self, rows, source) -> np.ndarray:
    """The indices of the keys of a list that was made for other sources."""
    import pyarrow
    from pyarrow import compute
    keys = compute.unique(rows['key'])
    found = compute.index_in(
        keys, value_set=pyarrow.array(source.keys(), pyarrow.string()))
    if found.null_count:
      gone = keys.filter(found.is_null())
      raise errors.RunError(
          f'`{self.path}` should name images of `{source.name}`, but '
          f'{len(gone):,} of its {len(keys):,} keys are not there, such as '
          f'`{gone[0]}`; make it anew with `bazel run //tools:find_leakage`.')
    return np.sort(found.to_numpy().astype(np.int64))


def applied(policy: WithoutLeaks | None, source: sources.Source,
            evaluation_sets: Sequence[sources.Source],
            part_of: str | None = None) -> sources.Source:
  """What `policy.of` gives; the source if there is no policy."""
  return (source if policy is None
          else policy.of(source, evaluation_sets, part_of))


def left_out(*splits: sources.Source) -> dict[str, int]:
  """How many images each of some sets is without."""
  return {each.name: len(each.left_out) for each in splits
          if isinstance(each, without.Without)}
