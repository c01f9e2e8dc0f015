"""Tests of ns/config/program.py."""

import pytest

from ns.config import program
from ns.core import errors
from tests.config import runs

here = runs.here


def _told(found):
  return [str(binding) for binding in found.bindings]


def test_an_include_takes_effect_where_it_stands_and_flags_last(here):
  runs.write(here, a="A = 1\ninclude 'b.gin'\nC = 3\n", b='B = 2\n',
             d='D = 4\n')
  found = program.read(['a.gin', 'd.gin'], ['E=5'])
  assert _told(found) == ['A = 1', 'B = 2', 'C = 3', 'D = 4', 'E = 5']
  assert [b.override for b in found.bindings] == [
      False, False, False, True, True]
  assert (found.files, found.flags) == (('a.gin', 'd.gin'), ('E=5',))


def test_included_files_come_from_search_paths_too(here):
  (here / 'team').mkdir()
  runs.write(here, a="include 'b.gin'\n")
  runs.write(here / 'team', b='B = 2\n')
  assert _told(program.read(['a.gin'], (), ['team'])) == ['B = 2']


def test_equal_imports_of_several_files_are_one(here):
  runs.write(here, a=runs.HEAD + "include 'b.gin'\n", b=runs.HEAD)
  assert [i.symbol for i in program.read(['a.gin']).imports] == [
      'dynamic_registration', 'loop', 'noise']


@pytest.mark.parametrize('text, catalogue', [
    ('b0/m.C.p = 1\nb1/m.C.p = 2\n', True),
    ('b0/m.C.p = 1\nm.C.p = 2\n', False),
    ('b0/m.C.p = 1\nM = 2\n', False)])
def test_a_catalogue_is_an_included_file_of_scoped_rows(here, text, catalogue):
  runs.write(here, a="include 'b.gin'\nm.C.q = 1\n", b=text)
  *rows, last = program.read(['a.gin']).bindings
  assert [row.catalogue for row in rows] == [catalogue, catalogue]
  assert not last.catalogue
  assert [b.included for b in (*rows, last)] == [True, True, False]
  assert not any(row.catalogue for row in program.read(['b.gin']).bindings)


def test_files_that_include_each_other(here):
  runs.write(here, a="include 'b.gin'\n", b="X = 1\ninclude 'a.gin'\n")
  with pytest.raises(errors.ConfigError) as caught:
    program.read(['a.gin'])
  assert str(caught.value) == (
      'b.gin:2: `a.gin` includes itself, here or through the files between; '
      'remove one of the includes.')


def test_an_import_before_dynamic_registration(here):
  runs.write(here, a='# Comment.\nfrom tests.config import fakes\n')
  with pytest.raises(errors.ConfigError) as caught:
    program.read(['a.gin'])
  assert str(caught.value) == (
      'a.gin:2: the line `from __gin__ import dynamic_registration` should '
      'stand before the first import.')
