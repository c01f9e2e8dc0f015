"""What a test sees of `@pip`: what it declares, and nothing of the host."""

import importlib
import os
import sys

import pytest


def test_the_interpreter_is_cpython_3_11_in_an_empty_environment():
  assert sys.version_info[:2] == (3, 11)
  assert sys.prefix != sys.base_prefix
  assert not [path for path in sys.path if path.endswith('dist-packages')]


def test_a_declared_distribution_comes_from_the_lock_file():
  numpy = importlib.import_module('numpy')
  assert '/lib/numpy/' in numpy.__file__


@pytest.mark.parametrize('name', ['tensorflow', 'absl', 'yaml'])
def test_an_undeclared_distribution_is_an_import_error(name):
  with pytest.raises(ImportError):
    importlib.import_module(name)


def test_the_folder_of_the_test_is_not_on_the_path():
  assert os.path.dirname(__file__) not in sys.path
