"""gin itself: takes bindings that are known to be valid, builds the root.

gin's state is global to the process; each `load` begins with an empty one.
"""

from collections.abc import Iterable
import re
from typing import Any

import gin

from ns.config import bound as bounds
from ns.config import parser
from ns.config import statements
from ns.config import symbols as tables

_CALLED = re.compile(r'^# Parameters for (?:(.*)/)?([^/\n]*):$', re.MULTILINE)


def load(imports: Iterable[statements.Import],
         found: Iterable[bounds.Bound]) -> None:
  """Gives gin the imports and the bindings, and locks it.

  gin writes a module's classes under one of its symbols, and which one is up to
  chance; here it is the first.
  """
  lines = ['from __gin__ import dynamic_registration']
  first, other = {}, {}
  for statement in imports:
    if statement.module == statements.DYNAMIC_REGISTRATION:
      continue
    if statement.text == f'import {statement.module}':
      lines.append(statement.text)  # No symbol of its own.
    elif statement.module in first:
      other[statement.symbol] = first[statement.module]
    else:
      first[statement.module] = statement.symbol
      lines.append(statement.text)
  lines += [str(statements.renamed(bound.binding, other)) for bound in found]
  gin.clear_config()
  gin.parse_config(lines)
  gin.finalize()


def build(target: Any) -> Any:
  """Calls `target`, a class or function that a binding names, through gin."""
  return gin.get_configurable(target)()


def config() -> str:
  """All bindings that gin holds, as gin."""
  return gin.config_str()


def operative() -> str:
  """The parameters of all that was called, defaults included, as gin."""
  return gin.operative_config_str()


def calls(text: str) -> dict[tuple[str, Any], set[str]]:
  """What an operative config says was called.

  Args:
    text: from `operative`.

  Returns:
    (scope, class or function) -> the names of the parameters that were not
    given by the caller; for a macro (its name, `symbols.MACRO`) -> {'value'}.
  """
  found = parser.parse(text, 'operative config')
  imports = [s for s in found if isinstance(s, statements.Import)]
  symbols = tables.Symbols(imports)
  where = statements.Where('operative config')
  called = {}
  for scope, selector in _CALLED.findall(text):
    called[scope, symbols.resolve(selector, where)] = set()
  for statement in found:
    if isinstance(statement, statements.Binding):
      scope, target, parameter = bounds.resolve(statement, symbols).key
      called.setdefault((scope, target), set()).add(parameter)
  return called
