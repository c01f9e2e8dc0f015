"""How often each pseudo-labelled image is used: the balance of the classes.

A balance has one method, `copies(labels, confidences, *, classes, seed,
keys=None) -> [images] int64`; it is pure numpy, and a pure function of its
arguments. Here are the paper's balance with a fixed number of images for each
class (arXiv 1911.04252, section 3.1; `filter_unlabel.py` of the reference) and
none at all.
"""

import dataclasses
import re

import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import seeds


@dataclasses.dataclass(frozen=True, kw_only=True)
class Balance:
  """Brings every class to the same number of images.

  A class with more than `images_per_class` images keeps that many, the most
  confident ones, exactly; of equal confidences the first keys stay. A class
  with fewer is brought to exactly `images_per_class` by counted copies: with n
  wanted and m there, each image gets floor(n / m) copies and n mod m of them,
  chosen by a seeded draw, one more.

  The reference differs in both: it cuts a large class at a threshold on a grid
  of hundredths and then drops images by chance, and it gives each image of a
  small class its extra copy by an independent Bernoulli draw, unseeded, so that
  classes come out near the number, not at it. Here the expected copies of an
  image of a small class are the same n / m, but the sum does not vary.

  Attributes:
    images_per_class: how many images, copies counted, each class shall have.
      The reference takes 130,000 for ImageNet.
    duplicate: whether small classes are filled up by copies; otherwise an
      image has at most one copy and small classes stay small.
    allow_empty_classes: whether a class without any image is passed over
      instead of being an error.
  """
  images_per_class: int
  duplicate: bool = True
  allow_empty_classes: bool = False

  def __post_init__(self):
    checks.integer(self, 'images_per_class', at_least=1)
    checks.one_of(self, 'duplicate', (True, False))
    checks.one_of(self, 'allow_empty_classes', (True, False))

  def copies(self, labels: np.ndarray, confidences: np.ndarray, *,
             classes: int, seed: seeds.Seed,
             keys: np.ndarray | None = None) -> np.ndarray:
    """How often each image is used.

    Args:
      labels: [images] integers in [0, classes).
      confidences: [images] float32.
      classes: how many classes there are.
      seed: decides which images of a small class get the extra copy; an
        image's draw depends on its place in `labels`.
      keys: [images] str, to break ties of confidence; numbers in them are
        compared as numbers (`a/9` before `a/10`). None breaks ties by place.

    Returns:
      [images] int64, 0 for an image that is dropped.

    Raises:
      RunError: a class has no image.
      ValueError: the arguments do not fit together.
    """
    labels, confidences = _checked(labels, confidences, keys, classes)
    totals = np.bincount(labels, minlength=classes)
    empty = np.flatnonzero(totals == 0)
    if empty.size and not self.allow_empty_classes:
      raise errors.RunError(_no_images(empty, classes))
    wanted = self.images_per_class
    if self.duplicate:
      each, extra = np.divmod(wanted, np.maximum(totals, 1))
      copies = each[labels]
      generator = np.random.Generator(
          np.random.Philox(seed.child('balance').value))
      draws = generator.random(len(labels))
      # Images by class, and in a class by their draws.
      order = np.lexsort((draws, labels))
      rank = np.arange(len(order)) - (np.cumsum(totals) - totals)[labels[order]]
      copies[order] += rank < extra[labels[order]]
    else:
      copies = np.ones(len(labels), np.int64)
    for label in np.flatnonzero(totals > wanted):
      members = np.flatnonzero(labels == label)
      copies[members] = 0
      copies[_most_confident(members, confidences, keys, wanted)] = 1
    return copies


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unbalanced:
  """One copy of every image (the reference's `use_all`)."""

  def copies(self, labels: np.ndarray, confidences: np.ndarray, *,
             classes: int, seed: seeds.Seed,
             keys: np.ndarray | None = None) -> np.ndarray:
    """One for each image; arguments and result as of `Balance.copies`."""
    del seed  # Nothing is drawn.
    labels, _ = _checked(labels, confidences, keys, classes)
    return np.ones(len(labels), np.int64)


def _checked(labels, confidences, keys, classes):
  labels, confidences = np.asarray(labels), np.asarray(confidences)
  for name, values in ('confidences', confidences), ('keys', keys):
    if values is not None and np.shape(values) != labels.shape:
      raise ValueError(f'`{name}` should be of the shape of `labels`, '
                       f'{list(labels.shape)}, but is of shape '
                       f'{list(np.shape(values))}.')
  if labels.size and not (0 <= labels.min() and labels.max() < classes):
    raise ValueError(f'`labels` should be in [0, {classes}), but go from '
                     f'{labels.min()} to {labels.max()}.')
  return labels, confidences


def _no_images(empty: np.ndarray, classes: int) -> str:
  names = ', '.join(map(str, empty[:10])) + (
      f' and {len(empty) - 10} more' if len(empty) > 10 else '')
  return (
      f'No image is left to balance for {len(empty)} of {classes} classes '
      f'({names}); lower `Select.min_confidence`, train a better teacher, or '
      'set `Balance.allow_empty_classes = True` to go on without them.')


def _most_confident(members, confidences, keys, count):
  """The `count` most confident of `members`, ties in the order of keys."""
  values = confidences[members]
  last = np.partition(values, len(values) - count)[len(values) - count]
  sure = members[values > last]
  tied = members[values == last]
  if keys is not None:
    tied = np.array(sorted(tied, key=lambda image: _in_order(keys[image])))
  return np.concatenate([sure, tied[:count - len(sure)]])


def _in_order(key: str):
  """A key to sort by: digits as a number; the text itself for `01` and `1`."""
  parts = re.split('([0-9]+)', key)
  parts[1::2] = map(int, parts[1::2])
  return parts, key
