"""Noises one after the other, or none."""

import collections.abc
import dataclasses
from typing import Any

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sequence:
  """Input noise: several noises, each with random numbers of its own.

  Attributes:
    steps: the noises, in order. A noise is an object with `apply(images,
      seeds)`. Another noise at the end does not change the numbers of those
      before it.
  """
  steps: collections.abc.Sequence[Any]

  def __post_init__(self):
    checks.instance(self, 'steps', list, tuple)
    for number, step in enumerate(self.steps):
      if isinstance(step, type) or not callable(getattr(step, 'apply', None)):
        mixes = not isinstance(step, type) and hasattr(step, 'mix')
        what = ('it mixes a batch: bind it to `loop.Generation.batch_noise`'
                if mixes else
                'write a gin reference with brackets, `@noise.Cutout()`')
        raise TypeError(
            f'`Sequence.steps` should be of objects with `apply()`, but number '
            f'{number} (from 0) is {step!r}; {what}.')
      if getattr(step, 'on_device', False):
        raise ValueError(
            f'`Sequence.steps` should not have an `OnDevice`, but number '
            f'{number} (from 0) is one; bind `@noise.OnDevice()` around the '
            'sequence.')
    object.__setattr__(self, 'steps', tuple(self.steps))

  def apply(self, images, seeds):
    """The images after every step.

    Args:
      images: [batch, height, width, channels] uint8.
      seeds: [batch] int64, one for each image.

    Returns:
      The shape of `images`, uint8.
    """
    from ns.core import draws

    for number, step in enumerate(self.steps):
      images = step.apply(images, draws.members(seeds, number))
    return images


@dataclasses.dataclass(frozen=True, kw_only=True)
class Off:
  """No input noise: the images as they are."""

  def apply(self, images, seeds):
    """`images` themselves."""
    del seeds  # Nothing is drawn.
    return images
