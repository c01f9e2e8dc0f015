"""Rows of catalogues, built alone, and each sentence of a wrong one."""

import pytest

from ns.config import locate
from ns.core import errors
from tools import catalogue

HEAD = """# A catalogue.
from __gin__ import dynamic_registration
from ns import models
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
  """The root of the workspace is an empty folder, where the user is."""
  monkeypatch.delenv('BUILD_WORKING_DIRECTORY', raising=False)
  monkeypatch.setattr(locate, 'root', lambda: str(tmp_path))
  monkeypatch.chdir(tmp_path)
  return tmp_path


def write(folder, text, name='a.gin'):
  (folder / name).write_text(HEAD + text)
  return name


def error_of(*arguments):
  with pytest.raises(errors.ConfigError) as raised:
    catalogue.row(*arguments)
  assert '\n' not in str(raised.value)
  return str(raised.value)


def test_a_row_is_what_it_binds_over_what_has_no_scope(here):
  name = write(here, 'a/models.EfficientNet.width = 0.5\n'
               'models.EfficientNet.width = 2.0\n'
               'models.EfficientNet.depth = 3.0\n'
               'b/models.EfficientNet.width = 0.25\n')
  made = {row: catalogue.row([name], row) for row in 'ab'}
  assert {row: (m.width, m.depth, m.image_size) for row, m in made.items()} == {
      'a': (0.5, 3.0, 224), 'b': (0.25, 3.0, 224)}


def test_an_object_inside_a_row(here):
  name = write(
      here, 'a/models.EfficientNet.normalization = @a/models.BatchNorm()\n'
      'a/models.BatchNorm.momentum = 0.5\n'
      'b/models.EfficientNet.normalization = @models.BatchNorm()\n'
      'b/models.BatchNorm.momentum = 0.75\n')
  for row, momentum in ('a', 0.5), ('b', 0.75):
    assert catalogue.row([name], row).normalization.momentum == momentum


def test_a_later_file_overrides(here):
  first = write(here, 'a/models.EfficientNet.width = 0.5\n')
  second = write(here, 'a/models.EfficientNet.width = 0.75\n', 'b.gin')
  assert catalogue.row([first, second], 'a').width == 0.75


def test_a_row_that_is_not_there(here):
  name = write(here, 'a/models.EfficientNet.width = 0.5\n'
               'c/models.EfficientNet.width = 0.5\n')
  assert error_of([name], 'b') == (
      'There is no row `b` in a.gin; it has a, c.')
  assert error_of([write(here, '')], 'b') == (
      'There is no row `b` in a.gin; it has none.')


def test_a_row_of_something_else(here):
  name = write(here, 'a/models.BlockGroup.repeats = 2\n')
  assert error_of([name], 'a') == (
      'The row `a` should bind something with `build()`, but does not.')


def test_a_row_that_cannot_be_built(here):
  name = write(here, 'a/models.EfficientNet.width = -1.0\n')
  assert error_of([name], 'a') == (
      'a.gin:4: `EfficientNet.width` should be a number above 0, but is -1.0.')


def test_no_such_file():
  assert 'gone.gin' in error_of(['gone.gin'], 'a')
