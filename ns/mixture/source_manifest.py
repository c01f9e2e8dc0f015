"""What the files of a source have in them: made once, read at every start.

A manifest is a Parquet file. Its metadata hold, as JSON under `manifest`, what
was declared and the source's files; its rows are examples: of files of records
those with a label and those that are left out, of image files all. Its columns
are null where they say nothing:

| column     | type   | what                                                   |
|------------|--------|--------------------------------------------------------|
| `shard`    | int32  | the place of its file among the files, from 0          |
| `row`      | int64  | its place in that file, from 0                         |
| `path`     | string | of an image file, below the source's folder            |
| `bytes`    | int64  | of an image file                                       |
| `mtime_ns` | int64  | of an image file                                       |
| `content`  | uint64 | of an image that was read: see `ns.mixture.contents`   |
| `label`    | int64  | its class, from 0                                      |
| `reason`   | string | why it is left out; null where it is not               |

A row of `reason` without `row` is a whole file, or the rest of one that ends
early.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from concurrent import futures
import dataclasses
import functools
import hashlib
import json
import os
from typing import Any

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files as files_lib

FORMAT = 1

# Files that are looked at side by side: what takes time is waiting for them.
AT_ONCE = 16

# Records between two of which it is noted where they are: of these the last one
# is reached within some milliseconds, and a manifest has ten bytes for each.
MARKED = 1024

# Above so many image files a start does not look at each; they are compared as
# they are read.
_MAX_LOOKED_AT = 2**20


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
  """A file of records, a part of one, or some images that are files.

  Attributes:
    name: of the shard.
    path: where it is; of images, their folder.
    bytes: its size; of images, of all together.
    mtime_ns: when it was last written; of images, when the last one was.
    num_records: in it, those left out included; of images, those that are not.
    first: the row of its first record, where it is a part of a file.
    whole: the name of that file; its own if empty.
    digest: of its records' images and labels, taken when it was looked
      through; empty if it was not.
    marks: where in the file the records 0, `MARKED`, 2 `MARKED` and so on
      begin, in bytes; none where the format finds a record without.
  """
  name: str
  path: str
  bytes: int
  mtime_ns: int
  num_records: int
  first: int = 0
  whole: str = ''
  digest: str = ''
  marks: tuple[int, ...] = ()

  def __post_init__(self):
    object.__setattr__(self, 'marks', tuple(self.marks))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
  """A row of a manifest; attributes as its columns."""
  shard: int | None = None
  row: int | None = None
  path: str | None = None
  bytes: int | None = None
  mtime_ns: int | None = None
  content: int | None = None
  label: int | None = None
  reason: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Manifest:
  """The content of such a file.

  Attributes:
    declared: of what it is a manifest, of JSON's types.
    class_names: empty where there are no labels.
    files: in order.
    rows: a `pyarrow.Table`, see the module.
    passed_over: by suffix, how many files are not taken for images.
  """
  declared: dict[str, Any]
  class_names: tuple[str, ...]
  files: tuple[File, ...]
  rows: Any
  passed_over: dict[str, int] = dataclasses.field(default_factory=dict)

  @functools.cached_property
  def examples(self):
    """The rows that are not left out; none of unlabelled files of records."""
    return self.rows.filter(self.rows['reason'].is_null())

  @functools.cached_property
  def excluded(self):
    """The rows that are left out."""
    return self.rows.filter(self.rows['reason'].is_valid())

  @functools.cached_property
  def has_paths(self) -> bool:
    """Whether its examples are files."""
    return self.rows['path'].null_count < len(self.rows)

  @functools.cached_property
  def labels(self) -> np.ndarray:
    """[examples] int64."""
    return self.examples['label'].to_numpy()

  @functools.cached_property
  def counts(self) -> np.ndarray:
    """[files] int64: how many examples each has."""
    whole = self.excluded.filter(self.excluded['row'].is_valid())
    left_out = (np.zeros(len(self.files), np.int64) if self.has_paths else
                np.bincount(whole['shard'].to_numpy(),
                            minlength=len(self.files)))
    return np.array([file.num_records for file in self.files],
                    np.int64) - left_out

  @functools.cached_property
  def begins(self) -> np.ndarray:
    """[files] int64: of each, the place of its first example among all."""
    return np.cumsum(self.counts) - self.counts

  def good_rows(self, shard: int) -> np.ndarray:
    """The rows of a file's examples, rising."""
    file = self.files[shard]
    rows = np.arange(file.first, file.first + file.num_records)
    if self.has_paths or self.counts[shard] == file.num_records:
      return rows
    return np.setdiff1d(rows, self._left_out[shard])

  @functools.cached_property
  def _left_out(self) -> dict[int, list[int]]:
    found = {}
    for row in self.excluded.select(['shard', 'row']).to_pylist():
      if row['row'] is not None:
        found.setdefault(row['shard'], []).append(row['row'])
    return found

  def digest(self) -> str:
    """Of names, contents as far as they were read, and what is left out.

    Not of places and times.
    """
    digest = hashlib.sha256(json.dumps([
        self.class_names,
        [[f.name, f.bytes, f.num_records, f.first,
          *([f.digest] if f.digest else [])] for f in self.files]
    ]).encode())
    for name in 'shard', 'row', 'bytes', 'label':
      values = self.rows[name].fill_null(-1).to_numpy().astype('<i8')
      digest.update(values.tobytes())
    content = self.rows['content']
    if content.null_count < len(content):
      digest.update(content.fill_null(0).to_numpy().astype('<u8').tobytes())
    for name in 'path', 'reason':
      texts = self.rows[name].fill_null('').to_pylist()
      digest.update('\0'.join(texts).encode())
    return digest.hexdigest()

  def share_excluded(self) -> float:
    """Of all images, or of all files, whichever is more."""
    images = len(self.excluded)
    total = int(self.counts.sum()) + images
    shares = [images / total if total else 0.0]
    if not self.has_paths and self.files:
      # What was in a file that ends early is not known.
      shares.append(self.excluded['row'].null_count / len(self.files))
    return max(shares)

  def new_times(self, where: str, same: Callable[[int], bool]
                ) -> dict[int, int]:
    """Looks whether the files have the sizes and times that they had.

    Args:
      where: the manifest's path, for the error.
      same: is asked whether the content of a file is what it was, if its time
        alone is another: by its number among the files or, where these are
        images, among the examples.

    Returns:
      By their numbers, the times of those that are the same.

    Raises:
      RunError: a file is another, or not there.
    """
    if not self.has_paths:
      listed = [(f.path, f.bytes, f.mtime_ns) for f in self.files]
    elif len(self.examples) > _MAX_LOOKED_AT:
      return {}
    else:
      columns = (self.examples[name].to_pylist()
                 for name in ('path', 'bytes', 'mtime_ns'))
      root = self.files[0].path
      listed = [(join(root, path), *rest) for path, *rest in zip(*columns)]
    times = {}
    for number, ((path, *was), now) in enumerate(zip(
        listed, look_at_all([path for path, *_ in listed]))):
      if now == tuple(was):
        continue
      if not (now and now[0] == was[0] and same(number)):
        raise changed(path, tuple(was), now, where)
      times[number] = now[1]
    return times

  def write(self, path: epath.PathLike) -> None:
    from pyarrow import parquet
    told = json.dumps({
        'format': FORMAT, 'declared': self.declared,
        'class_names': self.class_names, 'passed_over': self.passed_over,
        'files': [dataclasses.asdict(file) for file in self.files]})
    with (files_lib.written_aside(path, by_several=True) as aside,
          files_lib.opened(aside, 'wb') as file):
      parquet.write_table(
          self.rows.replace_schema_metadata({'manifest': told}), file)


def read(path: epath.PathLike) -> Manifest:
  """The manifest in a file.

  Raises:
    RunError: it is none, or of another version of this program.
  """
  import pyarrow
  from pyarrow import parquet
  try:
    with files_lib.opened(path) as file:
      table = parquet.read_table(file)
    told = json.loads(table.schema.metadata[b'manifest'])
    if told['format'] != FORMAT:
      raise ValueError(f'it is of format {told["format"]!r}, not {FORMAT}')
    return Manifest(
        declared=told['declared'], class_names=tuple(told['class_names']),
        files=tuple(File(**file) for file in told['files']),
        rows=_with_all_columns(table), passed_over=told.get('passed_over', {}))
  except (KeyError, OSError, TypeError, ValueError,
          pyarrow.ArrowException) as error:
    raise errors.RunError(
        f'`{path}` is no manifest of a source that can be read ({error}); '
        'remove it to make it anew.') from error


def rows(examples: Iterable[Example]):
  """A table of such rows."""
  import pyarrow
  schema = _schema()
  columns = {name: [] for name in schema.names}
  for example in examples:
    for name, column in columns.items():
      column.append(getattr(example, name))
  return pyarrow.table(columns, schema)


def _schema():
  import pyarrow
  return pyarrow.schema([
      ('shard', pyarrow.int32()), ('row', pyarrow.int64()),
      ('path', pyarrow.string()), ('bytes', pyarrow.int64()),
      ('mtime_ns', pyarrow.int64()), ('content', pyarrow.uint64()),
      ('label', pyarrow.int64()), ('reason', pyarrow.string())])


def _with_all_columns(table):
  """The rows of a file, which may be older than a column."""
  import pyarrow
  schema = _schema()
  return pyarrow.table([
      table[name] if name in table.column_names
      else pyarrow.nulls(len(table), schema.field(name).type)
      for name in schema.names], schema)


def changed(path: str, was: Sequence[int | None], now, where: str
            ) -> errors.RunError:
  """The error of a file that is another than the manifest says.

  Args:
    path: of the file.
    was: its size in bytes and its time in nanoseconds, None if not known.
    now: these of now; None if it is not there.
    where: the manifest's path.
  """
  if now is None:
    told = 'but is not there'
  elif was[0] != now[0]:
    told = f'but has {now[0]:,}'
  else:
    told = f'and has, but was written since, at {now[1]} for {was[1]}'
  return errors.RunError(
      f'`{path}` should have the {was[0]:,} bytes that it had when its source '
      f'was looked through, {told}; bring it back, or remove `{where}` to look '
      'through the source again.')


def by_suffix(counts: dict[str, int]) -> str:
  """How many files there are by suffix, the most first, in words."""
  return ', '.join(
      f'{count:,} {suffix or "without suffix"}' for suffix, count in sorted(
          counts.items(), key=lambda item: (-item[1], item[0])))


def look_at(path: str) -> tuple[int, int] | None:
  """Bytes, and nanoseconds of the last change; None if it is not there."""
  try:
    if not files_lib.is_remote(path):
      found = os.stat(path)
      return found.st_size, found.st_mtime_ns
    found = epath.Path(path).stat()
    return found.length, int(found.mtime * 10**9)
  except (FileNotFoundError, NotADirectoryError):
    return None


def look_at_all(paths: Sequence[str]) -> list[tuple[int, int] | None]:
  """`look_at` of each, side by side."""
  # A request each, on a bucket.
  length = 1 if any(map(files_lib.is_remote, paths[:1])) else 1024
  some = [paths[i:i + length] for i in range(0, len(paths), length)]
  with futures.ThreadPoolExecutor(AT_ONCE) as pool:
    return [found for part in pool.map(
        lambda part: [look_at(path) for path in part], some) for found in part]


def join(root: str, path: str) -> str:
  """A path below `root`; one that is absolute is what it is."""
  return path if files_lib.is_remote(path) else os.path.join(root, path)
