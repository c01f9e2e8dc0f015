"""Images in a column of Parquet files."""

import dataclasses

import numpy as np

from ns.core import files
from ns.mixture import container

_ROWS_AT_ONCE = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parquet(container.DeclaredFiles):
  """Parquet files, of which each row is an image.

  Attributes:
    image: the column of the encoded image, of bytes or of structs with a field
      `bytes`.
    label: the column of its class, of whole numbers; empty if there is none.
  """
  image: str = 'image'
  label: str = ''

  def examples(self, file, rows=None):
    import pyarrow
    from pyarrow import parquet
    try:
      with (files.opened(file.path) as raw,
            parquet.ParquetFile(raw) as opened):
        self._check_columns(opened.schema_arrow)
        if rows is None:
          columns = [self.image, *([self.label] if self.is_labelled else [])]
          for batch in opened.iter_batches(_ROWS_AT_ONCE, columns=columns):
            yield from zip(self._images(batch), self._labels(batch))
        else:
          for image in self._some(opened, rows):
            yield image, None
    except (OSError, pyarrow.ArrowException) as error:
      raise container.EndsEarly(
          f'cannot be read: {str(error).splitlines()[0].rstrip(".")}'
      ) from error

  def _some(self, opened, rows):
    """The images at these rows; only their groups of rows are read."""
    metadata = opened.metadata
    ends = np.cumsum([metadata.row_group(i).num_rows
                      for i in range(metadata.num_row_groups)])
    bounds = np.searchsorted(rows, ends)
    for group, (low, high) in enumerate(zip([0, *bounds], bounds)):
      if low == high:
        continue
      first = ends[group] - metadata.row_group(group).num_rows
      wanted = rows[low:high] - first
      for batch in opened.iter_batches(
          _ROWS_AT_ONCE, row_groups=[group], columns=[self.image]):
        here = wanted[(0 <= wanted) & (wanted < len(batch))]
        if len(here):
          yield from self._images(batch.take(here))
        wanted = wanted - len(batch)

  def _check_columns(self, schema) -> None:
    for name in (self.image, self.label):
      if name and name not in schema.names:
        raise container.EndsEarly(
            f'has no column `{name}`, but {", ".join(schema.names)}')

  def _images(self, batch) -> list[bytes | None]:
    import pyarrow
    column = batch.column(self.image)
    if pyarrow.types.is_struct(column.type):
      return [value and value.get('bytes') for value in column.to_pylist()]
    return column.to_pylist()

  def _labels(self, batch) -> list[int | None]:
    if not self.is_labelled:
      return [None] * len(batch)
    return [None if label is None else label - self.label_offset
            for label in batch.column(self.label).to_pylist()]
