"""Where native ops are looked for, and what is said where there are none."""

import logging

import pytest

from ns.core import native


@pytest.fixture
def library(tmp_path):
  return native.Library(folder='ns/thing/native', name='thing.so',
                        without='Things take longer', root=tmp_path)


def place(path, text='not a library'):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(text)
  return path


def test_without_a_library_there_is_one_warning(library, caplog):
  with caplog.at_level(logging.WARNING, logger='absl'):
    assert library.load() is None
    assert library.load() is None
  message, = (record.getMessage() for record in caplog.records)
  assert message == (
      'Things take longer: it is neither in ns/thing/native nor in '
      'bazel-bin/ns/thing/native; build it with `./bazelw build '
      '//ns/thing/native:all`, which needs a C++ compiler.')


def test_a_library_that_does_not_load_is_a_warning(library, tmp_path, caplog):
  path = place(tmp_path / 'ns/thing/native/thing.so')
  with caplog.at_level(logging.WARNING, logger='absl'):
    assert library.load() is None
  message, = (record.getMessage() for record in caplog.records)
  assert message.startswith(
      f'Things take longer: {path} does not load into TensorFlow 2.')
  assert message.endswith(
      '; build it with `./bazelw build //ns/thing/native:all`.')


def test_the_last_build_is_found_where_none_is_beside(library, tmp_path):
  assert library.path() is None
  built = place(tmp_path / 'bazel-bin/ns/thing/native/thing.so')
  assert library.path() == built
  beside = place(tmp_path / 'ns/thing/native/thing.so')
  assert library.path() == beside


def test_what_needs_the_library_gets_a_sentence(library):
  with pytest.raises(RuntimeError) as raised:
    library.require()
  assert str(raised.value) == (
      "`form` is 'native', but `thing.so` is not there: it is neither in "
      'ns/thing/native nor in bazel-bin/ns/thing/native; build it with '
      '`./bazelw build //ns/thing/native:all`, which needs a C++ compiler; or '
      "choose the form 'auto', which does without it.")
