"""The floors of ns: imports point down, and gin stays on the top floor.

Bazel's visibility refuses an upward `deps`; this refuses the import itself,
also one that no BUILD file declares. The floors are read from ns/BUILD, and the
files from the workspace itself: one that no target names counts as well.
"""

import ast
import pathlib

import pytest

# The file in the runfiles is a link to the one in the workspace.
_ROOT = pathlib.Path('ns/BUILD').resolve().parent.parent
_GIN_IMPORTERS = ('ns/main.py', 'ns/config.py', 'ns/config/')


def _constant(name):
  """The value of a top-level list in ns/BUILD, which reads as Python."""
  for statement in ast.parse((_ROOT / 'ns/BUILD').read_text()).body:
    if isinstance(statement, ast.Assign) and statement.targets[0].id == name:
      return ast.literal_eval(statement.value)
  raise AssertionError(f'ns/BUILD has no {name}')


_FLOOR = {
    package: number
    for number, floor in enumerate(_constant('FLOORS'))
    for package in floor
}


def _imports(source, path):
  """(line, dotted name) of each import, those inside functions included."""
  package = path.parent.parts
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      yield from ((node.lineno, alias.name) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      above = package[: len(package) - node.level + 1] if node.level else ()
      module = '.'.join((*above, *(node.module or '').split('.'))).strip('.')
      yield from (
          (node.lineno, f'{module}.{alias.name}') for alias in node.names
      )


def _findings(source, path):
  """What is wrong with the imports of one file, as sentences."""
  importer = path.parts[1] if len(path.parts) > 2 else None
  for line, name in _imports(source, path):
    parts = name.split('.')
    where = f'{path}:{line}: '
    if parts[0] in ('tests', 'tools'):
      yield f'{where}ns imports nothing of {parts[0]}, found `{name}`'
    if parts[0] == 'gin' and not str(path).startswith(_GIN_IMPORTERS):
      yield f'{where}only main and config import gin'
    if parts[0] != 'ns' or importer is None or importer not in _FLOOR:
      continue
    imported = parts[1] if len(parts) > 1 else ''
    if imported == importer:
      continue
    if imported not in _FLOOR:
      yield f'{where}`{name}` is in no package of FLOORS in ns/BUILD'
    elif _FLOOR[imported] >= _FLOOR[importer]:
      yield (
          f'{where}`{name}` is on floor {_FLOOR[imported]}, expected one below'
          f' floor {_FLOOR[importer]} of ns/{importer}'
      )
    elif importer == 'report' and imported in _constant('UNSEEN_BY_REPORT'):
      yield f'{where}report imports nothing of ns/{imported}'


def _files():
  """The Python files of ns, as paths from the root of the workspace."""
  found = (path.relative_to(_ROOT) for path in (_ROOT / 'ns').rglob('*.py'))
  return sorted(found)


def test_all_imports_of_ns_point_down():
  files = _files()
  assert len(files) > 10
  findings = [
      f for path in files for f in _findings((_ROOT / path).read_text(), path)
  ]
  assert not findings, '\n'.join(findings)


def test_each_package_of_ns_has_a_floor():
  packages = {path.parts[1] for path in _files() if len(path.parts) > 2}
  assert packages <= set(_FLOOR)


@pytest.mark.parametrize(
    'path, source, said',
    [
        ('ns/core/a.py', 'from ns.noise import cutout', 'on floor 2'),
        ('ns/core/a.py', 'def f():\n  import ns.loop.plan', 'on floor 5'),
        ('ns/core/a.py', 'from ns import noise', 'on floor 2'),
        ('ns/core/a.py', 'from ..noise import cutout', 'on floor 2'),
        ('ns/core/a/b.py', 'from ...noise import cutout', 'on floor 2'),
        ('ns/noise/a.py', 'from ns import objective', 'on floor 2'),
        ('ns/noise/a.py', 'from ns import main', 'in no package'),
        ('ns/report/a.py', 'from ns.training import trainer', 'report imports'),
        ('ns/loop/a.py', 'import gin', 'only main and config'),
        ('ns/loop/a.py', 'from gin import config', 'only main and config'),
        ('ns/loop/a.py', 'from tools import lint_gin', 'nothing of tools'),
        ('ns/main.py', 'import tests.support', 'nothing of tests'),
    ],
)
def test_an_import_that_does_not_point_down_is_found(path, source, said):
  findings = list(_findings(source, pathlib.Path(path)))
  assert len(findings) == 1
  assert said in findings[0]


@pytest.mark.parametrize(
    'path, source',
    [
        ('ns/noise/a.py', 'from ns.core import checks\nimport ns.images.crop'),
        ('ns/noise/a.py', 'from ns.noise import cutout\nfrom . import cutout'),
        ('ns/report/a.py', 'from ns.mixture import splits'),
        ('ns/loop/a.py', 'from ns.training import trainer\nimport tensorflow'),
        ('ns/main.py', 'import gin\nfrom ns import config'),
        ('ns/config/a.py', 'import gin\nfrom ns.loop import plan'),
    ],
)
def test_an_import_that_points_down_is_not(path, source):
  assert not list(_findings(source, pathlib.Path(path)))
