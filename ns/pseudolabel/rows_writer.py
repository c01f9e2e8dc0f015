"""Rows on their way to a Parquet file of predictions or of a selection."""

from collections.abc import Sequence

from ns.core import errors
from ns.pseudolabel import header as headers

# A group of rows is held in memory and compressed as one.
_GROUP_BYTES = 32 * 2**20
GROUP_ROWS = 2**16


class RowsWriter:
  """Writes rows in groups of a fixed number, however they come in batches."""

  def __init__(self, path: str, file, kind: str, header: headers.Header):
    """Begins a file.

    Args:
      path: of the file, for errors.
      file: open for writing bytes.
      kind: `header.PREDICTIONS` or `header.SELECTION`.
      header: of the file.
    """
    from pyarrow import parquet
    self._path = path
    self.header = header
    self.schema = headers.schema(kind, header)
    self._waiting = self.schema.empty_table()
    self._group = max(1, min(
        GROUP_ROWS, _GROUP_BYTES // headers.row_bytes(kind, header)))
    self._file = parquet.ParquetWriter(
        file, self.schema.with_metadata(headers.metadata(kind, header)),
        use_dictionary=['label'])

  def append(self, columns: list) -> None:
    """Adds rows: `pyarrow.Array`s of all columns, in their order."""
    import pyarrow as pa
    rows = pa.Table.from_arrays(columns, schema=self.schema)
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

  def note_content(self, digest: str) -> None:
    """Says what the images were whose rows these are: `shard_content`."""
    self._file.add_key_value_metadata({headers.CONTENT: digest})

  def close(self) -> None:
    """Ends the file as it is."""
    self._file.close()

  def keys(self, keys: Sequence[str | bytes]):
    """The keys as a `pyarrow.Array` of text.

    Raises:
      RunError: one is not UTF-8.
    """
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
