"""One row of a catalogue of gin files, built by itself.

  architecture = catalogue.row(['gin/models/efficientnet.gin'], 'b0')
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

from ns.config import bound as bounds
from ns.config import engine
from ns.config import failures
from ns.config import program as programs
from ns.core import errors


def row(gin_files: Sequence[str], name: str, method: str = 'build') -> Any:
  """What `@name/module.Class()` is in these files.

  Args:
    gin_files: from the workspace root or the user's folder; a later one
      overrides.
    name: the scope of the row.
    method: which of the row's objects is meant, by what it offers.

  Raises:
    ConfigError: no such row, or it cannot be built.
  """
  program = programs.read(gin_files)
  rows = {b.scope for b in program.bindings if b.scope}
  if name not in rows:
    raise errors.ConfigError(
        f'There is no row `{name}` in {", ".join(program.files)}; it has '
        f'{", ".join(sorted(rows)) or "none"}.')
  # What is bound without a scope is overridden by the row, wherever it stands.
  program = dataclasses.replace(program, bindings=(
      *(b for b in program.bindings if not b.scope),
      *(dataclasses.replace(b, scope='') for b in program.bindings
        if b.scope == name)))
  found = bounds.bind(program)
  root = next((b for b in found if callable(getattr(b.target, method, None))),
              None)
  if root is None:
    raise errors.ConfigError(
        f'The row `{name}` should bind something with `{method}()`, but does '
        'not.')
  engine.load(program.imports, found)
  try:
    return engine.build(root.target)
  except errors.RunError as error:
    raise failures.placed(error, found) from error
  except (ValueError, TypeError, RecursionError) as error:
    raise failures.translate(error, found, root) from error
