"""Predictions and selections as Parquet files: write, read.

Which columns they have, and what their metadata tells, is in `header`. pandas,
DuckDB, Polars and Arrow open them. They are written aside and get their name
when they are complete, and equal rows give equal bytes, however they came in
batches. Paths may be `gs://` paths.

Size: for 1,000 classes 2 KB an image before compression, for 10 classes 20
bytes, and about 10 for the rest beside the key.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files
from ns.pseudolabel import header as headers

# A group of rows is held in memory and compressed as one.
_GROUP_BYTES = 32 * 2**20
_GROUP_ROWS = 2**16
# How far from 1 a distribution may add up: a softmax of a thousand classes in
# bfloat16 stays within 0.004, logits taken for probabilities do not.
_SUM_TOLERANCE = 0.01


def predictions_path(folder: epath.PathLike, shard_name: str) -> str:
  """The file with the predictions for the shard `shard_name`."""
  if not shard_name or '/' in shard_name or '\0' in shard_name:
    raise ValueError(
        '`shard_name` should be a name that can stand in a file name, without '
        f'`/`, but is {shard_name!r}.')
  return str(epath.Path(folder) / f'predictions-{shard_name}.parquet')


def selection_path(folder: epath.PathLike) -> str:
  """The file of the selection in `folder`."""
  return str(epath.Path(folder) / 'selection.parquet')


class _Rows:
  """Rows on their way to a Parquet file, in groups of a fixed number."""

  def __init__(self, path: str, file, kind: str, header: headers.Header):
    from pyarrow import parquet
    self._path = path
    self._schema = headers.schema(kind, header.classes)
    self._waiting = self._schema.empty_table()
    row_bytes = 2 * header.classes if kind == headers.PREDICTIONS else 1
    self._group = max(1, min(_GROUP_ROWS, _GROUP_BYTES // row_bytes))
    self._file = parquet.ParquetWriter(
        file, self._schema.with_metadata(headers.metadata(kind, header)),
        use_dictionary=['label'])

  def _append(self, columns: list) -> None:
    import pyarrow as pa
    rows = pa.Table.from_arrays(columns, schema=self._schema)
    self._waiting = pa.concat_tables([self._waiting, rows])
    whole = len(self._waiting) - len(self._waiting) % self._group
    if whole:
      self._write(self._waiting.slice(0, whole))
      self._waiting = self._waiting.slice(whole)

  def _write(self, rows) -> None:
    # Pages follow the chunks in memory, so these must not follow the batches.
    self._file.write_table(rows.combine_chunks(), self._group)

  def finish(self) -> None:
    """Writes the rows that wait for a full group."""
    if len(self._waiting):
      self._write(self._waiting)

  def close(self) -> None:
    """Ends the file as it is."""
    self._file.close()

  def _keys(self, keys: Sequence[str | bytes]):
    import pyarrow as pa
    keys = [k.encode() if isinstance(k, str) else k for k in keys]
    try:
      return pa.array(keys, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid as error:
      bad = next(k for k in keys if k.decode(errors='replace').encode() != k)
      raise errors.RunError(
          f'A key for `{self._path}` should be UTF-8 text, but is {bad!r}; '
          'rename that example.') from error


class PredictionsWriter(_Rows):
  """Takes the predictions for a shard; made by `writing_predictions`."""

  def write(self, keys: Sequence[str | bytes],
            probabilities: np.ndarray) -> None:
    """Appends the rows of one batch.

    Label and confidence are taken from the float32 distribution, before it is
    rounded to float16.

    Args:
      keys: [rows] str, or bytes in UTF-8.
      probabilities: [rows, classes] float32, each row a distribution.

    Raises:
      ValueError: the shapes do not agree.
      RunError: a row is not a distribution (its key is named), or a key is not
        UTF-8.
    """
    import pyarrow as pa
    column = self._schema.field('probabilities').type
    probabilities = np.ascontiguousarray(probabilities, np.float32)
    if probabilities.shape != (len(keys), column.list_size):
      raise ValueError(
          '`probabilities` should be of shape [rows, classes] = '
          f'{[len(keys), column.list_size]}, but is of shape '
          f'{list(probabilities.shape)}.')
    _check_distributions(keys, probabilities)
    labels = probabilities.argmax(axis=1)  # The first one on a tie.
    confidences = probabilities[np.arange(len(keys)), labels]
    halves = pa.array(probabilities.astype(np.float16).reshape(-1))
    self._append([
        self._keys(keys), pa.array(labels, pa.int32()), pa.array(confidences),
        pa.FixedSizeListArray.from_arrays(halves, type=column)])


class SelectionWriter(_Rows):
  """Takes the selected images; made by `writing_selection`."""

  def write(self, keys: Sequence[str | bytes], labels: np.ndarray,
            confidences: np.ndarray, copies: np.ndarray) -> None:
    """Appends rows: [rows] str; int32; float32; int32, at least 1."""
    import pyarrow as pa
    self._append([self._keys(keys), pa.array(labels, pa.int32()),
                  pa.array(confidences, pa.float32()),
                  pa.array(copies, pa.int32())])


def writing_predictions(path: epath.PathLike, header: headers.Header
                        ) -> contextlib.AbstractContextManager:
  """A context that gives a `PredictionsWriter`.

  `path` exists (or is replaced) when, and only when, the block ends well.
  """
  return _writing(PredictionsWriter, path, headers.PREDICTIONS, header)


def writing_selection(path: epath.PathLike, header: headers.Header
                      ) -> contextlib.AbstractContextManager:
  """A context that gives a `SelectionWriter`, like `writing_predictions`."""
  return _writing(SelectionWriter, path, headers.SELECTION, header)


@contextlib.contextmanager
def _writing(writer, path, kind, header):
  with files.written_aside(path) as aside, aside.open('wb') as file:
    rows = writer(str(path), file, kind, header)
    try:
      yield rows
      rows.finish()
    finally:
      rows.close()


def _check_distributions(keys, probabilities) -> None:
  sums = probabilities.sum(axis=1, dtype=np.float64)
  # Written so that a sum that is not a number is bad too.
  bad = ~(np.abs(sums - 1) <= _SUM_TOLERANCE) | (probabilities < 0).any(axis=1)
  if not bad.any():
    return
  row = int(np.argmax(bad))
  key = keys[row].decode() if isinstance(keys[row], bytes) else keys[row]
  values = probabilities[row]
  strange = values[~np.isfinite(values)]
  if strange.size:
    raise errors.RunError(
        f'The probabilities of `{key}` should be finite, but hold '
        f"{strange[0]}; look at the teacher's weights and at that image.")
  raise errors.RunError(
      f'The probabilities of `{key}` should be a distribution, but go from '
      f'{values.min():g} to {values.max():g} and add up to {sums[row]:g}; end '
      'the teacher with a softmax.')


@contextlib.contextmanager
def _opened(path: epath.PathLike, kind: str):
  """Gives the `pyarrow.parquet.ParquetFile` and its checked header."""
  import pyarrow as pa
  from pyarrow import parquet
  with contextlib.ExitStack() as stack:
    try:
      file = stack.enter_context(epath.Path(path).open('rb'))
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
    yield file, headers.check(str(path), kind, file.schema_arrow)


def read_header(path: epath.PathLike, kind: str = headers.PREDICTIONS
                ) -> tuple[headers.Header, int]:
  """The header of the file `path` and its number of rows.

  Raises:
    RunError: there is no such file, or it is not of `kind`.
  """
  with _opened(path, kind) as (file, header):
    return header, file.metadata.num_rows


def read(path: epath.PathLike, columns: Sequence[str],
         batch_size: int = _GROUP_ROWS, *, kind: str = headers.PREDICTIONS,
         classes: int | None = None) -> Iterator[dict[str, np.ndarray]]:
  """Yields the rows of `path` in order, as batches of columns.

  Args:
    path: of the file.
    columns: which columns to read; the others are not touched.
    batch_size: rows in a batch; the last one has what is left.
    kind: `header.PREDICTIONS` or `header.SELECTION`.
    classes: how many classes the file should have; None takes any.

  Yields:
    Column name to values: `key` [rows] object (str), `label` and `copies`
    [rows] int32, `confidence` [rows] float32, `probabilities` [rows, classes]
    float16.

  Raises:
    RunError: the file is missing, damaged, of another format or has another
      number of classes.
    ValueError: there is no such column in files of `kind`.
  """
  import pyarrow as pa
  with _opened(path, kind) as (file, header):
    if classes is not None and header.classes != classes:
      raise errors.RunError(
          f'`{path}` should be of {classes} classes, but is of '
          f'{header.classes}; label the pool again with a teacher of this '
          'run.')
    names = file.schema_arrow.names
    for name in columns:
      if name not in names:
        raise ValueError(f'`columns` should be among {", ".join(names)}, but '
                         f'has {name!r}.')
    batches = file.iter_batches(batch_size, columns=list(columns))
    while True:
      try:
        batch = next(batches, None)
      except (pa.ArrowException, OSError) as error:
        raise errors.RunError(
            f'`{path}` is damaged ({str(error).rstrip(".")}); remove it and '
            'run its stage again.') from error
      if batch is None:
        return
      yield {name: _to_numpy(batch.column(name)) for name in columns}


def _to_numpy(column) -> np.ndarray:
  import pyarrow as pa
  if pa.types.is_fixed_size_list(column.type):
    return column.flatten().to_numpy().reshape(-1, column.type.list_size)
  return column.to_numpy(zero_copy_only=False)
