"""All statements of a run, in the order in which they take effect.

An include takes effect where it stands. Then come the later files of the
command line, then its bindings.
"""

from collections.abc import Sequence
import dataclasses

from ns.config import locate
from ns.config import parser
from ns.config import statements
from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
  """What the files and flags of a command say.

  Attributes:
    files: the gin files of the command line, as messages name them.
    flags: the bindings of the command line, `NAME=VALUE`.
    imports: of all files, in order; the first of equal ones only.
    bindings: of all files, then of the command line.
  """
  files: tuple[str, ...]
  flags: tuple[str, ...]
  imports: tuple[statements.Import, ...]
  bindings: tuple[statements.Binding, ...]


def read(gin_files: Sequence[str], flags: Sequence[str] = (),
         search_paths: Sequence[str] = ()) -> Program:
  """Reads the files, what they include, and the bindings in `flags`.

  Raises:
    ConfigError: a file is missing or not gin, or files include each other.
  """
  locator = locate.Locator(tuple(search_paths))
  found, shown = [], []
  for index, name in enumerate(gin_files):
    file = locator.find(name)
    shown.append(file.shown)
    found += _expand(file, locator, (), override=index > 0)
  imports = {}
  for statement in found:
    if isinstance(statement, statements.Import):
      imports.setdefault((statement.module, statement.symbol), statement)
  bindings = [s for s in found if isinstance(s, statements.Binding)]
  return Program(
      files=tuple(shown), flags=tuple(flags), imports=tuple(imports.values()),
      bindings=(*bindings, *map(parser.parse_flag, flags)))


def _expand(file: locate.File, locator: locate.Locator, above: tuple[str, ...],
            override: bool) -> list[statements.Statement]:
  """The statements of a file, with those of the files it includes in place."""
  own = parser.parse(file.read(), file.shown)
  _check_registration(own)
  bindings = [s for s in own if isinstance(s, statements.Binding)]
  catalogue = bool(above and bindings) and all(
      binding.scope for binding in bindings)
  expanded = []
  for statement in own:
    if isinstance(statement, statements.Include):
      inner = locator.find(statement.name, statement.where)
      if inner.path in (*above, file.path):
        raise errors.ConfigError(
            f'{statement.where}: `{statement.name}` includes itself, here or '
            'through the files between; remove one of the includes.')
      expanded += _expand(inner, locator, (*above, file.path), override)
    elif isinstance(statement, statements.Binding):
      expanded.append(dataclasses.replace(
          statement, override=override, included=bool(above),
          catalogue=catalogue))
    else:
      expanded.append(statement)
  return expanded


def _check_registration(own: list[statements.Statement]) -> None:
  imports = [s for s in own if isinstance(s, statements.Import)]
  if imports and imports[0].module != statements.DYNAMIC_REGISTRATION:
    raise errors.ConfigError(
        f'{imports[0].where}: the line `from __gin__ import '
        'dynamic_registration` should stand before the first import.')
