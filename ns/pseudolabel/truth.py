"""What is known of a pool that a selection must not know: for its report only.

Of some pools the labels are known, and hidden; of some it is known which images
are foreign, of none of the classes (`Source.foreign`, or a hidden label below
0).
"""

from collections.abc import Mapping
import dataclasses

import numpy as np

from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Truth:
  """What is known of a pool; decides on nothing.

  Attributes:
    hidden: [images] integers, labels, below 0 for foreign images; or None.
    foreign: [images] bool; None where none is known to be foreign.
  """
  hidden: np.ndarray | None = None
  foreign: np.ndarray | None = None

  def marks(self, first: int, labels: np.ndarray) -> dict[str, np.ndarray]:
    """What is true of images, [rows] bool each: `right`, `foreign`.

    Args:
      first: the place of the first of them in the pool.
      labels: [rows], what they are taken for.
    """
    rows = slice(first, first + len(labels))
    marks = {}
    if self.hidden is not None:
      marks['right'] = labels == self.hidden[rows]
    if self.foreign is not None:
      marks['foreign'] = self.foreign[rows]
    return marks

  @property
  def names(self) -> tuple[str, ...]:
    """Of the marks that there are."""
    return tuple(self.marks(0, np.empty(0, np.int64)))


def of(source, images: int) -> Truth:
  """What a source tells of its images.

  Raises:
    RunError: it tells of another number of images.
  """
  hidden = _told(source, 'hidden_labels', 'hidden labels', images)
  foreign = _told(source, 'foreign', 'foreign images', images)
  if foreign is None and hidden is not None:
    foreign = hidden < 0
  if foreign is not None and not foreign.any():
    foreign = None
  return Truth(hidden=hidden, foreign=foreign)


def report(counts: Mapping[str, int], marked: Mapping[str, Mapping[str, int]]
           ) -> dict:
  """Figures of how good a selection is.

  Args:
    counts: images of the `pool`, `kept` and `used`.
    marked: for `right` and `foreign`, where known, how many of these.

  Returns:
    Where labels are known, the share of right ones: `accuracy_pool`,
    `accuracy_kept` and `accuracy_used`; a foreign image is never right. Where
    foreign images are, their numbers `foreign_pool` and so on; the shares of
    the others among all, `precision_pool`, `precision_kept` and
    `precision_used`; and among the others of the pool the shares of those that
    are kept and used: `recall_kept`, `recall_used`.
  """
  found = {}
  share = lambda some, all_: some / all_ if all_ else None
  for kind, right in marked.get('right', {}).items():
    found[f'accuracy_{kind}'] = share(right, counts[kind])
  for kind, foreign in marked.get('foreign', {}).items():
    own = counts[kind] - foreign
    found[f'foreign_{kind}'] = foreign
    found[f'precision_{kind}'] = share(own, counts[kind])
    if kind != 'pool':
      found[f'recall_{kind}'] = share(
          own, counts['pool'] - marked['foreign']['pool'])
  return found


def _told(source, name: str, words: str, images: int) -> np.ndarray | None:
  told = getattr(source, name, lambda: None)()
  if told is None:
    return None
  if np.shape(told) != (images,):
    raise errors.RunError(
        f'The {words} of `{source.name}` should be {images}, one for each '
        f'image, but are of shape {list(np.shape(told))}.')
  return np.asarray(told)
