"""Noise that the accelerator makes, not the host."""

import dataclasses
from typing import Any

from ns.core import checks
from ns.core import manifest
from ns.noise import sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnDevice:
  """Input noise: `noise`, made in the training step.

  For hosts that can only just decode, and for TPU pods, whose remote hosts
  cannot load the native kernel. The images are the same as those of `noise`
  alone, so that a run is the same run with it and without.

  Attributes:
    noise: an input noise that XLA compiles: each part of it that has a `form`
      needs the form 'xla'.
  """
  noise: Any
  on_device = True

  def __post_init__(self):
    checks.has_methods(self, 'noise', 'apply')
    for part in _parts(self.noise):
      form = getattr(part, 'form', 'xla')
      if form != 'xla':
        name = type(part).__name__
        raise ValueError(
            '`OnDevice.noise` should be of noises that XLA compiles, but its '
            f'{name} is of the form {form!r}; bind '
            f"`noise.{name}.form = 'xla'`.")

  def canonical(self) -> Any:
    """That of the noise: where it is made does not change it."""
    return manifest.canonical(self.noise)

  def apply(self, images, seeds):
    """As of `noise`."""
    return self.noise.apply(images, seeds)


def _parts(noise: Any) -> list[Any]:
  """The noise, or the steps of a sequence, of all depths."""
  if not isinstance(noise, sequence.Sequence):
    return [noise]
  return [part for step in noise.steps for part in _parts(step)]
