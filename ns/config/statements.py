"""Statements of gin as plain records, each with the place it stands at.

References and macros are records too, instead of gin's live objects, so that a
text can be read and judged before anything it names is imported.
"""

from collections.abc import Iterator
import dataclasses
from typing import Any

DYNAMIC_REGISTRATION = '__gin__.dynamic_registration'


@dataclasses.dataclass(frozen=True)
class Where:
  """A place: a line of a file, or a flag of the command line (no line)."""
  file: str
  line: int | None = None

  def __str__(self) -> str:
    return self.file if self.line is None else f'{self.file}:{self.line}'


@dataclasses.dataclass(frozen=True, repr=False)
class Reference:
  """`@scope/module.Class`, or `@scope/module.Class()` when `called`."""
  name: str
  called: bool

  @property
  def scope(self) -> str:
    return self.name.rpartition('/')[0]

  @property
  def selector(self) -> str:
    return self.name.rpartition('/')[2]

  def __repr__(self) -> str:
    return f'@{self.name}{"()" if self.called else ""}'


@dataclasses.dataclass(frozen=True, repr=False)
class Macro:
  """`%NAME`."""
  name: str

  def __repr__(self) -> str:
    return f'%{self.name}'


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Binding:
  """`scope/selector.parameter = value`; a macro's has no parameter.

  Attributes:
    value: a Python literal, in which `Reference` and `Macro` may stand.
    override: it comes from the command line or a later `--gin_file`.
    included: it comes from a file that another includes.
    catalogue: it is a row of a catalogue, which need not be used.
  """
  scope: str
  selector: str
  parameter: str
  value: Any
  where: Where
  override: bool = False
  included: bool = False
  catalogue: bool = False

  @property
  def is_macro(self) -> bool:
    return not self.parameter

  @property
  def name(self) -> str:
    scoped = f'{self.scope}/{self.selector}' if self.scope else self.selector
    return f'{scoped}.{self.parameter}' if self.parameter else scoped

  def __str__(self) -> str:
    return f'{self.name} = {self.value!r}'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Import:
  """`text` imports `module` and makes it known as `symbol`."""
  text: str
  module: str
  symbol: str
  where: Where


@dataclasses.dataclass(frozen=True, kw_only=True)
class Include:
  """`include 'name'`."""
  name: str
  where: Where


Statement = Binding | Import | Include


def leaves(value: Any) -> Iterator[Any]:
  """All that stands in a value: its literals, references and macros."""
  if isinstance(value, dict):
    for item in value.items():
      yield from leaves(item)
  elif isinstance(value, (list, tuple)):
    for item in value:
      yield from leaves(item)
  else:
    yield value


def renamed(binding: Binding, symbols: dict[str, str]) -> Binding:
  """The binding with other symbols for the modules in its names.

  Args:
    binding: what to change.
    symbols: old -> new, of those that change.
  """
  def name(selector: str) -> str:
    symbol, dot, rest = selector.partition('.')
    return f'{symbols.get(symbol, symbol)}{dot}{rest}'

  def value(old: Any) -> Any:
    if isinstance(old, dict):
      return {value(key): value(item) for key, item in old.items()}
    if isinstance(old, (list, tuple)):
      return type(old)(value(item) for item in old)
    if isinstance(old, Reference):
      scope, slash, selector = old.name.rpartition('/')
      return Reference(f'{scope}{slash}{name(selector)}', old.called)
    return old

  selector = binding.selector if binding.is_macro else name(binding.selector)
  return dataclasses.replace(
      binding, selector=selector, value=value(binding.value))
