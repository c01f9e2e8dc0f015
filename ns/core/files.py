"""Paths and files: repositories in runfiles, checksums, writing aside.

Paths are `etils.epath` paths, so that `gs://` works where a local path does.
On a bucket a file appears whole or not at all when it is closed, a folder is
there as long as something is in it, and what counts is the number of requests:
each takes some hundredths of a second. TensorFlow's client remembers for five
seconds what size a file has, whoever writes it meanwhile, so files that others
write are read to their end (`read`), and not by their size.
"""

from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
import contextlib
import errno
import hashlib
import io
import os
import sys
import uuid

from etils import epath

from ns.core import errors

_ASIDE = '.aside'
_FULL = (errno.ENOSPC, errno.EDQUOT)
_BUFFER = 1 << 20  # Of a file on a bucket, where each read asks for it.
_SMALL = 16 << 20  # Bytes of a file on a bucket that come with one request.
_REQUESTS = 16  # At the same time.


def is_remote(path: epath.PathLike) -> bool:
  """Whether a path is one of a bucket."""
  return '://' in str(path)


def user_path(path: str) -> str:
  """A path as the user meant it: relative to where they called the program.

  `bazel run` starts programs in their runfiles and says in
  `BUILD_WORKING_DIRECTORY` where the user was.
  """
  if '://' in path or os.path.isabs(path):
    return path
  if path.startswith('~'):
    return os.path.expanduser(path)
  base = os.environ.get('BUILD_WORKING_DIRECTORY') or os.getcwd()
  return os.path.normpath(os.path.join(base, path))


def data_path(path: str) -> epath.Path:
  """A data path of a config: `@name/rest` is in Bazel's repository `name`.

  The repository is looked for among the program's runfiles, then in the folder
  that `NS_<NAME>_DIR` gives. Other paths are as `user_path` reads them.

  Raises:
    Missing: no such repository here.
  """
  if not path.startswith('@'):
    return epath.Path(user_path(path))
  repository, _, rest = path[1:].partition('/')
  for root in _runfiles_roots():
    if (root / repository).is_dir():
      return root / repository / rest
  variable = f'NS_{repository.upper()}_DIR'
  if os.environ.get(variable):
    return epath.Path(user_path(os.environ[variable])) / rest
  raise errors.Missing(
      f'`{path}` is in the repository `@{repository}`, which is not among this '
      f"program's data: run it by Bazel with `@{repository}` in `data`, or set "
      f'{variable} to the folder that has the files.')


def _runfiles_roots():
  """Folders that hold one folder a repository."""
  for variable in ('RUNFILES_DIR', 'TEST_SRCDIR'):
    if os.environ.get(variable):
      yield epath.Path(os.environ[variable])
  for start in (sys.argv[0], __file__):
    for parent in epath.Path(os.path.abspath(start)).parents:
      if parent.name.endswith('.runfiles'):
        yield parent


def opened(path: epath.PathLike, mode: str = 'rb') -> io.IOBase:
  """A binary file, open; on a bucket too one of Python's, as libraries want it.

  What TensorFlow opens is none: it does not say whether it is closed, and so
  PyArrow takes it for closed, among others.

  Args:
    path: of the file.
    mode: 'rb' or 'wb'.

  Raises:
    FileNotFoundError: it is to be read, and is not there.
  """
  path = epath.Path(path)
  if not is_remote(path):
    return path.open(mode)
  if mode == 'rb':
    size, = sizes([path])
    if size is None:
      raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT),
                              str(path))
    if size <= _SMALL:
      return io.BytesIO(read(path))
  raw = _Remote(path, mode)
  return (io.BufferedReader(raw, _BUFFER) if mode == 'rb'
          else io.BufferedWriter(raw, _BUFFER))


class _Remote(io.RawIOBase):
  """A file that TensorFlow opens, for Python's buffers."""

  def __init__(self, path: epath.Path, mode: str):
    self._mode, self._stack, self._written = mode, contextlib.ExitStack(), 0
    self._file = self._stack.enter_context(path.open(mode))

  def readable(self) -> bool:
    return self._mode == 'rb'

  def writable(self) -> bool:
    return self._mode == 'wb'

  def seekable(self) -> bool:
    return self._mode == 'rb'

  def readinto(self, buffer) -> int:
    data = self._file.read(len(buffer))
    buffer[:len(data)] = data
    return len(data)

  def write(self, data) -> int:
    self._file.write(bytes(data))
    self._written += len(data)
    return len(data)

  def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
    self._file.seek(offset, whence)
    return self._file.tell()

  def tell(self) -> int:
    # Not every file system says it of a file that is written.
    return self._file.tell() if self.readable() else self._written

  def close(self) -> None:
    if not self.closed:
      try:
        if self.writable() and not self._written:
          self._file.write(b'')  # Otherwise there would be no file.
        self._stack.close()
      finally:
        super().close()


def read(path: epath.PathLike) -> bytes:
  """All of a file, as it is now.

  Raises:
    FileNotFoundError: there is none.
  """
  with epath.Path(path).open('rb') as file:
    return b''.join(iter(lambda: file.read(_BUFFER), b''))


def sizes(paths: Sequence[epath.Path]) -> list[int | None]:
  """The bytes of each file; None of one that is not there."""
  def size(path):
    try:
      return path.stat().length
    except (FileNotFoundError, NotADirectoryError):
      return None

  if not paths or not is_remote(paths[0]):
    return [size(path) for path in paths]
  with futures.ThreadPoolExecutor(_REQUESTS) as pool:
    return list(pool.map(size, paths))


def walk(folder: epath.PathLike
         ) -> Iterator[tuple[str, list[str], list[str]]]:
  """As `os.walk`: a folder, its folders and its files, then those below.

  TensorFlow's own asks a bucket of each file whether it is a folder.
  """
  if not is_remote(folder):
    yield from os.walk(folder, followlinks=True)
    return
  import tensorflow as tf
  names = tf.io.gfile.listdir(str(folder))
  folders = [name[:-1] for name in names if name.endswith('/')]
  yield (str(folder), folders,
         [name for name in names if not name.endswith('/')])
  for name in folders:
    yield from walk(os.path.join(folder, name))


def sha256(path: epath.PathLike) -> str:
  """The SHA-256 of a file's bytes, in hex."""
  digest = hashlib.sha256()
  with epath.Path(path).open('rb') as file:
    while chunk := file.read(1 << 20):
      digest.update(chunk)
  return digest.hexdigest()


def is_full(error: OSError) -> bool:
  """Whether a disk, or what one may have of it, is full."""
  return error.errno in _FULL


@contextlib.contextmanager
def named(path: epath.PathLike) -> Iterator[None]:
  """What writes to `path`: where its disk is full, the error names it."""
  try:
    yield
  except OSError as error:
    if is_full(error) and error.filename is None:
      error.filename = str(path)
    raise


def is_aside(path: epath.PathLike) -> bool:
  """Whether it is what a process killed in `written_aside` left behind."""
  name = epath.Path(path).name
  return name.startswith('.') and name.endswith(_ASIDE)


def write_whole(path: epath.PathLike, content: str | bytes, *,
                by_several: bool = False) -> None:
  """Writes a file so that a reader sees all of it or none.

  Args:
    path: of the file.
    content: of it; text in UTF-8.
    by_several: as of `written_aside`.
  """
  if isinstance(content, str):
    content = content.encode()
  if is_remote(path):
    epath.Path(path).write_bytes(content)
    return
  with written_aside(path, by_several=by_several) as aside:
    aside.write_bytes(content)


def make_folder(path: epath.PathLike) -> None:
  """Makes a folder that is to be written to; a bucket needs none."""
  if not is_remote(path):
    epath.Path(path).mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def written_aside(path: epath.PathLike, *, by_several: bool = False):
  """Gives a path to write to, which gets the name `path` when all went well.

  Args:
    path: of the file.
    by_several: whether others may write it at the same time. Then each has a
      file aside of its own, and what is there in the end is one's, whole; what
      somebody killed has left aside is not written over.
  """
  path = epath.Path(path)
  make_folder(path.parent)
  own = f'.{uuid.uuid4().hex}' if by_several else ''
  aside = path.with_name(f'.{path.name}{own}{_ASIDE}')
  try:
    with named(path):
      yield aside
    aside.replace(path)
  except BaseException:
    aside.unlink(missing_ok=True)
    raise
