"""Predictions and selections as Parquet files: write, read.

Which columns they have, and what their metadata tells, is in `header`. pandas,
DuckDB, Polars and Arrow open them. They are written aside and get their name
when they are complete, and equal rows give equal bytes, however they came in
batches. Paths may be `gs://` paths.

What float16 does to a distribution: a probability comes back within 1 part in
2,048, from 6e-5 down to 6e-8 (2^-24) within 3e-8, and below 3e-8 (2^-25) as 0.
So at most 3e-8 x classes of the mass is lost; but of the distribution at a
temperature T above 1, taken from the file later, up to (3e-8)^(1/T) x classes:
a thousandth of it at T = 1.1 and 1,000 classes, a sixth at T = 2. Where a
temperature above 1 is wanted, give it to the teacher (`Header.temperature`),
or keep `top_k`, which knows what all the other classes have together.

Sizes and speeds are in docs/pseudo_labels.md.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import contextlib

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files
from ns.pseudolabel import header as headers
from ns.pseudolabel import scores

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
    self._header = header
    self._schema = headers.schema(kind, header)
    self._waiting = self._schema.empty_table()
    self._group = max(1, min(
        _GROUP_ROWS, _GROUP_BYTES // headers.row_bytes(kind, header)))
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

  def _keys(self, keys):
    import pyarrow as pa
    if isinstance(keys, pa.StringArray):
      return keys
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

  def write(self, keys: Sequence[str | bytes], probabilities: np.ndarray,
            logits: np.ndarray | None = None,
            is_good: np.ndarray | None = None) -> None:
    """Appends the rows of one batch.

    Label, confidence and scores are taken from the float32 distribution, before
    it is rounded to float16. The row of a broken image is that of a teacher
    that knows nothing (all classes alike, logits of 0), with a confidence of 0.

    Args:
      keys: [rows] str, or bytes in UTF-8.
      probabilities: [rows, classes] float32, each row a distribution.
      logits: [rows, classes] float32 that the distributions are made from;
        needed for the score `energy`.
      is_good: [rows] bool: False for a broken image, whose answer counts for
        nothing; None if all are good.

    Raises:
      ValueError: the shapes do not agree, or there are no logits for `energy`.
      RunError: a row is not a distribution (its key is named), or a key is not
        UTF-8.
    """
    import pyarrow as pa
    expected = (len(keys), self._header.classes)
    probabilities = np.ascontiguousarray(probabilities, np.float32)
    for name, values in ('probabilities', probabilities), ('logits', logits):
      if values is not None and np.shape(values) != expected:
        raise ValueError(
            f'`{name}` should be of shape [rows, classes] = {list(expected)}, '
            f'but is of shape {list(np.shape(values))}.')
    if is_good is not None and not np.all(is_good):
      good = np.asarray(is_good)[:, np.newaxis]
      probabilities = np.where(
          good, probabilities, np.float32(1 / self._header.classes))
      logits = None if logits is None else np.where(
          good, logits, np.float32(0))
    _check_distributions(keys, probabilities)
    labels = probabilities.argmax(axis=1)  # The first one on a tie.
    confidences = probabilities[np.arange(len(keys)), labels]
    if is_good is not None:
      confidences = np.where(is_good, confidences, np.float32(0))
    self._append([
        self._keys(keys), pa.array(labels, pa.int32()), pa.array(confidences),
        *(pa.array(scores.of(name, probabilities, logits), pa.float32())
          for name in self._header.scores),
        *self._distribution(probabilities)])

  def _distribution(self, probabilities: np.ndarray) -> list:
    """The columns that hold the distribution."""
    import pyarrow as pa
    listed = lambda name, values: pa.FixedSizeListArray.from_arrays(
        values, type=self._schema.field(name).type)
    # numpy rounds to the same, but to numbers below 6e-5 many times slower.
    halves = lambda values: pa.array(values.reshape(-1)).cast(pa.float16())
    if self._header.top_k is None:
      return [listed('probabilities', halves(probabilities))]
    top = _highest(probabilities, self._header.top_k)
    number = str(self._schema.field('top_classes').type.value_type)
    highest = np.take_along_axis(probabilities, top, axis=1)
    rest = 1 - highest.sum(axis=1, dtype=np.float64)
    return [listed('top_classes', pa.array(top.astype(number).reshape(-1))),
            listed('top_probabilities', halves(highest)),
            pa.array(np.maximum(rest, 0), pa.float32())]


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


def _highest(probabilities: np.ndarray, count: int) -> np.ndarray:
  """[rows, count] the classes of the highest; of equal ones the lowest."""
  rows, classes = probabilities.shape
  if not rows:
    return np.empty((0, count), np.int64)
  top = np.argpartition(probabilities, classes - count, axis=1)[
      :, classes - count:]
  last = np.take_along_axis(probabilities, top, axis=1).min(axis=1)
  tied = (probabilities >= last[:, np.newaxis]).sum(axis=1) > count
  if tied.any():  # Which of the equal ones are among them is left to chance.
    all_classes = np.broadcast_to(np.arange(classes), (tied.sum(), classes))
    top[tied] = _descending(probabilities[tied], all_classes)[:, :count]
  return _descending(np.take_along_axis(probabilities, top, axis=1), top)


def _descending(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
  """`classes` by their probabilities down, equal ones by class up."""
  # One number that sorts so: bits of floats that are not negative sort as the
  # floats do.
  bits = np.ascontiguousarray(probabilities).view(np.int32).astype(np.int64)
  return np.sort((2**31 - 1 - bits) << 32 | classes, axis=1) & (2**32 - 1)


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
    columns: which columns to read; the others are not touched. `probabilities`
      can be read from every file of predictions.
    batch_size: rows in a batch; the last one has what is left.
    kind: `header.PREDICTIONS` or `header.SELECTION`.
    classes: how many classes the file should have; None takes any.

  Yields:
    Column name to values: `key` [rows] object (str), `label` and `copies`
    [rows] int32, `confidence`, the scores and `rest` [rows] float32,
    `probabilities` [rows, classes] float16, or float32 where the file keeps
    `top_k` classes and the others have an even share of the rest;
    `top_classes` and `top_probabilities` [rows, top_k].

  Raises:
    RunError: the file is missing, damaged, of another format or has another
      number of classes.
    ValueError: there is no such column in files of `kind`.
  """
  with opened(path, kind, classes) as file:
    for batch in file.batches(columns, batch_size):
      yield {name: _to_numpy(values) for name, values in batch.items()}


@contextlib.contextmanager
def opened(path: epath.PathLike, kind: str = headers.PREDICTIONS,
           classes: int | None = None) -> Iterator['File']:
  """Gives the `File` at `path`; arguments and errors as of `read`."""
  with _opened(path, kind) as (file, header):
    if classes is not None and header.classes != classes:
      raise errors.RunError(
          f'`{path}` should be of {classes} classes, but is of '
          f'{header.classes}; label the pool again with a teacher of this '
          'run.')
    yield File(str(path), file, header)


class File:
  """An open file of predictions or of a selection; made by `opened`.

  Attributes:
    header: its `Header`.
    group_rows: how many rows each group of rows has.
  """

  def __init__(self, path: str, file, header: headers.Header):
    self._path, self._file, self.header = path, file, header
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
        rows['probabilities'] = _spread(rows, self.header)
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


def _spread(rows, header: headers.Header) -> np.ndarray:
  """[rows, classes] float32: the top classes, and an even share of the rest."""
  share = _to_numpy(rows['rest']) / np.float32(header.classes - header.top_k)
  whole = np.repeat(share[:, np.newaxis], header.classes, axis=1)
  np.put_along_axis(
      whole, _to_numpy(rows['top_classes']).astype(np.int64),
      _to_numpy(rows['top_probabilities']).astype(np.float32), axis=1)
  return whole


def _one_array(column):
  """A column of a table as one array."""
  import pyarrow as pa
  if column.num_chunks == 1:
    return column.chunk(0)
  return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array(
      [], column.type)


def _to_numpy(column) -> np.ndarray:
  import pyarrow as pa
  if isinstance(column, np.ndarray):
    return column
  if pa.types.is_fixed_size_list(column.type):
    return column.flatten().to_numpy(zero_copy_only=False).reshape(
        -1, column.type.list_size)
  return column.to_numpy(zero_copy_only=False)
