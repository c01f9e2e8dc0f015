"""Small components, in place of the project's, for tests of the config.

Imported under two names, `loop` and `noise`, as a config imports the real ones.
"""

from collections.abc import Sequence
import dataclasses
import sys
from typing import Any

from ns.core import checks
from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Off:
  """No noise."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandAugment:
  """Noise with a bound on its strength."""
  magnitude: float = 5
  layers: int = 2
  ops: Sequence[str] = ('shear_x',)

  def __post_init__(self):
    checks.number(self, 'magnitude', at_least=0, at_most=30)
    checks.integer(self, 'layers', at_least=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cutout:
  """Noise that needs a size."""
  size: int

  def __post_init__(self):
    checks.integer(self, 'size', at_least=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chain:
  """Noises, one after the other."""
  steps: Sequence[Any]


def given(size: int) -> int:
  """A function whose callers give its parameter."""
  return size


def caller(function: Any = None) -> int | None:
  """Calls the function, with a size of its own."""
  return function(size=2) if function else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EfficientNet:
  """A model of a catalogue."""
  width: float = 1.0
  depth: float = 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Generation:
  """One generation."""
  name: str
  noise: Any
  model: Any = None
  steps: int = 1000

  def __post_init__(self):
    checks.integer(self, 'steps', at_least=1)
    checks.instance(self, 'noise', Off, RandAugment, Cutout, Chain)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelfTraining:
  """The root: builds its generations, and can fail on request."""
  generations: Sequence[Any]
  seed: int = 0
  fail: str = ''
  extra: Any = None
  worker = 0

  def __post_init__(self):
    if self.fail == 'circle':
      raise RecursionError('too deep')
    if self.fail == 'at once':
      raise ZeroDivisionError('a bug')
    if self.fail == 'no data':
      raise errors.RunError('The images are missing.')
    if self.extra is not None:
      self.extra()
    object.__setattr__(self, 'generations', tuple(
        g if isinstance(g, Generation) else g() for g in self.generations))

  def _refuse_seed(self):
    raise errors.RunError(f'`SelfTraining.seed` is {self.seed}, but the images '
                          'end at 5.')

  def plan(self, work_dir: str, measure: bool = False, **parts) -> str:
    """The plan's text."""
    if self.fail == 'plan seed':
      self._refuse_seed()
    if self.fail == 'plan':
      raise errors.RunError('The work directory is of another config.')
    names = ', '.join(g.name for g in self.generations)
    chosen = ''.join(f', {flag} {names}' for flag, names in parts.items()
                     if names)
    return f'{names} in {work_dir}{chosen}{", measured" * measure}'

  def status(self, work_dir: str) -> str:
    """The status' text."""
    return f'nothing in {work_dir}'

  def run(self, work_dir: str, resolved: str, operative: str, *, verify=False,
          reuse='', **parts) -> None:
    """Prints what it was given, or fails as asked."""
    if self.fail == 'run seed':
      self._refuse_seed()
    if self.fail == 'storage':
      with open('/nowhere/file', encoding='utf-8'):
        pass
    if self.fail == 'run':
      raise errors.RunError('The pool is empty.')
    if self.fail == 'interrupt':
      raise KeyboardInterrupt
    if self.fail == 'end':
      raise errors.Terminated
    if self.fail == 'bug':
      raise ZeroDivisionError('a bug')
    how = ''.join(f' {value}' for value in (verify, reuse, *parts.values())
                  if value)
    print(f'ran {len(resolved) > 0} {len(operative) > 0} '
          f'{"tensorflow" in sys.modules}{how}')
