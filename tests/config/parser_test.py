"""Tests of ns/config/parser.py and ns/config/syntax.py."""

import pytest

from ns.config import parser
from ns.config import statements
from ns.core import errors

Where = statements.Where


def test_every_kind_of_statement_has_its_line():
  found = parser.parse("""# Comment.
from __gin__ import dynamic_registration
import a.b as c
include 'gin/x.gin'

STEPS = 3
s/m.C:
  size = [
      1, 2]
  of = {'x': @t/m.D(), 'y': %STEPS}
""", 'f.gin')
  first, second, include, steps, size, of = found
  assert (first.module, first.symbol, first.where) == (
      '__gin__.dynamic_registration', 'dynamic_registration', Where('f.gin', 2))
  assert (second.text, second.module, second.symbol) == (
      'import a.b as c', 'a.b', 'c')
  assert (include.name, include.where) == ('gin/x.gin', Where('f.gin', 4))
  assert (steps.name, steps.is_macro, steps.value) == ('STEPS', True, 3)
  assert (size.name, size.value, size.where) == (
      's/m.C.size', [1, 2], Where('f.gin', 8))
  reference, macro = of.value.values()
  assert (reference.scope, reference.selector, reference.called) == (
      't', 'm.D', True)
  assert (macro.name, of.where) == ('STEPS', Where('f.gin', 10))


def test_a_flag_is_an_override_and_its_own_place():
  found = parser.parse_flag("s/m.C.p='a=b'")
  assert (found.name, found.value, found.override) == ('s/m.C.p', 'a=b', True)
  assert str(found.where) == "--gin.s/m.C.p='a=b'"


def _message(text):
  with pytest.raises(errors.ConfigError) as caught:
    parser.parse(text, 'f.gin')
  return str(caught.value)


def _reason(line):
  """What is said of a wrong second line, without its place and content."""
  message = _message(f'# Comment.\n{line}\n')
  begin = f'f.gin:2: cannot read `{line}`: '
  assert message.startswith(begin)
  return message[len(begin):]


@pytest.mark.parametrize('line, reason', [
    ('m.C.p = light',
     '`light` is not a value; put quotes around text, `@` before a class, '
     '`%` before a macro.'),
    ('m.C.p = true', 'write `True` for `true`.'),
    ('m.C.p =',
     'a value is a number, text in quotes, True, False, None, a list, '
     '`@module.Class()` or `%MACRO`.'),
    ('m.C.p = 3 4', 'something follows the value.'),
    ('m.C.p = [1 2]', 'a comma or the closing `]` is missing.'),
    ('m.C.p = [1, 2', 'a bracket or a quote is not closed.'),
    ("m.C.p = 'x", 'a quote is not closed.'),
    ('m.C.p 3',
     'a line is `module.Class.parameter = value`, an import or an include.'),
    ('m.C .p = 3',
     'a name is `scope/module.Class.parameter`, without spaces.'),
    ('3 = m',
     'a name begins with a letter: `scope/module.Class.parameter`.'),
    ('include 3', 'an include is a path in quotes.'),
    ('include', 'an include is a path in quotes.'),
    ('include gin/x.gin', 'an include is a path in quotes.'),
    ('include ../x.gin', 'an include is a path in quotes.'),
    ("include 'gin/x.gin", 'a quote is not closed.'),
])
def test_what_is_said_of_a_line_that_is_not_gin(line, reason):
  assert _reason(line) == reason


def test_a_block_without_indentation():
  assert _message('m.C:\np = 3\n') == (
      'f.gin:2: cannot read `p = 3`: the lines of a block are indented: two '
      'spaces, `parameter = value`.')


def test_a_block_of_uneven_indentation():
  assert _message('m.C:\n    p = 3\n  q = 4\n') == (
      'f.gin:3: cannot read `q = 4`: the indentation fits no line above.')


def test_a_number_that_is_too_large():
  assert _message('m.C.p = [1e999]') == 'f.gin:1: the number is too large.'


def test_a_flag_without_a_value():
  with pytest.raises(errors.ConfigError) as caught:
    parser.parse_flag('s/m.C.p')
  assert str(caught.value) == (
      '--gin.s/m.C.p: the value is missing; write `--gin.s/m.C.p=VALUE`.')


def test_a_flag_of_two_bindings():
  with pytest.raises(errors.ConfigError) as caught:
    parser.parse_flag('m.C.p=1\nm.C.q=2')
  assert str(caught.value) == (
      '--gin.m.C.p=1 m.C.q=2: a flag should hold one binding, '
      '`--gin.NAME=VALUE`.')
