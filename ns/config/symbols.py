"""What the names of a run mean: symbol -> module -> class or function.

The imports of all files together make one table, so a name means one module
over a whole run, and the command line can name whatever any file imports.
"""

from collections.abc import Iterable
import importlib
import inspect
import os
import pkgutil
import traceback
import types
from typing import Any

from ns.config import nearest
from ns.config import statements
from ns.core import errors

# Stands for gin's macro among the classes and functions that bindings name.
MACRO = object()


class Symbols:
  """The table of a run's imports."""

  def __init__(self, imports: Iterable[statements.Import]):
    """Imports the modules.

    Raises:
      ConfigError: a module does not exist or does not load, or one name is
        given to two modules.
    """
    self._modules = {}
    first = {}
    for statement in imports:
      if statement.module == statements.DYNAMIC_REGISTRATION:
        continue
      module = _import(statement)
      symbol = statement.symbol
      if self._modules.setdefault(symbol, module) is not module:
        other = first[symbol]
        raise errors.ConfigError(
            f'{statement.where}: `{symbol}` means `{statement.module}` here '
            f'but `{other.module}` at {other.where}; import one of them `as` '
            'another name.')
      first.setdefault(symbol, statement)

  def resolve(self, selector: str, where: statements.Where) -> Any:
    """The class or function called `selector`.

    Raises:
      ConfigError: there is none; names the nearest.
    """
    symbol, *attributes = selector.split('.')
    if symbol not in self._modules:
      raise errors.ConfigError(
          f'{where}: no file of this run imports `{symbol}`'
          f'{self._meant(symbol, attributes)}')
    value, path = self._modules[symbol], symbol
    for attribute in attributes:
      if not hasattr(value, attribute):
        raise errors.ConfigError(
            f'{where}: `{path}` has no `{attribute}`'
            f'{nearest.suggest(attribute, _members(value), path + ".{}")}')
      value, path = getattr(value, attribute), f'{path}.{attribute}'
    if isinstance(value, types.ModuleType) or not callable(value):
      raise errors.ConfigError(
          f'{where}: `{path}` should be a class or a function, but is a '
          f'{type(value).__name__}'
          f'{nearest.suggest("", _members(value), path + ".{}")}')
    return value

  def _meant(self, symbol: str, attributes: list[str]) -> str:
    """Ends the sentence: a like symbol, or a module with such a member."""
    best = nearest.nearest(symbol, self._modules)
    if best is not None:
      return f'; did you mean `{".".join([best, *attributes])}`?'
    holders = [f'{name}.{symbol}' for name, module in self._modules.items()
               if hasattr(module, symbol)]
    if holders:
      return f'; did you mean `{".".join([holders[0], *attributes])}`?'
    return nearest.suggest(symbol, self._modules)


def parameters(target: Any) -> tuple[list[str], bool]:
  """The names of a class's or function's parameters, and if it takes others."""
  try:
    signature = inspect.signature(target)
  except ValueError:  # Some built-in functions do not tell.
    return [], True
  kinds = inspect.Parameter
  names = [p.name for p in signature.parameters.values()
           if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
  return names, any(p.kind == kinds.VAR_KEYWORD
                    for p in signature.parameters.values())


def _members(value: Any) -> list[str]:
  """The public classes and functions that a module or class itself offers."""
  def is_own(member: Any) -> bool:
    home = getattr(member, '__module__', None) or ''
    return callable(member) and (home + '.').startswith(value.__name__ + '.')

  return [name for name in dir(value) if not name.startswith('_')
          and (not isinstance(value, types.ModuleType)
               or is_own(getattr(value, name)))]


def _import(statement: statements.Import) -> types.ModuleType:
  """Imports the module; returns what the statement's symbol stands for."""
  name, where = statement.module, statement.where
  if statement.symbol == 'gin' or name.split('.')[0] in ('gin', '__gin__'):
    raise errors.ConfigError(
        f"{where}: `{statement.text}` is of no use here: gin's own names need "
        'no import, and `gin` cannot be the name of another module.')
  try:
    module = importlib.import_module(name)
  except (Exception, SystemExit) as error:  # Whatever the module's code does.
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and (name == missing or name.startswith(missing + '.')):
      raise errors.ConfigError(_no_module(statement, missing)) from error
    raise errors.ConfigError(
        f'{where}: `{name}` does not load: {_reason(error)}.') from error
  if statement.text == f'import {name}':
    return importlib.import_module(name.split('.')[0])
  return module


def _reason(error: BaseException) -> str:
  """Why a module does not load, on one line."""
  if isinstance(error, (ImportError, SyntaxError)):
    return ' '.join(str(error).split())
  *_, last = traceback.extract_tb(error.__traceback__)
  file = os.path.basename(last.filename)
  told = ' '.join(f'{type(error).__name__}: {error}'.split())
  return f'{file}:{last.lineno}: {told}'


def _no_module(statement: statements.Import, missing: str) -> str:
  name, where = statement.module, statement.where
  parent, _, last = missing.rpartition('.')
  try:
    package = importlib.import_module(parent) if parent else None
  except ImportError:
    package = None
  if package is not None and hasattr(package, last):
    return (f'{where}: `{name}` is not a module; import the module that holds '
            f'it, `{parent}`, and write `{parent.split(".")[-1]}.{last}`.')
  paths = getattr(package, '__path__', None) if parent else None
  siblings = [m.name for m in pkgutil.iter_modules(paths)] if paths else []
  best = nearest.nearest(last, siblings)
  ending = (f'; did you mean `{parent}.{best}`?' if best else
            ' (under Bazel: among the `components` of the gin target).')
  return f'{where}: there is no module `{missing}`{ending}'
