"""Argument checks: each failure is one sentence with the argument's name.

Components call these from `__post_init__`, so that a bad binding is reported
when the component is built, before anything expensive starts. The sentence
names the argument in backticks, what was expected and what came.
"""

from collections.abc import Iterable
from typing import Any


def _fail(owner: object, name: str, expected: str, value: Any, hint: str = '',
          error: type[Exception] = ValueError):
  raise error(f'`{type(owner).__name__}.{name}` should be {expected}, but is '
              f'{value!r}{hint}.')


def _is_number(value: Any) -> bool:
  return isinstance(value, (int, float)) and not isinstance(value, bool)


def integer(owner: object, name: str, at_least: int | None = None) -> None:
  """Checks that `owner.name` is an int, not below `at_least`."""
  value = getattr(owner, name)
  bound = '' if at_least is None else f' of at least {at_least}'
  if isinstance(value, bool) or not isinstance(value, int):
    _fail(owner, name, f'a whole number{bound}', value)
  if at_least is not None and value < at_least:
    _fail(owner, name, f'a whole number{bound}', value)


def number(owner: object, name: str, *, at_least: float | None = None,
           above: float | None = None, at_most: float | None = None,
           below: float | None = None) -> None:
  """Checks that `owner.name` is a finite number inside the given bounds."""
  value = getattr(owner, name)
  bounds = [f'{word} {bound}' for word, bound in (
      ('at least', at_least), ('above', above), ('at most', at_most),
      ('below', below)) if bound is not None]
  expected = ' '.join(['a number', ' and '.join(bounds)]).strip()
  good = _is_number(value) and abs(value) != float('inf') and value == value
  if not (good
          and (at_least is None or value >= at_least)
          and (above is None or value > above)
          and (at_most is None or value <= at_most)
          and (below is None or value < below)):
    _fail(owner, name, expected, value)


def one_of(owner: object, name: str, choices: Iterable[Any]) -> None:
  """Checks that `owner.name` is one of `choices`, and of the same type.

  1, 1.0 and True are equal in Python, but not in a fingerprint.
  """
  value = getattr(owner, name)
  choices = tuple(choices)
  if not any(type(value) is type(c) and value == c for c in choices):
    _fail(owner, name, f'one of {", ".join(map(repr, choices))}', value)


def instance(owner: object, name: str, *types: type) -> None:
  """Checks that `owner.name` is of one of `types`.

  The usual cause of the failure in a config is a reference without its
  brackets (`@noise.RandAugment` for `@noise.RandAugment()`), which the
  sentence says.
  """
  value = getattr(owner, name)
  if isinstance(value, types):
    return
  names = ' or '.join(t.__name__ for t in types)
  hint = ''
  if callable(value) and getattr(value, '__name__', '') in {
      t.__name__ for t in types}:
    hint = f'; write `@…{value.__name__}()` with brackets to build one'
  _fail(owner, name, f'a value of type {names}', value, hint, TypeError)


def has_methods(owner: object, name: str, *methods: str) -> None:
  """Checks that `owner.name` offers `methods`: a contract without a base."""
  value = getattr(owner, name)
  missing = [m for m in methods if not callable(getattr(value, m, None))]
  if missing or isinstance(value, type):
    wanted = ' and '.join(f'`{m}()`' for m in methods)
    hint = ('; write a gin reference with brackets, `@module.Name()`'
            if callable(value) else '')
    _fail(owner, name, f'an object with {wanted}', value, hint, TypeError)
