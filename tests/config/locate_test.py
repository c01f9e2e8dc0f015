"""Tests of ns/config/locate.py."""

import os

import pytest

from ns.config import locate
from ns.config import statements
from ns.core import errors


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
  """A root, a user's folder and a folder elsewhere, each with its own files."""
  for folder in ('root/gin/noise', 'user', 'extra'):
    (tmp_path / folder).mkdir(parents=True)
  monkeypatch.setattr(locate, 'root', lambda: str(tmp_path / 'root'))
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', str(tmp_path / 'user'))
  return tmp_path


def _write(path, text='x = 1\n'):
  path.write_text(text, encoding='utf-8')


def test_the_root_holds_ns():
  assert os.path.isfile(os.path.join(locate.__file__.rsplit('/ns/', 1)[0],
                                     'ns', 'config', 'locate.py'))


def test_search_paths_come_first_then_the_root_then_the_user(folders):
  locator = locate.Locator((str(folders / 'extra'),))
  for place in ('user', 'root', 'extra'):
    _write(folders / place / 'a.gin', place)
    assert locator.find('a.gin').read() == place


def test_a_relative_search_path_is_the_users(folders):
  (folders / 'user/mine').mkdir()
  _write(folders / 'user/mine/a.gin', 'mine')
  assert locate.Locator(('mine',)).find('a.gin').read() == 'mine'


def test_without_bazel_the_user_is_in_the_current_folder(folders, monkeypatch):
  monkeypatch.delenv('BUILD_WORKING_DIRECTORY')
  monkeypatch.chdir(folders / 'extra')
  _write(folders / 'extra/a.gin', 'here')
  assert locate.Locator().find('a.gin').read() == 'here'


def test_an_absolute_path_below_the_root_is_shown_relative(folders):
  _write(folders / 'root/gin/noise/light.gin')
  found = locate.Locator().find(str(folders / 'root/gin/noise/light.gin'))
  assert found.shown == 'gin/noise/light.gin'


def test_a_remote_file_is_read_through_epath(monkeypatch, folders):
  _write(folders / 'extra/far.gin', 'far')
  opened = []
  def fake(path):
    opened.append(path)
    return folders / 'extra' / path.rsplit('/', 1)[1]
  monkeypatch.setattr(locate.epath, 'Path', fake)
  assert locate.Locator().find('gs://bucket/far.gin').read() == 'far'
  assert set(opened) == {'gs://bucket/far.gin'}


def test_a_missing_file_of_the_command_line(folders):
  _write(folders / 'user/smoke.gin')
  with pytest.raises(errors.ConfigError) as caught:
    locate.Locator().find('smoek.gin')
  assert str(caught.value) == (
      f'The gin file `smoek.gin` does not exist (searched `{folders}/root`, '
      f'`{folders}/user`); did you mean `smoke.gin`?')


def test_a_missing_included_file_with_the_nearest_of_its_folder(folders):
  _write(folders / 'root/gin/noise/light.gin')
  with pytest.raises(errors.ConfigError) as caught:
    locate.Locator().find('gin/noise/ligth.gin', statements.Where('a.gin', 3))
  assert str(caught.value) == (
      'a.gin:3: the included file `gin/noise/ligth.gin` does not exist '
      f'(searched `{folders}/root`, `{folders}/user`); did you mean '
      '`gin/noise/light.gin`?')


def test_a_missing_file_with_the_nearest_of_another_folder(folders):
  _write(folders / 'root/gin/noise/light.gin')
  with pytest.raises(errors.ConfigError, match='`gin/noise/light.gin`'):
    locate.Locator().find('gin/noises/light.gin')


def test_a_missing_absolute_path_like_no_other(folders):
  with pytest.raises(errors.ConfigError) as caught:
    locate.Locator().find('/nowhere/zzzz.gin')
  assert str(caught.value) == (
      'The gin file `/nowhere/zzzz.gin` does not exist.')


def test_a_byte_order_mark_is_no_part_of_the_text(folders):
  (folders / 'user/a.gin').write_bytes(b'\xef\xbb\xbfx = 1\n')
  assert locate.Locator().find('a.gin').read() == 'x = 1\n'


def test_a_search_path_that_is_no_folder(folders):
  with pytest.raises(errors.ConfigError) as caught:
    locate.Locator((str(folders / 'extra'), 'mine'))
  assert str(caught.value) == (
      f'The search path `{folders}/user/mine` is not a folder.')


def test_a_file_that_is_not_text(folders):
  (folders / 'user/a.gin').write_bytes(b'\xff\xfe')
  with pytest.raises(errors.ConfigError) as caught:
    locate.Locator().find('a.gin').read()
  assert str(caught.value).startswith(
      "The gin file `a.gin` cannot be read: 'utf-8' codec can't decode")
