"""Tests of ns/config/statements.py."""

import pytest

from ns.config import parser
from ns.config import statements


@pytest.mark.parametrize('text', [
    's/m.C.p = [@t/m.D(), @m.D, %STEPS]',
    "m.C.p = {'a': (1, -2.5), 'b': None, 'c': True}",
    "m.C.p = 'a \\'quoted\\' \\n text'",
    'STEPS = ()'])
def test_the_text_of_a_binding_says_the_same(text):
  first, = parser.parse(text, 'f.gin')
  second, = parser.parse(str(first), 'f.gin')
  assert (first.name, repr(first.value)) == (second.name, repr(second.value))


def test_symbols_are_renamed_in_names_and_references_alone():
  first, macro = parser.parse(
      "n/n.C.n = [{'n.x': (@n/n.D(), @m.n.E)}, %n]\nn = 1\n", 'f.gin')
  symbols = {'n': 'noise'}
  assert str(statements.renamed(first, symbols)) == (
      "n/noise.C.n = [{'n.x': (@n/noise.D(), @m.n.E)}, %n]")
  assert str(statements.renamed(macro, symbols)) == 'n = 1'


def test_leaves_of_a_nested_value():
  macro = statements.Macro('M')
  assert list(statements.leaves({'a': [1, (macro,)]})) == ['a', 1, macro]
