import pytest

from ns import mixture
from tests.support import photos
from tests.support import source_contract

make_cache = source_contract.make_cache
error = source_contract.error


def image_files(path, **how):
  return mixture.ImageFiles(name='made', path=str(path), **how)


def in_order(written):
  return [(key, image, None)
          for key, image, _ in photos.in_order(written)]


def test_a_folder_keeps_the_contract(tmp_path):
  written = photos.folder(tmp_path / 'pool')
  written['top.png'] = photos.write(tmp_path / 'pool/top.png', b'x')
  photos.write(tmp_path / 'pool/notes.txt', b'no picture')
  source = image_files(tmp_path / 'pool')
  expected = [(f'made/{path}', written[path], None) for path in written]
  source_contract.check(
      source, sorted(expected, key=lambda e: source.keys().index(e[0])))
  assert source.classes == 0 and source.class_names == ()
  assert source.passed_over == {'.txt': 1}


def test_it_is_in_the_order_of_a_folder_by_class(tmp_path):
  written = photos.folder(tmp_path / 'pool')
  source_contract.check(image_files(tmp_path / 'pool'), in_order(written))


def test_a_list_keeps_the_contract(tmp_path):
  written = photos.folder(tmp_path / 'pool')
  chosen = dict(list(written.items())[::2])
  (tmp_path / 'pool/list.txt').write_text(
      '\n'.join([*chosen, '']).replace('ant/', './ant/'))
  source_contract.check(image_files(tmp_path / 'pool/list.txt'),
                        in_order(chosen))


def test_a_list_with_a_mark_in_front(tmp_path):
  """As editors of Windows write it, and its ends of lines."""
  photos.write(tmp_path / 'x.png', b'x')
  (tmp_path / 'l').write_bytes(b'\xef\xbb\xbfx.png\r\n')
  source_contract.check(image_files(tmp_path / 'l'), [
      ('made/x.png', b'x', None)])


def test_a_list_may_name_absolute_paths(tmp_path):
  path = tmp_path / 'a' / 'x'
  photos.write(path, b'x')
  (tmp_path / 'list').mkdir()
  (tmp_path / 'list/l').write_text(f'{path}\n')
  source_contract.check(image_files(tmp_path / 'list/l'), [
      (f'made{path}', b'x', None)])


def test_what_a_list_names_and_is_not_there_is_left_out(tmp_path):
  written = photos.folder(tmp_path / 'pool')
  (tmp_path / 'pool/list.txt').write_text('\n'.join([*written, 'no/such.png']))
  source = image_files(tmp_path / 'pool/list.txt', max_excluded=0.1)
  source_contract.check(source, in_order(written))
  assert source.excluded() == [('made/no/such.png', 'does not exist')]


def test_a_restart_lists_nothing(tmp_path, monkeypatch):
  photos.folder(tmp_path / 'pool')
  source_contract.check_restart(
      lambda: image_files(tmp_path / 'pool'), monkeypatch)


def test_an_image_twice_in_a_list(tmp_path):
  (tmp_path / 'l').write_text('a.png\nb.png\n./a.png\n')
  assert error(lambda: image_files(tmp_path / 'l').num_examples) == (
      f'`{tmp_path}/l` should have every image once, but has `a.png` 2 times.')


def test_no_such_path(tmp_path):
  assert error(lambda: image_files(tmp_path / 'l').num_examples) == (
      '`ImageFiles.path` should be a folder or a list of files, but '
      f'`{tmp_path}/l` is not there.')


def test_a_picture_in_place_of_a_list(tmp_path):
  photos.write(tmp_path / 'l', b'\xff\xd8\xff')
  assert error(lambda: image_files(tmp_path / 'l').num_examples) == (
      '`ImageFiles.path` should be a folder or a text with a path on each '
      f'line, but `{tmp_path}/l` is no text.')


def test_a_wrong_path():
  with pytest.raises(TypeError) as caught:
    mixture.ImageFiles(name='made', path=None)
  assert str(caught.value) == (
      '`ImageFiles.path` should be a value of type str, but is None.')
