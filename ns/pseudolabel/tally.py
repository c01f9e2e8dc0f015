"""What predictions come to, counted shard by shard from their files."""

import math

import numpy as np

from ns.pseudolabel import store

# Keys of broken images that are named.
_NAMED = 20


class Tally:
  """Counts over the files of predictions that were added.

  Attributes:
    images: how many.
    shards: how many files.
    per_class: [classes] int64, of the images that are not broken.
    broken: how many images do not decode: those of confidence 0.
    broken_keys: the first of their keys.
  """

  def __init__(self, classes: int):
    self.images = self.shards = self.broken = 0
    self.per_class = np.zeros(classes, np.int64)
    self.broken_keys = []
    self._confidence = 0.0

  def add(self, path: str) -> None:
    """Counts the predictions in `path`.

    Raises:
      RunError: it is not a file of predictions of these classes.
    """
    classes, broken = len(self.per_class), 0
    for rows in store.read(path, ['label', 'confidence'], classes=classes):
      good = rows['confidence'] > 0
      self.images += len(good)
      broken += int((~good).sum())
      self.per_class += np.bincount(rows['label'][good], minlength=classes)
      self._confidence += rows['confidence'].sum(dtype=np.float64)
    self.shards += 1
    self.broken += broken
    if broken and len(self.broken_keys) < _NAMED:
      for rows in store.read(path, ['key', 'confidence'], classes=classes):
        self.broken_keys += rows['key'][rows['confidence'] == 0].tolist()
      del self.broken_keys[_NAMED:]

  @property
  def mean_confidence(self) -> float | None:
    """Of the images that are not broken; None if there are none."""
    good = self.images - self.broken
    return self._confidence / good if good else None

  @property
  def class_entropy(self) -> float | None:
    """Entropy of the predicted classes, as a share of that of equal classes.

    1 where every class has as many images, 0 where one has them all; None
    without images.
    """
    total = self.per_class.sum()
    if not total or len(self.per_class) < 2:
      return None
    shares = self.per_class[self.per_class > 0] / total
    entropy = -float((shares * np.log(shares)).sum())
    return max(entropy, 0.0) / math.log(len(self.per_class))
