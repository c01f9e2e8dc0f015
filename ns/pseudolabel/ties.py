"""Which of the images of one confidence come first by key.

As a rule keys ascend through a pool; that is checked, and then the last image
used is all there is to know. Else the first are sought among `_AT_ONCE` at a
time, in as many passes over the pool as it takes. Memory is then a bit for each
image of the pool, and 2 x max(`_AT_ONCE`, the images sought of one class) keys,
of some 200 bytes each while they are sorted.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from ns.pseudolabel import key_order
from ns.pseudolabel import scan as scans

_AT_ONCE = 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ties:
  """Classes of which some images of one confidence are used, not all.

  Attributes:
    scan: of the pool.
    blocks: of the pool.
    cut: [classes] float32, that confidence.
    first: [classes] int64, how many are used; 0 for other classes.
  """
  scan: scans.Scan
  blocks: Sequence[scans.Block]
  cut: np.ndarray
  first: np.ndarray

  def last_by_place(self) -> np.ndarray | None:
    """The place of the last image used, [classes]; None if keys don't ascend.

    `first` of each class are used by their place in the pool, which is their
    order by key too.
    """
    import pyarrow as pa
    last = np.full(len(self.first), -1)
    seen = np.zeros(len(self.first), np.int64)
    end = None
    for keys, labels, places, ascend in self._tied(self.first > 0,
                                                   key_order.is_ascending):
      if not len(labels):
        continue
      if not ascend or not (end is None or key_order.is_ascending(
          pa.concat_arrays([end, keys.slice(0, 1)]))):
        return None
      end = keys.slice(len(keys) - 1)
      order = np.argsort(labels, kind='stable')
      counts = np.bincount(labels, minlength=len(seen))
      ends_here = np.flatnonzero(
          (seen < self.first) & (self.first <= seen + counts))
      begins = (counts.cumsum() - counts)[ends_here]
      last[ends_here] = places[order[
          begins + (self.first - seen)[ends_here] - 1]]
      seen += counts
    return last

  def bits_by_key(self) -> np.ndarray:
    """Bits of the images that are used, [images / 8] uint8."""
    bits = np.zeros(-(-self.scan.num_images // 8), np.uint8)
    todo = np.flatnonzero(self.first)
    while len(todo):
      number = max(1, np.searchsorted(self.first[todo].cumsum(), _AT_ONCE,
                                      side='right'))
      places = self._first_of(todo[:number])
      np.bitwise_or.at(bits, places >> 3,
                       np.left_shift(1, places & 7).astype(np.uint8))
      todo = todo[number:]
    return bits

  def _tied(self, wanted: np.ndarray, of_keys=lambda keys: None):
    """Yields keys, labels, places of images of each block, and `of_keys`."""
    def of(block):
      rows = self.scan.read(block)
      tied = np.flatnonzero(
          wanted[rows.labels] & (rows.confidences == self.cut[rows.labels]))
      if not len(tied):
        return None, tied, tied, None
      keys = rows.read_keys(tied)
      return keys, rows.labels[tied], rows.places[tied], of_keys(keys)
    return scans.mapped(of, self.blocks)

  def _first_of(self, labels: np.ndarray) -> np.ndarray:
    """The places of the first, by key, of each of `labels`."""
    import pyarrow as pa
    wanted = np.isin(np.arange(len(self.first)), labels)
    limit = 2 * max(_AT_ONCE, int(self.first[labels].sum()))
    found, number = [], 0
    for keys, labels_, places, _ in self._tied(wanted):
      if not len(places):
        continue
      found.append((keys.cast(pa.large_string()), labels_, places))
      number += len(places)
      if number > limit:
        found = [self._first_found(found)]
        number = len(found[0][2])
    return self._first_found(found)[2]

  def _first_found(self, found):
    """Of keys, labels and places the first, by key, of each label."""
    import pyarrow as pa
    keys, labels, places = zip(*found)
    keys = pa.concat_arrays(keys)
    labels, places = np.concatenate(labels), np.concatenate(places)
    order = key_order.argsort(keys)
    order = order[np.argsort(labels[order], kind='stable')]
    counts = np.bincount(labels, minlength=len(self.first))
    rank = np.arange(len(order)) - (counts.cumsum() - counts)[labels[order]]
    # In the order in which they came, which decides between equal keys.
    kept = np.sort(order[rank < self.first[labels[order]]])
    return keys.take(pa.array(kept)), labels[kept], places[kept]
