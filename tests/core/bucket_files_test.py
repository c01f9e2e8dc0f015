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
