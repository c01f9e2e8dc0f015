"""What a balance decides for each class, and the same for images in memory."""

import dataclasses

import numpy as np

from ns.core import seeds
from ns.pseudolabel import key_order

UNLIMITED = 2**62


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
  """How often the images of each class are used; all attributes are [classes].

  Attributes:
    least: float64; images of a lower confidence are not used. The comparison
      is in float64, as the reference's is.
    most: int64; how many are used at most: the most confident ones, of equal
      confidences those with the first keys (see `key_order`).
    copies: int64; of each used image.
    extra: int64; how many of the used images, those of the lowest draws, have
      one more. 0 where `most` leaves any out.
    chance: float64; a used image with a draw below it has one more.

  A class is cut by `least` or by `most`, and where it is cut it has no `extra`.
  """
  least: np.ndarray
  most: np.ndarray
  copies: np.ndarray
  extra: np.ndarray
  chance: np.ndarray

  def __post_init__(self):
    both = np.flatnonzero(
        (self.least > 0) & ((self.most < UNLIMITED) | (self.extra > 0)))
    if len(both):
      raise ValueError(
          '`Rule.least` should be above 0 only for classes without `most` and '
          f'`extra`, but class {both[0]} has both.')

  @property
  def has_draws(self) -> bool:
    """Whether anything depends on draws."""
    return bool(self.extra.any() or self.chance.any())


def of(classes: int, **given: np.ndarray) -> Rule:
  """The rule of one copy of every image, but for what is given."""
  return Rule(**{
      'least': np.full(classes, -np.inf), 'most': np.full(classes, UNLIMITED),
      'copies': np.ones(classes, np.int64),
      'extra': np.zeros(classes, np.int64), 'chance': np.zeros(classes),
      **given})


def draws(seed: seeds.Seed, first: int = 0) -> np.random.Generator:
  """Uniform draws of images, from that of image `first` on.

  Args:
    seed: of the balance.
    first: how many images of the filtered pool come before.

  Returns:
    A generator; `random(n)` gives the draws of the next n images.
  """
  # A step of Philox is four draws.
  philox = np.random.Philox(seed.child('balance').value)
  philox.advance(first // 4)
  generator = np.random.Generator(philox)
  generator.random(first % 4)
  return generator


def copies_in_memory(rule: Rule, labels: np.ndarray, confidences: np.ndarray,
                     draw: np.ndarray, keys: np.ndarray | None) -> np.ndarray:
  """[images] int64: how often each image is used, all of them at hand.

  Args:
    rule: of [classes].
    labels: [images] integers.
    confidences: [images] float32.
    draw: [images] float64 in [0, 1).
    keys: [images] str; None breaks ties of confidence by place.
  """
  classes = len(rule.most)
  used = confidences.astype(np.float64) >= rule.least[labels]
  copies = np.where(used, rule.copies[labels] + (draw < rule.chance[labels]), 0)
  totals = np.bincount(labels[used], minlength=classes)
  for label in np.flatnonzero((totals > rule.most) | (rule.extra > 0)):
    members = np.flatnonzero(used & (labels == label))
    if rule.extra[label]:
      first = np.argsort(draw[members], kind='stable')[:rule.extra[label]]
      copies[members[first]] += 1
    else:
      best = _most_confident(members, confidences, keys, rule.most[label])
      copies[np.setdiff1d(members, best)] = 0
  return copies


def _most_confident(members, confidences, keys, count):
  """The `count` most confident of `members`, ties in the order of keys."""
  values = confidences[members]
  last = np.partition(values, len(values) - count)[len(values) - count]
  sure = members[values > last]
  tied = members[values == last]
  if keys is not None:
    tied = np.array(sorted(
        tied, key=lambda image: key_order.sort_key(keys[image])))
  return np.concatenate([sure, tied[:count - len(sure)]])
