"""An open file of predictions or of a selection."""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files
from ns.pseudolabel import distribution
from ns.pseudolabel import header as headers


@contextlib.contextmanager
def opened(path: epath.PathLike, kind: str) -> Iterator['StoredFile']:
  """Gives the file at `path`.

  Raises:
    RunError: it is missing, or not of `kind`.
  """
  import pyarrow as pa
  from pyarrow import parquet
  with contextlib.ExitStack() as stack:
    try:
      file = stack.enter_context(files.opened(path))
    except FileNotFoundError as error:
      raise errors.RunError(
          f'There is no file of {kind} `{path}`; run the stage that writes it '
          'first.') from error
    try:
      file = parquet.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
      raise errors.RunError(
          f'`{path}` should be a Parquet file of {kind}, but is not Parquet or '
          'is cut off; remove it and run its stage again.') from error
    yield StoredFile(str(path), file,
                     headers.check(str(path), kind, file.schema_arrow))


class StoredFile:
  """Its columns, by groups of rows or in batches; made by `opened`.

  Attributes:
    header: its `Header`.
    rows: how many it has.
    content: of a file of predictions, what its images were (`shard_content`);
      None of a selection, and of older files.
    group_rows: how many rows each group of rows has.
  """

  def __init__(self, path: str, file, header: headers.Header):
    self._path, self._file, self.header = path, file, header
    self.rows = file.metadata.num_rows
    content = (file.metadata.metadata or {}).get(headers.CONTENT.encode())
    self.content = content and content.decode()
    self.group_rows = [file.metadata.row_group(group).num_rows
                       for group in range(file.metadata.num_row_groups)]
    self._names = list(file.schema_arrow.names)
    if header.top_k is not None and 'top_classes' in self._names:
      self._names.append('probabilities')

  def groups(self, numbers: Sequence[int], columns: Sequence[str]) -> dict:
    """The rows of some groups: column name to `pyarrow.Array`, as stored."""
    self._check(columns)
    with self._damaged():
      table = self._file.read_row_groups(list(numbers), columns=list(columns),
                                         use_threads=False)
      return {name: _one_array(table.column(name)) for name in columns}

  def batches(self, columns: Sequence[str], batch_size: int) -> Iterator[dict]:
    """Yields batches of rows in order: column name to `pyarrow.Array`.

    `probabilities` of a file with `top_k` are a numpy array, see `read`.
    """
    self._check(columns)
    spread = 'probabilities' in columns and self.header.top_k is not None
    stored = [name for name in columns if not (
        spread and name == 'probabilities')]
    if spread:
      stored.extend(name for name in ('top_classes', 'top_probabilities',
                                      'rest') if name not in stored)
    batches = self._file.iter_batches(batch_size, columns=stored)
    while True:
      with self._damaged():
        batch = next(batches, None)
      if batch is None:
        return
      rows = {name: batch.column(name) for name in stored}
      if spread:
        rows['probabilities'] = distribution.spread(
            self.header.classes, *(to_numpy(rows[name]) for name in (
                'top_classes', 'top_probabilities', 'rest')))
      yield {name: rows[name] for name in columns}

  def _check(self, columns) -> None:
    for name in columns:
      if name not in self._names:
        raise ValueError(f'`columns` should be among {", ".join(self._names)}, '
                         f'but has {name!r}.')

  @contextlib.contextmanager
  def _damaged(self):
    import pyarrow as pa
    try:
      yield
    except (pa.ArrowException, OSError) as error:
      raise errors.RunError(
          f'`{self._path}` is damaged ({str(error).rstrip(".")}); remove it '
          'and run its stage again.') from error


def _one_array(column):
  """A column of a table as one array."""
  import pyarrow as pa
  if column.num_chunks == 1:
    return column.chunk(0)
  return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array(
      [], column.type)


def to_numpy(column) -> np.ndarray:
  """A column as `StoredFile` gives it: [rows], or [rows, size] of lists."""
  import pyarrow as pa
  if isinstance(column, np.ndarray):
    return column
  if pa.types.is_fixed_size_list(column.type):
    return column.flatten().to_numpy(zero_copy_only=False).reshape(
        -1, column.type.list_size)
  return column.to_numpy(zero_copy_only=False)
