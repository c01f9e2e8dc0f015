"""Paths as the user meant them, repositories among runfiles, whole files."""

import hashlib
import os
import pathlib
import sys

from etils import epath
import pytest

from ns.core import errors
from ns.core import files


@pytest.fixture(autouse=True)
def outside_bazel(monkeypatch, tmp_path):
  """No runfiles but those that a test makes."""
  for variable in ('BUILD_WORKING_DIRECTORY', 'RUNFILES_DIR', 'TEST_SRCDIR',
                   'NS_PICTURES_DIR'):
    monkeypatch.delenv(variable, raising=False)
  monkeypatch.setattr(sys, 'argv', [str(tmp_path / 'program')])
  monkeypatch.setattr(files, '__file__', str(tmp_path / 'ns/core/files.py'))


@pytest.mark.parametrize('path', [
    '/data/train', 'gs://bucket/train', 'http://host/a'])
def test_a_whole_path_stays(path, monkeypatch):
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', '/home/user')
  assert files.user_path(path) == path


def test_a_relative_path_starts_where_the_user_is(monkeypatch, tmp_path):
  monkeypatch.chdir(tmp_path)
  assert files.user_path('mine/run') == f'{tmp_path}/mine/run'
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', '/home/user')
  assert files.user_path('mine/run') == '/home/user/mine/run'
  assert files.user_path('../run') == '/home/run'
  assert files.user_path('.') == '/home/user'


def test_a_tilde_is_the_users_home(monkeypatch):
  monkeypatch.setenv('HOME', '/home/user')
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', '/elsewhere')
  assert files.user_path('~/run') == '/home/user/run'


def test_data_path_of_a_plain_path_is_the_users(monkeypatch):
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', '/home/user')
  assert os.fspath(files.data_path('data')) == '/home/user/data'
  assert os.fspath(files.data_path('gs://bucket/a')) == 'gs://bucket/a'


def repository(root):
  (root / 'pictures').mkdir(parents=True)
  return root / 'pictures'


@pytest.mark.parametrize('variable', ['RUNFILES_DIR', 'TEST_SRCDIR'])
def test_a_repository_is_in_the_runfiles_that_bazel_names(
    variable, monkeypatch, tmp_path):
  folder = repository(tmp_path / 'a')
  monkeypatch.setenv(variable, str(folder.parent))
  assert files.data_path('@pictures/train/a') == folder / 'train/a'
  assert files.data_path('@pictures') == folder


def test_a_repository_is_in_the_runfiles_of_the_program(monkeypatch, tmp_path):
  folder = repository(tmp_path / 'main.runfiles')
  monkeypatch.setattr(sys, 'argv', [f'{folder.parent}/ns/main.py'])
  assert files.data_path('@pictures/a') == folder / 'a'


def test_a_repository_is_in_the_runfiles_of_this_file(monkeypatch, tmp_path):
  folder = repository(tmp_path / 'main.runfiles')
  monkeypatch.setattr(
      files, '__file__', f'{folder.parent}/noisy_student/ns/core/files.py')
  assert files.data_path('@pictures/a') == folder / 'a'


def test_a_variable_says_where_what_is_not_in_the_runfiles(
    monkeypatch, tmp_path):
  monkeypatch.setenv('NS_PICTURES_DIR', '/mine')
  assert os.fspath(files.data_path('@pictures/a')) == '/mine/a'
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', '/home/user')
  monkeypatch.setenv('NS_PICTURES_DIR', 'mine')
  assert os.fspath(files.data_path('@pictures/a')) == '/home/user/mine/a'
  # What Bazel put there was checked by its rule, which has read the variable.
  found = repository(tmp_path / 'a')
  monkeypatch.setenv('RUNFILES_DIR', str(found.parent))
  assert os.fspath(files.data_path('@pictures/a')) == str(found / 'a')


def test_a_repository_that_is_nowhere(monkeypatch, tmp_path):
  monkeypatch.setenv('RUNFILES_DIR', str(repository(tmp_path / 'a').parent))
  with pytest.raises(errors.RunError) as raised:
    files.data_path('@faces/train')
  assert str(raised.value) == (
      '`@faces/train` is in the repository `@faces`, which is not among this '
      "program's data: run it by Bazel with `@faces` in `data`, or set "
      'NS_FACES_DIR to the folder that has the files.')


@pytest.mark.parametrize('size', [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_sha256_equals_hashlibs(size, tmp_path):
  content = bytes(i * 7 % 251 for i in range(256)) * (size // 256 + 1)
  path = tmp_path / 'file'
  path.write_bytes(content[:size])
  assert files.sha256(path) == hashlib.sha256(content[:size]).hexdigest()
  assert files.sha256(str(path)) == files.sha256(epath.Path(path))


def names(folder):
  return sorted(p.name for p in pathlib.Path(folder).iterdir())


def test_write_whole_writes_bytes_and_text(tmp_path):
  files.write_whole(tmp_path / 'new/folder/a', b'\x00\xff')
  assert (tmp_path / 'new/folder/a').read_bytes() == b'\x00\xff'
  files.write_whole(str(tmp_path / 'new/folder/a'), 'é\n')
  assert (tmp_path / 'new/folder/a').read_bytes() == b'\xc3\xa9\n'
  assert names(tmp_path / 'new/folder') == ['a']


def test_the_name_comes_when_all_is_written(tmp_path):
  path = tmp_path / 'a'
  path.write_text('old')
  with files.written_aside(path) as aside:
    aside.write_text('half')
    assert path.read_text() == 'old'
    assert files.is_aside(aside)
    assert aside.parent == tmp_path
  assert path.read_text() == 'half'
  assert names(tmp_path) == ['a']


def test_nothing_half_stays_when_writing_fails(tmp_path):
  path = tmp_path / 'a'
  for old in (None, 'old'):
    if old:
      path.write_text(old)
    with pytest.raises(OSError, match='disk full'):
      with files.written_aside(path) as aside:
        aside.write_text('half')
        raise OSError('disk full')
    assert names(tmp_path) == (['a'] if old else [])
  assert path.read_text() == 'old'


def test_what_a_killed_process_left_is_written_over(tmp_path):
  with files.written_aside(tmp_path / 'a') as aside:
    left = aside
    aside.write_text('whole')
  left.write_text('left by a killed process')
  files.write_whole(tmp_path / 'a', 'new')
  assert (tmp_path / 'a').read_text() == 'new'
  assert names(tmp_path) == ['a']


def test_several_write_a_file(tmp_path):
  path = tmp_path / 'shared.txt'
  with files.written_aside(path, by_several=True) as first:
    first.write_text('first')
    files.write_whole(path, 'second', by_several=True)
    assert path.read_text() == 'second'
    assert files.is_aside(first)
  assert path.read_text() == 'first'
  assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('name', ['a', '.a', 'a.aside', '.aside.npz'])
def test_other_files_are_not_aside(name):
  assert not files.is_aside(f'/folder/{name}')


def test_a_full_disk_is_named(tmp_path):
  path = tmp_path / 'a/b.npz'
  # What is written to it does not fit, ever.
  path.parent.mkdir()
  (tmp_path / 'a/.b.npz.aside').symlink_to('/dev/full')
  with pytest.raises(OSError) as caught:
    files.write_whole(path, b'something')
  assert files.is_full(caught.value)
  assert caught.value.filename == str(path)
  assert list(path.parent.iterdir()) == []
  files.write_whole(path, b'something')


def test_another_error_is_left_as_it_is():
  with pytest.raises(OSError) as caught:
    with files.named('/a'):
      raise OSError(5, 'Input/output error')
  assert caught.value.filename is None and not files.is_full(caught.value)
