"""What there is to see of pseudo-labels, read from the files of a run.

Everything streams over the files of predictions, in the order of the pool, and
the selection beside them, which is in the same order. Memory goes by classes,
by the images that are shown and by the largest shard.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np

from ns.core import errors
from ns.pseudolabel import header as headers
from ns.pseudolabel import store

KINDS = ('most confident', 'least confident of those used', 'not used')
BINS = 50
# Of the images of a class that are not used, so many are kept in mind, drawn by
# chance, of which those shown are spread over their confidences.
_DRAWN = 256


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
  """An image to be shown.

  Attributes:
    shard: the place of its shard.
    row: of the shard.
    label: that it is given.
    confidence: of the label.
  """
  shard: int
  row: int
  label: int
  confidence: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Review:
  """Of all predictions for a generation.

  Attributes:
    edges: [bins + 1] of confidences.
    pool: [classes, bins] int64, images, broken ones left out.
    used: [classes, bins] int64, of these those that are used.
    copies: [classes, bins] int64, of these with copies counted.
    broken: how many images do not decode.
    samples: for each class shown, for each of `KINDS`, `Sample`s.
  """
  edges: np.ndarray
  pool: np.ndarray
  used: np.ndarray
  copies: np.ndarray
  broken: int
  samples: dict[int, dict[str, list[Sample]]]


def review(source, predictions: str, selected: str | None, shown: Sequence[int],
           number: int) -> Review:
  """Reads predictions and the selection.

  Args:
    source: what was labelled (`ns.mixture.sources`).
    predictions: the folder of the stage `label`.
    selected: that of the stage `select`; None if it is not finished.
    shown: classes of which images are shown.
    number: how many of each kind.

  Raises:
    RunError: a file is missing, or the selection is not of these predictions.
  """
  classes = source.classes
  edges = np.linspace(0, 1, BINS + 1)
  counts = np.zeros((3, classes, BINS), np.int64)
  samples = {label: _Samples(number) for label in shown}
  selection = _Selection(selected)
  broken = first = 0
  for place, shard in enumerate(source.shards):
    keys, labels, confidences = _whole(
        store.predictions_path(predictions, shard.name),
        ['key', 'label', 'confidence'], classes)
    copies = selection.copies(keys)
    good = confidences > 0
    broken += int((~good).sum())
    bins = np.minimum((confidences * BINS).astype(np.int64), BINS - 1)
    flat = labels.astype(np.int64) * BINS + bins
    for which, weights in enumerate((good, copies > 0, copies)):
      counts[which] += np.bincount(
          flat, weights, minlength=classes * BINS).astype(np.int64).reshape(
              classes, BINS)
    for label, kept in samples.items():
      rows = np.flatnonzero(good & (labels == label))
      kept.add(place, first, rows, confidences[rows], copies[rows] > 0)
    first += len(keys)
  selection.check_end(selected)
  return Review(
      edges=edges, pool=counts[0], used=counts[1], copies=counts[2],
      broken=broken, samples={
          label: kept.chosen(label) for label, kept in samples.items()})


def _whole(path: str, columns, classes: int | None = None):
  """Columns of a file of predictions, each as one array."""
  batches = [list(batch.values())
             for batch in store.read(path, columns, classes=classes)]
  if not batches:
    of = {'key': object, 'label': np.int32, 'confidence': np.float32}
    return [np.empty(0, of[name]) for name in columns]
  return [np.concatenate(parts) for parts in zip(*batches)]


class _Selection:
  """The selection, read beside the predictions."""

  def __init__(self, folder: str | None):
    self._batches = iter(()) if folder is None else store.read(
        store.selection_path(folder), ['key', 'copies'],
        kind=headers.SELECTION)
    self._keys, self._copies = np.empty(0, object), np.empty(0, np.int32)

  def copies(self, keys: np.ndarray) -> np.ndarray:
    """[rows] int32: how often the images of the next shard are used."""
    import pyarrow as pa
    from pyarrow import compute
    while len(self._keys) < len(keys):
      batch = next(self._batches, None)
      if batch is None:
        break
      self._keys = np.concatenate([self._keys, batch['key']])
      self._copies = np.concatenate([self._copies, batch['copies']])
    window = pa.array(self._keys[:len(keys)], pa.string())
    places = compute.index_in(pa.array(keys, pa.string()), value_set=window)
    found = places.is_valid().to_numpy(zero_copy_only=False)
    copies = np.zeros(len(keys), np.int32)
    copies[found] = self._copies[
        places.drop_null().to_numpy(zero_copy_only=False)]
    number = int(found.sum())
    self._keys, self._copies = self._keys[number:], self._copies[number:]
    return copies

  def check_end(self, folder) -> None:
    if len(self._keys) or next(self._batches, None) is not None:
      raise errors.RunError(
          f'`{folder}` should be of the images that are labelled, in their '
          'order, but has others; make the stages `label` and `select` again.')


class _Samples:
  """The images of a class that are shown, found shard after shard."""

  def __init__(self, number: int):
    self._number = number
    # Of each kind: shard, row, confidence, and what decides, lowest first.
    self._kept = {kind: np.empty((0, 4)) for kind in KINDS}

  def add(self, shard, first, rows, confidences, used) -> None:
    drawn = np.random.default_rng([first, len(rows)]).random(len(rows))
    for kind, some, order, limit in (
        (KINDS[0], used, -confidences, self._number),
        (KINDS[1], used, confidences, self._number),
        (KINDS[2], ~used, drawn, _DRAWN)):
      new = np.stack([np.full(len(rows), float(shard)), rows, confidences,
                      order], axis=1)[some]
      table = np.concatenate([self._kept[kind], new])
      self._kept[kind] = table[np.argsort(table[:, 3], kind='stable')[:limit]]

  def chosen(self, label: int) -> dict[str, list[Sample]]:
    kept = dict(self._kept)
    rest = kept[KINDS[2]]
    rest = rest[np.argsort(-rest[:, 2], kind='stable')]
    places = np.unique(np.linspace(
        0, len(rest) - 1, min(self._number, len(rest))).round().astype(int))
    kept[KINDS[2]] = rest[places]
    return {kind: [Sample(shard=int(row[0]), row=int(row[1]), label=label,
                          confidence=float(row[2])) for row in table]
            for kind, table in kept.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
  """Of two labellings of the same images.

  Attributes:
    images: that both labelled.
    confusion: [classes, classes] int64: by the labels of the one (rows) and of
      the other.
    by_confidence: [bins, 2] int64: images in a bin of the one's confidence, and
      how many of them have the same label.
  """
  images: int
  confusion: np.ndarray
  by_confidence: np.ndarray

  @property
  def share(self) -> float | None:
    """Of the images that have the same label."""
    return float(self.confusion.trace() / self.images) if self.images else None


def agreement(classes: int, one: tuple[Any, str], other: tuple[Any, str]
              ) -> Agreement:
  """Compares what two generations were told.

  Args:
    classes: how many.
    one, other: a source and the folder of its predictions. Where the sources
      are the same, rows are compared; else images are found by key, with the
      keys of the smaller in memory.
  """
  by_confidence = np.zeros((BINS, 2), np.int64)
  confusion = np.zeros((classes, classes), np.int64)
  for label, confidence, theirs in _pairs(one, other):
    confusion += np.bincount(
        label.astype(np.int64) * classes + theirs,
        minlength=classes * classes).reshape(classes, classes)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    by_confidence += np.stack([
        np.bincount(bins, minlength=BINS),
        np.bincount(bins, label == theirs, minlength=BINS).astype(np.int64)],
                              axis=1)
  return Agreement(images=int(confusion.sum()), confusion=confusion,
                   by_confidence=by_confidence)


def _pairs(one, other):
  """Yields labels and confidences of the one, and labels of the other."""
  (source, folder), (their_source, their_folder) = one, other
  columns = ['label', 'confidence']
  path = lambda where, shard: store.predictions_path(where, shard.name)
  if source.digest() == their_source.digest():
    for shard in source.shards:
      label, confidence = _whole(path(folder, shard), columns)
      theirs, their_confidence = _whole(path(their_folder, shard), columns)
      good = (confidence > 0) & (their_confidence > 0)
      yield label[good], confidence[good], theirs[good]
    return
  swapped = source.num_examples > their_source.num_examples
  if swapped:
    source, folder, their_source, their_folder = (
        their_source, their_folder, source, folder)
  small = {}
  for shard in source.shards:
    for rows in store.read(path(folder, shard), ['key', *columns]):
      for key, label, confidence in zip(*rows.values()):
        if confidence > 0:
          small[key] = label, confidence
  for shard in their_source.shards:
    for rows in store.read(path(their_folder, shard), ['key', *columns]):
      pairs = [(*small[key], label, confidence)
               for key, label, confidence in zip(*rows.values())
               if confidence > 0 and key in small]
      if pairs:
        label, confidence, theirs, their_confidence = map(
            np.array, zip(*pairs))
        yield ((theirs, their_confidence, label) if swapped
               else (label, confidence, theirs))
