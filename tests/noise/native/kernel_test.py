"""Where the native kernel is looked for, and what is said where it is not."""

import logging
import os
import pathlib

import pytest

from ns.noise.native import kernel


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """An empty workspace's ns/noise/native, in which the loader looks."""
  folder = tmp_path / 'ns/noise/native'
  folder.mkdir(parents=True)
  monkeypatch.setattr(kernel, '_FOLDER', folder)
  kernel._warn.cache_clear()
  # The real one stays loaded: an op cannot be registered twice.
  monkeypatch.setattr(kernel, '_load', kernel._load.__wrapped__)
  return folder


def test_loads_once_and_the_same_for_all():
  if not (pathlib.Path(kernel.__file__).parent / 'distort.so').exists():
    pytest.skip('there is no C++ compiler, or this is not run by Bazel')
  module = kernel.load()
  assert callable(module.noisy_student_distort)
  assert kernel.load() is module
  assert kernel.require() is module


def test_without_a_library_there_is_one_warning(folder, caplog):
  with caplog.at_level(logging.WARNING, logger='absl'):
    assert kernel.load() is None
    assert kernel.load() is None
  message, = (record.getMessage() for record in caplog.records)
  assert message == (
      'Image operations run as TensorFlow ops, several times slower than the '
      f'native kernel would: there is no distort.so in {folder} or '
      'bazel-bin/ns/noise/native; build it with `./bazelw build '
      '//ns/noise/native:all`, which needs a C++ compiler.')


def test_a_library_that_does_not_load_is_a_warning(folder, caplog):
  (folder / 'distort.so').write_text('not a library')
  with caplog.at_level(logging.WARNING, logger='absl'):
    assert kernel.load() is None
  message, = (record.getMessage() for record in caplog.records)
  assert f'{folder / "distort.so"} does not load into TensorFlow 2.' in message
  assert message.endswith(
      '; build it with `./bazelw build //ns/noise/native:all`.')


def test_the_last_build_is_found_where_none_is_beside(folder):
  built = folder.parents[2] / 'bazel-bin/ns/noise/native/distort.so'
  os.makedirs(built.parent)
  built.touch()
  assert kernel._find(folder) == built
  beside = folder / 'distort.so'
  beside.touch()
  assert kernel._find(folder) == beside


def test_what_needs_the_kernel_gets_a_sentence(folder):
  with pytest.raises(RuntimeError) as raised:
    kernel.require()
  assert str(raised.value) == (
      "`form` is 'native', but the native kernel is not there: there is no "
      f'distort.so in {folder} or bazel-bin/ns/noise/native; build it with '
      '`./bazelw build //ns/noise/native:all`, which needs a C++ compiler; or '
      "choose the form 'auto', which does without it.")
