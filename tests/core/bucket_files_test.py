"""Files on a bucket, by TensorFlow's own client."""

import io
import zipfile

import pyarrow
from pyarrow import parquet
import pytest

from ns.core import files
from ns.core import manifest
from tests.support import buckets


@pytest.fixture(name='folder')
def make_folder():
  folder = buckets.new()
  folder.mkdir(parents=True)
  return folder


def test_what_is_written_is_read(folder):
  content = bytes(range(256)) * 10_000  # More than a buffer.
  with files.opened(folder / 'a', 'wb') as file:
    file.write(content[:3])
    file.write(content[3:])
    assert file.writable() and not file.readable() and not file.closed
  assert file.closed
  with files.opened(folder / 'a') as file:
    assert file.read() == content
    assert file.seek(-3, io.SEEK_END) == len(content) - 3
    assert file.read(2) == content[-3:-1]
    assert file.seek(1_000_000) == file.tell() == 1_000_000
    assert file.seek(7, io.SEEK_CUR) == 1_000_007
    assert file.read(5) == content[1_000_007:1_000_012]
  assert files.sha256(folder / 'a') == files.sha256(folder / 'a')


@pytest.mark.parametrize('kind', [
    'begin', 'upload', 'read', 'stat', 'list', 'rewrite', 'delete'])
def test_a_bucket_that_fails_for_a_moment_is_asked_again(folder, kind):
  fail = buckets.server().call
  files.write_whole(folder / 'old', 'old')
  fail('fail', kind=kind, name='', status=503, times=2)
  with files.written_aside(folder / 'a') as aside:
    aside.write_bytes(b'content')
  assert files.sizes([folder / 'a', folder / 'none']) == [7, None]
  assert files.read(folder / 'a') == b'content'
  (folder / 'old').unlink()
  assert [path.name for path in folder.iterdir()] == ['a']
  fail('fail', kind='none', name='')


def test_files_that_another_program_writes_are_read_as_they_are(folder):
  def put(text):
    buckets.server().call('put', name=f'{folder}/a'[5:], text=text)

  put('first')
  assert (folder / 'a').stat().length == 5  # For five seconds.
  put('second and longer')
  assert files.read(folder / 'a') == b'second and longer'


def test_requests(folder):
  def made(what):
    with buckets.server().counted() as found:
      what()
    return sorted((kind, name[-1]) for (kind, name), count in found.items()
                  for _ in range(count))

  one = [('begin', 'a'), ('upload', 'a')]
  assert made(lambda: files.write_whole(folder / 'a', b'x')) == one
  assert made(lambda: files.read(folder / 'a')) == [('read', 'a')]
  assert made(lambda: files.make_folder(folder / 'b')) == []
  files.write_whole(folder / 'b' / 'c', b'')
  # Of a folder: whether it is one, and what is in it.
  assert made(lambda: list(files.walk(folder))) == [('list', '/')] * 4


@pytest.mark.parametrize('is_remote', [False, True])
def test_walking(folder, tmp_path, is_remote):
  place = folder if is_remote else tmp_path
  for name in 'a', 'b/c', 'b/d/e':
    files.write_whole(place / name, name)
  assert [(root.removeprefix(str(place)), folders, names)
          for root, folders, names in files.walk(place)] == [
              ('', ['b'], ['a']), ('/b', ['d'], ['c']), ('/b/d', [], ['e'])]


def test_nothing_is_nothing(folder):
  with files.opened(folder / 'a', 'wb'):
    pass
  with files.opened(folder / 'a') as file:
    assert file.read() == b''


def test_a_file_that_is_not_there(folder, tmp_path):
  for path in folder / 'a', tmp_path / 'a':
    with pytest.raises(FileNotFoundError) as caught:
      files.opened(path)
    assert caught.value.filename == str(path)


def test_arrow_and_zip_take_it_for_a_file(folder):
  table = pyarrow.table({'key': ['a', 'b'], 'value': [1, 2]})
  with files.opened(folder / 'table', 'wb') as file:
    parquet.write_table(table, file)
  with files.opened(folder / 'table') as file:
    assert parquet.read_table(file).equals(table)
  with files.opened(folder / 'zip', 'wb') as file:
    with zipfile.ZipFile(file, 'w') as archive:
      archive.writestr('name', b'content')
  with files.opened(folder / 'zip') as file:
    assert zipfile.ZipFile(file).read('name') == b'content'


def test_a_local_file_is_pythons_own(tmp_path):
  with files.opened(tmp_path / 'a', 'wb') as file:
    file.write(b'x')
  with open(tmp_path / 'a', 'rb') as file:
    assert file.read() == b'x'


def test_a_file_appears_whole(folder):
  files.write_whole(folder / 'sub' / 'a', 'first')
  with pytest.raises(KeyError):
    with files.written_aside(folder / 'sub' / 'a') as aside:
      aside.write_bytes(b'half')
      raise KeyError
  assert (folder / 'sub' / 'a').read_text() == 'first'
  files.write_whole(folder / 'sub' / 'a', 'second')
  assert [path.name for path in (folder / 'sub').iterdir()] == ['a']
  assert (folder / 'sub' / 'a').read_text() == 'second'


def test_a_stage_is_begun_committed_verified_copied_and_removed(folder):
  stage, form = folder / 'teacher' / 'train', {'seed': 1}
  manifest.begin(stage, form)
  assert manifest.begun(stage) == form
  (stage / 'average.npz').write_bytes(b'weights')
  (stage / manifest.SCRATCH).mkdir()
  (stage / manifest.SCRATCH / 'step-5').write_bytes(b'checkpoint')
  made = manifest.commit(stage, form, {'loss': 1.5}, 2.0, {}, {})
  assert list(made.outputs) == ['average.npz']
  assert not (stage / manifest.SCRATCH).exists()
  assert manifest.read(stage) == made
  manifest.verify(stage, made)
  manifest.copy(stage, folder / 'other', made)
  assert manifest.read(folder / 'other') == made
  manifest.remove(stage)
  assert manifest.read(stage) is None
