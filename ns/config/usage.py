"""Which bindings a run uses, and why it does not use the others.

A binding reaches an object if the object's class was built in its scope, or in
a scope inside it, and the parameter was not given by the code that built it. Of
the bindings that reach an object, the one with the narrowest scope is in force.
gin itself accepts any scope and any class without a word.
"""

import collections
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


@dataclasses.dataclass(frozen=True)
class Usage:
  """What a run called, and with which bindings.

  Attributes:
    calls: as `engine.calls` gives it.
    found: all bindings, each with a key of its own.
  """
  calls: dict[tuple[str, Any], set[str]]
  found: tuple[bounds.Bound, ...]

  def used(self) -> list[bounds.Bound]:
    """The bindings that are in force on some object of the run."""
    return [bound for bound in self.found if bound in self._in_force(bound)]

  def unused(self) -> list[bounds.Bound]:
    """The bindings without effect that are to be told.

    A row of a catalogue may be unused. A flag, or a line of an overriding file,
    has to be in force somewhere, or what is in force instead comes from a later
    file or from flags. For others it is enough to reach an object: they may be
    defaults, and all generations say otherwise.
    """
    def is_unused(bound: bounds.Bound) -> bool:
      binding, in_force = bound.binding, self._in_force(bound)
      if binding.override and not binding.included:
        return bound not in in_force and not (
            in_force and all(self._is_later(other, bound)
                             for other in in_force))
      return not binding.catalogue and not in_force

    return [bound for bound in self.found if is_unused(bound)]

  def _is_later(self, bound: bounds.Bound, other: bounds.Bound) -> bool:
    """Whether it stands in a later file of the command, or in its flags."""
    ours, theirs = bound.binding.where, other.binding.where
    # Flags have no line, and are of one kind.
    return (bound.binding.override and self.found.index(bound) >
            self.found.index(other) and (ours.line and ours.file) != (
                theirs.line and theirs.file))

  def _in_force(self, bound: bounds.Bound) -> list[bounds.Bound]:
    """For each object that `bound` reaches, what is in force: it or another."""
    outer, target, parameter = bound.key
    rivals = {other.key[0]: other for other in self.found
              if other.key[1:] == (target, parameter)}
    reached = [bounds.applying(scope)
               for (scope, called), names in self.calls.items()
               if called is target and parameter in names]
    return [next(rivals[scope] for scope in scopes if scope in rivals)
            for scopes in reached if outer in scopes]

  def sentence(self, bound: bounds.Bound) -> str:
    """Where an unused binding is, and why it is unused."""
    why, ending = self._why_not(bound)
    return (f'{bound.binding.where}: `{bound.binding.name}` is unused: '
            f'{why}{ending}')

  def notes(self, excused: Sequence[bounds.Bound]) -> tuple[str, ...]:
    """A sentence for each reason for which bindings are no longer used."""
    reasons = collections.Counter(self._why_not(b)[0] for b in excused)
    return tuple(
        f'{why} any more; its '
        f'{"binding has" if count == 1 else f"{count} bindings have"} no '
        'effect.' for why, count in reasons.items())

  def _why_not(self, bound: bounds.Bound) -> tuple[str, str]:
    """Why it is unused; the end of the sentence: what may have been meant."""
    binding = bound.binding
    if bound.target is tables.MACRO:
      return self._why_not_macro(binding.name)
    selector = binding.selector
    narrower = {other.binding.name for other in self._in_force(bound)}
    if narrower:
      return ('in every scope a narrower binding is in force',
              f'; write {nearest.listing(narrower)}.')
    scopes = {scope for scope, target in self.calls if target is bound.target}
    if any(binding.scope in bounds.applying(scope) for scope in scopes):
      return (f'no code that builds `{selector}` leaves that parameter to the '
              'config', '.')
    if not scopes:
      return f'nothing builds `{selector}`', '.'
    why = f'nothing builds `{selector}` in the scope `{binding.scope}`'
    best = nearest.nearest(binding.scope, scopes)
    if best:
      return why, f'; did you mean `{best}/{selector}.{binding.parameter}`?'
    named = {scope for scope in scopes if scope}
    if not named:
      return why, '; it is built without a scope.'
    return why, f'; it is built in {nearest.listing(named)}.'

  def _why_not_macro(self, name: str) -> tuple[str, str]:
    scope, _, last = name.rpartition('/')
    macros = {b.binding.name for b in self.found if b.target is tables.MACRO}
    if scope and last in macros:
      return (f'a macro has no scope, so this is another macro than `{last}`',
              f'; bind the parameter itself under `{scope}/`.')
    return f'no value in use holds `%{name}`', '.'


def error(lines: Sequence[str]) -> UnusedError:
  """The error for these sentences; its message is the first of them."""
  more = len(lines) - 1
  others = f' (as {"is" if more == 1 else "are"} {more} more)' if more else ''
  return UnusedError(lines[0].replace(' is unused:', f' is unused{others}:', 1),
                     tuple(lines))
