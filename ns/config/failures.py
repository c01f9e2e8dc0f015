"""Failures while the root is built, as one sentence at the binding concerned.

Constructors raise `ValueError` and `TypeError` with a sentence that names the
argument in backticks, `RandAugment.magnitude`. gin appends to it one line for
each call that the failure passed through, innermost first; they tell the scope.
"""

from collections.abc import Sequence
import re
from typing import Any

from ns.config import bound as bounds
from ns.core import errors

_CALL = re.compile(
    r"\n  In call to configurable '([^']*)' \((.*?)\)(?: in scope '([^']*)')?$",
    re.MULTILINE)
_CALL_BEGINS = '\n  In call to configurable '
_NO_VALUES = '\n  No values supplied by Gin or caller'
_ARGUMENT = re.compile(r'`(?:[\w.]*\.)?(\w+)\.(\w+)`')
_MISSING = re.compile(r"missing \d+ required [\w -]*arguments?: (.*)$")


def plain(error: Exception) -> str:
  """The error's own message, on one line, without what gin appended."""
  message = str(error).split(_CALL_BEGINS)[0].split(_NO_VALUES)[0]
  return ' '.join(message.split())


def translate(error: Exception, found: Sequence[bounds.Bound],
              root: bounds.Bound) -> errors.ConfigError:
  """The ConfigError to raise from `error`.

  Args:
    error: came out of building the root through gin.
    found: the bindings in force.
    root: the binding of the root's generations: the place to name when there
      is no nearer one.
  """
  if isinstance(error, RecursionError):
    return errors.ConfigError(_circle(found, root))
  calls = _CALL.findall(str(error))
  message = plain(error)
  if not calls:
    return errors.ConfigError(f'{root.binding.where}: {message}')
  name, shown, scope = calls[0]
  within = f'in `{scope}`: ' if scope else ''
  missing = _MISSING.search(message)
  if missing and message.startswith((f'{name}.__init__()', f'{name}()')):
    place, message = _missing(missing[1], shown, scope, found)
  else:
    place = _argument(message, scope, found)
    if '`' not in message:
      message = f'`{_selector(shown, found)}` cannot be built: {message}'
  place = place or _maker(shown, scope, found) or root
  return errors.ConfigError(f'{place.binding.where}: {within}{message}')


def placed(error: errors.RunError,
           found: Sequence[bounds.Bound]) -> errors.RunError:
  """The error on one line, with the place of the binding that it names.

  It does not tell its scope, so there is no place if several bind the argument.
  """
  message = plain(error)
  for argument in _ARGUMENT.findall(message):
    places = [b.binding.where for b in found if _binds(b, *argument)]
    if len(places) == 1:
      return errors.RunError(f'{places[0]}: {message}')
  return errors.RunError(message)


def _argument(message: str, scope: str,
              found: Sequence[bounds.Bound]) -> bounds.Bound | None:
  """The binding of the first argument in backticks that is bound at all."""
  for owner, parameter in _ARGUMENT.findall(message):
    for outer in bounds.applying(scope):
      for bound in found:
        if bound.binding.scope == outer and _binds(bound, owner, parameter):
          return bound
  return None


def _binds(bound: bounds.Bound, owner: str, parameter: str) -> bool:
  """Whether it binds `Owner.parameter`, in whatever scope."""
  return (bound.binding.parameter == parameter
          and getattr(bound.target, '__name__', None) == owner)


def _maker(shown: str, scope: str,
           found: Sequence[bounds.Bound]) -> bounds.Bound | None:
  """The binding whose value refers to the class, the nearest scope first."""
  for outer in bounds.applying(scope):
    for bound in found:
      for reference, target in bound.references:
        if repr(target) == shown and outer in (reference.scope,
                                               bound.binding.scope):
          return bound
  return None


def _missing(names: str, shown: str, scope: str, found: Sequence[bounds.Bound],
             ) -> tuple[bounds.Bound | None, str]:
  """The place and the sentence for required arguments that nothing binds."""
  wanted = re.findall(r"'(\w+)'", names)
  maker = _maker(shown, scope, found)
  selector = _selector(shown, found)
  listed = ' and '.join(f'`{name}`' for name in wanted)
  return maker, (f'`{selector}` needs {listed}; add '
                 f'`{selector}.{wanted[0]} = …`.')


def _selector(shown: str, found: Sequence[bounds.Bound]) -> str:
  """How the config names the class that prints as `shown`."""
  for bound in found:
    if repr(bound.target) == shown:
      return bound.binding.selector
    for reference, target in bound.references:
      if repr(target) == shown:
        return reference.selector
  return shown


def _circle(found: Sequence[bounds.Bound], root: bounds.Bound) -> str:
  """The sentence for an object that would have to be built to build it."""
  inside: dict[Any, list[tuple[Any, bounds.Bound]]] = {}
  for bound in found:
    for reference, target in bound.references:
      if reference.called:
        inside.setdefault(bound.target, []).append((target, bound))
  for start, made in inside.items():
    for _, place in made:
      reached, ahead = set(), [t for t, b in made if b is place]
      while ahead:
        target = ahead.pop()
        if target is start:
          return (f'{place.binding.where}: `{place.binding.name}` builds '
                  f'`{place.binding.selector}` inside itself, without end.')
        if target not in reached:
          reached.add(target)
          ahead += [inner for inner, _ in inside.get(target, ())]
  return f'{root.binding.where}: some object is built inside itself.'
