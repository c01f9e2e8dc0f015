"""How often each pseudo-labelled image is used: the balance of the classes.

A balance offers

  thresholds: confidences, ascending; the number of images that reach each is
    all it needs to know of a class.
  rule(counts): the `Rule`, from `counts` [classes, thresholds] int64.
  copies(labels, confidences, *, classes, seed, keys=None): [images] int64, the
    same for images in memory; a pure function of its arguments.

A selection streams with a balance that has all three; one of your own may offer
`copies` alone, and then keys, labels and confidences of the pool are in memory.

Here are the paper's balance with a fixed number of images for each class (arXiv
1911.04252, section 3.1), exact (`Balance`) and as in the reference's
`filter_unlabel.py` (`ThresholdGrid`), and none at all (`Unbalanced`).
"""

import dataclasses

import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import seeds
from ns.pseudolabel import rule as rules

_ALL = (0.0,)
# The reference's, and as it makes them: 0.29 is not 29 * 0.01.
_GRID = tuple(i / 100 for i in range(101))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Balance:
  """Brings every class to the same number of images.

  A class with more than `images_per_class` images keeps that many, the most
  confident ones, exactly; of equal confidences the first keys stay. A class
  with fewer is brought to exactly `images_per_class` by counted copies: with n
  wanted and m there, each image gets floor(n / m) copies and n mod m of them,
  chosen by a seeded draw, one more.

  The reference differs in both, see `ThresholdGrid`. Here the expected copies
  of an image of a small class are the same n / m, but the sum does not vary.

  Attributes:
    images_per_class: how many images, copies counted, each class shall have.
      The reference takes 130,000 for ImageNet.
    duplicate: whether small classes are filled up by copies; otherwise an
      image has at most one copy and small classes stay small.
    max_copies: how often an image is used at most; small classes stay below the
      number where that is not enough. None does not limit it.
    allow_empty_classes: whether a class without any image is passed over
      instead of being an error.
  """
  images_per_class: int
  duplicate: bool = True
  max_copies: int | None = None
  allow_empty_classes: bool = False
  thresholds = _ALL

  def __post_init__(self):
    _check_common(self)

  def rule(self, counts: np.ndarray) -> rules.Rule:
    """See the module.

    Raises:
      RunError: a class has no image.
    """
    totals = counts[:, 0]
    _check_empty(self, totals)
    wanted = self.images_per_class
    each, extra = np.divmod(wanted, np.maximum(totals, 1))
    limit = _max_copies(self)
    extra[(totals >= wanted) | (totals == 0) | (each >= limit)] = 0
    most = np.where(totals > wanted, wanted, rules.UNLIMITED)
    return rules.of(len(totals), most=most, extra=extra,
                    copies=np.clip(each, 1, limit))

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
    return _copies(self, labels, confidences, classes, seed, keys)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdGrid:
  """The reference's balance: a threshold on a grid, then chance.

  Of the thresholds 1.00, 0.99 … `min_threshold` a class takes the first that
  `images_per_class` of its images reach, else the last. With n wanted and m
  images at or above it, each of these gets n / m copies: the whole part, and
  one more by an independent draw with the fraction as its chance. So a class
  above the number is thinned out at random among those above its threshold,
  and every class comes out near the number, not at it. (filter_unlabel.py,
  `get_threshold` and `get_keep_image_idx`; the reference's draws are unseeded.)

  Confidences are compared in float64: what float32 makes of 0.7 is below 0.7.

  Attributes:
    images_per_class: n; the reference takes 130,000 for ImageNet.
    min_threshold: a whole number of hundredths; 0.3 in the reference.
    duplicate: whether n / m may exceed 1 (the reference's `upsample`).
    max_copies: what n / m is at most; None does not limit it.
    allow_empty_classes: whether a class without any image is passed over, as in
      the reference, instead of being an error.
  """
  images_per_class: int
  min_threshold: float = 0.3
  duplicate: bool = True
  max_copies: int | None = None
  allow_empty_classes: bool = False
  thresholds = _GRID

  def __post_init__(self):
    _check_common(self)
    checks.number(self, 'min_threshold', at_least=0, at_most=1)
    if self.min_threshold not in _GRID:
      raise ValueError(
          '`ThresholdGrid.min_threshold` should be a whole number of '
          f'hundredths, but is {self.min_threshold!r}; take '
          f'{round(self.min_threshold, 2)}.')

  def rule(self, counts: np.ndarray) -> rules.Rule:
    """See the module.

    Raises:
      RunError: a class has no image at or above `min_threshold`.
    """
    last = _GRID.index(self.min_threshold)
    _check_empty(self, counts[:, last])
    enough = counts[:, last:] >= self.images_per_class
    # The highest threshold with enough of them; the lowest where none has.
    best = np.where(enough.any(axis=1),
                    len(_GRID) - 1 - enough[:, ::-1].argmax(axis=1), last)
    totals = np.take_along_axis(counts, best[:, np.newaxis], axis=1)[:, 0]
    copies = np.minimum(self.images_per_class / np.maximum(totals, 1),
                        _max_copies(self))
    whole = np.floor(copies).astype(np.int64)
    return rules.of(len(totals), least=np.array(_GRID)[best], copies=whole,
                    chance=copies - whole)

  def copies(self, labels: np.ndarray, confidences: np.ndarray, *,
             classes: int, seed: seeds.Seed,
             keys: np.ndarray | None = None) -> np.ndarray:
    """Arguments and result as of `Balance.copies`; no tie is to be broken."""
    return _copies(self, labels, confidences, classes, seed, keys)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unbalanced:
  """One copy of every image (the reference's `use_all`)."""
  thresholds = _ALL

  def rule(self, counts: np.ndarray) -> rules.Rule:
    """See the module."""
    return rules.of(len(counts))

  def copies(self, labels: np.ndarray, confidences: np.ndarray, *,
             classes: int, seed: seeds.Seed,
             keys: np.ndarray | None = None) -> np.ndarray:
    """One for each image; arguments and result as of `Balance.copies`."""
    return _copies(self, labels, confidences, classes, seed, keys)


def counts_at_least(thresholds, labels: np.ndarray, confidences: np.ndarray,
                    classes: int) -> np.ndarray:
  """How many images of each class reach each threshold.

  Args:
    thresholds: ascending.
    labels: [images] integers in [0, classes).
    confidences: [images] float32, compared in float64.
    classes: how many classes there are.

  Returns:
    [classes, thresholds] int64.
  """
  if tuple(thresholds) == _ALL:
    return np.bincount(labels, minlength=classes)[:, np.newaxis]
  bins = len(thresholds) + 1
  reached = np.searchsorted(np.array(thresholds, np.float64),
                            confidences.astype(np.float64), side='right')
  counts = np.bincount(labels.astype(np.int64) * bins + reached,
                       minlength=classes * bins).reshape(classes, bins)
  return counts[:, :0:-1].cumsum(axis=1)[:, ::-1]


def _copies(balance, labels, confidences, classes, seed, keys):
  labels, confidences = np.asarray(labels), np.asarray(confidences)
  for name, values in ('confidences', confidences), ('keys', keys):
    if values is not None and np.shape(values) != labels.shape:
      raise ValueError(f'`{name}` should be of the shape of `labels`, '
                       f'{list(labels.shape)}, but is of shape '
                       f'{list(np.shape(values))}.')
  if labels.size and not (0 <= labels.min() and labels.max() < classes):
    raise ValueError(f'`labels` should be in [0, {classes}), but go from '
                     f'{labels.min()} to {labels.max()}.')
  rule = balance.rule(counts_at_least(
      balance.thresholds, labels, confidences, classes))
  draw = (rules.draws(seed).random(len(labels)) if rule.has_draws
          else np.zeros(len(labels)))
  return rules.copies_in_memory(rule, labels, confidences, draw, keys)


def _check_common(balance) -> None:
  checks.integer(balance, 'images_per_class', at_least=1)
  checks.one_of(balance, 'duplicate', (True, False))
  if balance.max_copies is not None:
    checks.integer(balance, 'max_copies', at_least=1)
  checks.one_of(balance, 'allow_empty_classes', (True, False))


def _max_copies(balance) -> int:
  if not balance.duplicate:
    return 1
  return balance.max_copies or balance.images_per_class


def _check_empty(balance, totals: np.ndarray) -> None:
  empty = np.flatnonzero(totals == 0)
  if not empty.size or balance.allow_empty_classes:
    return
  kind = type(balance).__name__
  lower = '`Select.min_confidence`' + (
      f' and `{kind}.min_threshold`' if hasattr(balance, 'min_threshold')
      else '')
  names = ', '.join(map(str, empty[:10])) + (
      f' and {len(empty) - 10} more' if len(empty) > 10 else '')
  raise errors.RunError(
      f'No image is left to balance for {len(empty)} of {len(totals)} classes '
      f'({names}); lower {lower}, train a better teacher, or set '
      f'`{kind}.allow_empty_classes = True` to go on without them.')
