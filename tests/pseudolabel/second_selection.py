"""A second implementation of selections, over images in Python's memory.

Written from REFERENCE.md 1.6 and the docstrings of `balance`, not from their
code: loops over classes and images, Python's integers and floats, and keys that
are compared in pieces. Of the first implementation it takes only what the draws
are: the numbers of Philox at the seed `balance`, of the kept images in order.
"""

import functools
import re

import numpy as np

from ns.pseudolabel import balance as balances


def compare(one: str, other: str) -> int:
  """The order of keys, as a sign: numbers in them by value, then as text."""
  ours, theirs = (re.split('([0-9]+)', key) for key in (one, other))
  for place, (a, b) in enumerate(zip(ours, theirs)):
    a, b = (int(a), int(b)) if place % 2 else (a.encode(), b.encode())
    if a != b:
      return -1 if a < b else 1
  if len(ours) != len(theirs):
    return -1 if len(ours) < len(theirs) else 1
  one, other = one.encode(), other.encode()
  return (one > other) - (one < other)


_by_key = functools.cmp_to_key(compare)


def copies(keys, labels, confidences, kept, balance, seed, classes
           ) -> list[int] | None:
  """How often each image is used; None where a class is empty and must not be.

  Args:
    keys, labels, confidences: of the images.
    kept: [images] bool, what the filter keeps.
    balance: `Balance`, `ThresholdGrid` or `Unbalanced`.
    seed: of the balance.
    classes: how many.
  """
  philox = np.random.Philox(seed.child('balance').value)
  draws = iter(np.random.Generator(philox).random(int(np.sum(kept))).tolist())
  draw = {image: next(draws) for image in range(len(keys)) if kept[image]}
  members = [[] for _ in range(classes)]
  for image in draw:
    members[labels[image]].append(image)
  found = [0] * len(keys)
  for images in members:
    if isinstance(balance, balances.Unbalanced):
      chosen = dict.fromkeys(images, 1)
    elif isinstance(balance, balances.ThresholdGrid):
      chosen = _grid(images, confidences, balance, draw)
    else:
      chosen = _exact(images, keys, confidences, balance, draw)
    if chosen is None:
      return None
    for image, number in chosen.items():
      found[image] = number
  return found


def _limit(balance) -> int:
  if not balance.duplicate:
    return 1
  return balance.max_copies or balance.images_per_class


def _exact(images, keys, confidences, balance, draw):
  if not images:
    return {} if balance.allow_empty_classes else None
  wanted = balance.images_per_class
  if len(images) > wanted:
    best = sorted(images, key=lambda image: (
        -float(confidences[image]), _by_key(keys[image]), image))
    return dict.fromkeys(best[:wanted], 1)
  each, more = divmod(wanted, len(images))
  if each >= _limit(balance):
    return dict.fromkeys(images, _limit(balance))
  lucky = set(sorted(images, key=lambda image: (draw[image], image))[:more])
  return {image: each + (image in lucky) for image in images}


def _grid(images, confidences, balance, draw):
  for hundredths in reversed(range(101)):
    threshold = hundredths / 100
    if threshold < balance.min_threshold:
      break
    above = [image for image in images
             if float(confidences[image]) >= threshold]
    if len(above) >= balance.images_per_class:
      break
  if not above:
    return {} if balance.allow_empty_classes else None
  ratio = min(balance.images_per_class / len(above), _limit(balance))
  return {image: int(ratio) + (draw[image] < ratio - int(ratio))
          for image in above}
