"""Tests of ns/config/symbols.py."""

import pytest

from ns.config import parser
from ns.config import statements
from ns.config import symbols
from ns.core import checks
from ns.core import errors
from tests.config import fakes

_WHERE = statements.Where('a.gin', 9)


def _table(*lines):
  return symbols.Symbols(parser.parse('\n'.join(lines), 'a.gin'))


def _message(function, *arguments):
  with pytest.raises(errors.ConfigError) as caught:
    function(*arguments)
  return str(caught.value)


@pytest.mark.parametrize('line, selector', [
    ('from tests.config import fakes', 'fakes.Cutout'),
    ('import tests.config.fakes as noise', 'noise.Cutout'),
    ('import tests.config.fakes', 'tests.config.fakes.Cutout')])
def test_a_name_means_what_python_means(line, selector):
  assert _table(line).resolve(selector, _WHERE) is fakes.Cutout


def test_two_symbols_for_one_module_are_fine():
  table = _table('from tests.config import fakes as a',
                 'from tests.config import fakes as b')
  assert table.resolve('a.Off', _WHERE) is table.resolve('b.Off', _WHERE)


def test_one_symbol_for_two_modules():
  assert _message(_table, 'from tests.config import fakes as noise',
                  'from ns.core import checks as noise') == (
      'a.gin:2: `noise` means `ns.core.checks` here but `tests.config.fakes` '
      'at a.gin:1; import one of them `as` another name.')


def test_an_unknown_symbol():
  table = _table('from tests.config import fakes as noise')
  assert _message(table.resolve, 'niose.Cutout', _WHERE) == (
      'a.gin:9: no file of this run imports `niose`; did you mean '
      '`noise.Cutout`?')


def test_a_class_without_its_module():
  table = _table('from tests.config import fakes as noise')
  assert _message(table.resolve, 'Cutout', _WHERE) == (
      'a.gin:9: no file of this run imports `Cutout`; did you mean '
      '`noise.Cutout`?')


def test_a_symbol_like_no_other():
  table = _table('from tests.config import fakes as noise')
  assert _message(table.resolve, 'zzz.Y', _WHERE) == (
      'a.gin:9: no file of this run imports `zzz`; there is `noise`.')


def test_an_unknown_class():
  table = _table('from tests.config import fakes as noise')
  assert _message(table.resolve, 'noise.Cuttout', _WHERE) == (
      'a.gin:9: `noise` has no `Cuttout`; did you mean `noise.Cutout`?')


def test_a_class_like_no_other_lists_the_modules_own():
  table = _table('from ns.core import seeds')
  assert _message(table.resolve, 'seeds.Zzzzzz', _WHERE) == (
      'a.gin:9: `seeds` has no `Zzzzzz`; there is `seeds.Seed`.')


def test_a_module_is_no_component():
  table = _table('from ns.core import seeds')
  assert _message(table.resolve, 'seeds', _WHERE) == (
      'a.gin:9: `seeds` should be a class or a function, but is a module; '
      'there is `seeds.Seed`.')


def test_an_unknown_module():
  assert _message(_table, 'from ns.core import seesd') == (
      'a.gin:1: there is no module `ns.core.seesd`; did you mean '
      '`ns.core.seeds`?')


def test_an_unknown_package():
  assert _message(_table, 'import nosuchpackage.thing') == (
      'a.gin:1: there is no module `nosuchpackage` (under Bazel: among the '
      '`components` of the gin target).')


def test_a_class_is_no_module():
  assert _message(_table, 'from tests.config.fakes import Off') == (
      'a.gin:1: `tests.config.fakes.Off` is not a module; import the module '
      'that holds it, `tests.config.fakes`, and write `fakes.Off`.')


@pytest.mark.parametrize('code, reason', [
    ('import nosuchpackage', "No module named 'nosuchpackage'"),
    ('x = (', "'(' was never closed (broken_component.py, line 1)"),
    ('\n1 / 0', 'broken_component.py:2: ZeroDivisionError: division by zero'),
    ('raise ValueError("two\\nlines")',
     'broken_component.py:1: ValueError: two lines'),
    ('import sys\nsys.exit(3)', 'broken_component.py:2: SystemExit: 3')])
def test_a_module_that_does_not_load(tmp_path, monkeypatch, code, reason):
  (tmp_path / 'broken_component.py').write_text(code + '\n')
  monkeypatch.syspath_prepend(tmp_path)
  assert _message(_table, '# Comment.', 'import broken_component') == (
      f'a.gin:2: `broken_component` does not load: {reason}.')


def test_gin_is_not_a_component():
  assert _message(_table, 'import gin.tf') == (
      "a.gin:1: `import gin.tf` is of no use here: gin's own names need no "
      'import, and `gin` cannot be the name of another module.')


def test_parameters_of_classes_and_functions():
  assert symbols.parameters(fakes.RandAugment) == (
      ['magnitude', 'layers', 'ops'], False)
  assert symbols.parameters(checks.one_of) == (
      ['owner', 'name', 'choices'], False)
  assert symbols.parameters(lambda *a, b=1, **c: None) == (['b'], True)
