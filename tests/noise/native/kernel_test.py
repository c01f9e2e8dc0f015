"""That the native kernel loads where it is, and what is said where not.

How a library is found is tested in tests/core/native_test.py.
"""

import dataclasses
import logging
import pathlib

import pytest

from ns.noise.native import kernel


def test_loads_once_and_the_same_for_all():
  if not (pathlib.Path(kernel.__file__).parent / 'distort.so').exists():
    pytest.skip('there is no C++ compiler, or this is not run by Bazel')
  module = kernel.load()
  assert callable(module.noisy_student_distort)
  assert kernel.load() is module
  assert kernel.require() is module


def test_without_it_a_warning_says_what_is_slow_and_how_to_change_that(
    tmp_path, caplog):
  library = dataclasses.replace(kernel.LIBRARY, root=tmp_path)
  with caplog.at_level(logging.WARNING, logger='absl'):
    assert library.load() is None
  message, = (record.getMessage() for record in caplog.records)
  assert message == (
      'Image operations of noise run as TensorFlow ops, several times slower '
      'than those in `distort.so` would: it is neither in ns/noise/native nor '
      'in bazel-bin/ns/noise/native; build it with `./bazelw build '
      '//ns/noise/native:all`, which needs a C++ compiler.')
