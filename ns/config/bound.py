"""Bindings whose names are resolved and found valid."""

import dataclasses
from typing import Any

from ns.config import nearest
from ns.config import program as programs
from ns.config import statements
from ns.config import symbols as tables
from ns.core import errors

_REQUIRED = ('gin.REQUIRED', 'REQUIRED')


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bound:
  """A binding, and the class or function whose parameter it binds.

  Attributes:
    target: the class or function, or `symbols.MACRO`.
    references: the references in its value, with what they refer to.
  """
  binding: statements.Binding
  target: Any
  references: tuple[tuple[statements.Reference, Any], ...] = ()

  @property
  def key(self) -> tuple[str, Any, str]:
    """What is bound; the last binding of a key is in force."""
    if self.target is tables.MACRO:
      return self.binding.name, tables.MACRO, 'value'
    return self.binding.scope, self.target, self.binding.parameter


def is_required(macro: statements.Macro) -> bool:
  """Whether it is gin's constant for a value that is still to be bound."""
  return macro.name in _REQUIRED


def bind(program: programs.Program, partial: bool = False) -> list[Bound]:
  """The bindings in force, in the order of their first mention.

  Imports what the program imports.

  Args:
    program: what to look up.
    partial: other files will bind what is missing here, so macros and required
      values are not checked.

  Raises:
    ConfigError: a name is not known, a macro is not defined or is defined by
      itself, or a value that is marked as required is missing.
  """
  symbols = tables.Symbols(program.imports)
  in_force = {}
  for binding in program.bindings:
    bound = resolve(binding, symbols)
    in_force[bound.key] = bound
  found = list(in_force.values())
  if not partial:
    _check_macros(found)
    _check_required(found)
  return found


def resolve(binding: statements.Binding, symbols: tables.Symbols) -> Bound:
  """Looks up all names of a binding; raises ConfigError for an unknown one."""
  if binding.is_macro:
    target = tables.MACRO
  else:
    if not binding.selector:
      raise errors.ConfigError(
          f'{binding.where}: `{binding.name}` should be '
          '`module.Class.parameter`.')
    target = symbols.resolve(binding.selector, binding.where)
    names, takes_others = tables.parameters(target)
    if binding.parameter not in names and not takes_others:
      raise errors.ConfigError(
          f'{binding.where}: `{binding.selector}` has no parameter '
          f'`{binding.parameter}`'
          f'{nearest.suggest(binding.parameter, names)}')
  references = tuple(
      (leaf, symbols.resolve(leaf.selector, binding.where))
      for leaf in statements.leaves(binding.value)
      if isinstance(leaf, statements.Reference))
  return Bound(binding=binding, target=target, references=references)


def _macros_in(bound: Bound) -> list[str]:
  """The names of the macros in a value, gin's constant for "required" apart."""
  return [leaf.name for leaf in statements.leaves(bound.binding.value)
          if isinstance(leaf, statements.Macro) and not is_required(leaf)]


def _check_macros(found: list[Bound]) -> None:
  """Raises ConfigError for a macro that is undefined or defined by itself."""
  macros = {b.binding.name: b for b in found if b.target is tables.MACRO}
  for bound in found:
    for name in _macros_in(bound):
      if name not in macros:
        raise errors.ConfigError(
            f'{bound.binding.where}: the macro `%{name}` is not defined'
            f'{nearest.suggest(name, [*macros, _REQUIRED[0]], "%{}")}')
  for name, bound in macros.items():
    reached, ahead = set(), _macros_in(bound)
    while ahead:
      inner = ahead.pop()
      if inner == name:
        raise errors.ConfigError(
            f'{bound.binding.where}: the macro `{name}` is defined by itself.')
      if inner not in reached and inner in macros:
        reached.add(inner)
        ahead += _macros_in(macros[inner])


def _check_required(found: list[Bound]) -> None:
  for bound in found:
    for leaf in statements.leaves(bound.binding.value):
      if isinstance(leaf, statements.Macro) and is_required(leaf):
        name = bound.binding.name
        raise errors.ConfigError(
            f'{bound.binding.where}: `{name}` is required, and nothing binds '
            f'it; add `{name} = …` to the run file.')


def applying(scope: str) -> list[str]:
  """The scopes whose bindings apply in `scope`, the strongest first."""
  parts = scope.split('/') if scope else []
  return ['/'.join(parts[:n]) for n in range(len(parts), -1, -1)]


def check_scopes(found: list[Bound]) -> None:
  """Raises ConfigError for a reference whose scope binds nothing.

  gin builds it with defaults, without a word: a misspelt row of a catalogue.

  Args:
    found: the bindings in force, with those of the generations' names.
  """
  scopes = {bound.binding.scope for bound in found}
  for bound in found:
    for reference, target in bound.references:
      scope = reference.scope
      if scope and scope not in scopes:
        brackets = '()' if reference.called else ''
        rows = {b.binding.scope for b in found
                if b.target is target and b.binding.scope}
        raise errors.ConfigError(
            f'{bound.binding.where}: nothing is bound in the scope `{scope}` '
            f'of `{reference}`'
            + nearest.suggest(
                scope, rows, f'@{{}}/{reference.selector}{brackets}'))
