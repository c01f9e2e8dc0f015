"""Which bindings a run uses, and why it does not use the others.

A binding is used if its class was built in its scope, or in a scope inside it,
and the parameter was not given by the code that built it. gin itself accepts
any scope and any class without a word.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

from ns.config import bound as bounds
from ns.config import nearest
from ns.config import symbols as tables
from ns.core import errors


class UnusedError(errors.ConfigError):
  """Bindings that have no effect: `sentences`, one each."""

  def __init__(self, message: str, sentences: tuple[str, ...]):
    super().__init__(message)
    self.sentences = sentences


def _within(scope: str, outer: str) -> bool:
  return not outer or scope == outer or scope.startswith(outer + '/')


@dataclasses.dataclass(frozen=True)
class Usage:
  """What a run called: `calls` is as `engine.calls` gives it."""
  calls: dict[tuple[str, Any], set[str]]

  def uses(self, bound: bounds.Bound) -> bool:
    """Whether the binding has an effect on some object of the run."""
    outer, target, parameter = bound.key
    return any(
        called is target and _within(scope, outer) and parameter in names
        for (scope, called), names in self.calls.items())

  def why_not(self, bound: bounds.Bound,
              found: Sequence[bounds.Bound]) -> str:
    """The end of a sentence: why it is unused, and what may have been meant.

    Args:
      bound: unused.
      found: all bindings in force.
    """
    binding = bound.binding
    if bound.target is tables.MACRO:
      return _why_not_macro(bound, found)
    selector = binding.selector
    scopes = {scope for scope, target in self.calls if target is bound.target}
    if any(_within(scope, binding.scope) for scope in scopes):
      return f'the code that builds `{selector}` gives that parameter itself.'
    if not scopes:
      return f'nothing in this run builds `{selector}`.'
    why = f'nothing builds `{selector}` in the scope `{binding.scope}`'
    best = nearest.nearest(binding.scope, scopes)
    if best:
      return f'{why}; did you mean `{best}/{selector}.{binding.parameter}`?'
    named = {scope for scope in scopes if scope}
    if not named:
      return f'{why}; it is built without a scope.'
    return f'{why}; it is built in {nearest.listing(named)}.'


def _why_not_macro(bound: bounds.Bound, found: Sequence[bounds.Bound]) -> str:
  name = bound.binding.name
  scope, _, last = name.rpartition('/')
  macros = {b.binding.name for b in found if b.target is tables.MACRO}
  if scope and last in macros:
    return (f'a macro has no scope, so this is another macro than `{last}`; '
            f'bind the parameter itself under `{scope}/`.')
  return f'no value in use holds `%{name}`.'


def sentences(unused: Sequence[bounds.Bound], usage: Usage,
              found: Sequence[bounds.Bound]) -> tuple[str, ...]:
  """One sentence for each unused binding."""
  return tuple(
      f'{bound.binding.where}: `{bound.binding.name}` is unused: '
      f'{usage.why_not(bound, found)}' for bound in unused)


def error(lines: Sequence[str]) -> UnusedError:
  """The error for these `sentences`; its message is the first of them."""
  more = len(lines) - 1
  others = f' (as {"is" if more == 1 else "are"} {more} more)' if more else ''
  return UnusedError(lines[0].replace(' is unused:', f' is unused{others}:', 1),
                     tuple(lines))
