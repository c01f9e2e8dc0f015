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
from ns.pseudolabel import predictions_writer
from ns.pseudolabel import rows_writer
from ns.pseudolabel import selection_writer
from ns.pseudolabel import stored_file


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


def writing_predictions(path: epath.PathLike, header: headers.Header
                        ) -> contextlib.AbstractContextManager:
  """A context that gives a `PredictionsWriter`.

  `path` exists (or is replaced) when, and only when, the block ends well.
  """
  return _writing(predictions_writer.PredictionsWriter, path,
                  headers.PREDICTIONS, header)


def writing_selection(path: epath.PathLike, header: headers.Header
                      ) -> contextlib.AbstractContextManager:
  """A context that gives a `SelectionWriter`, like `writing_predictions`."""
  return _writing(selection_writer.SelectionWriter, path,
                  headers.SELECTION, header)


@contextlib.contextmanager
def _writing(writer, path, kind, header):
  with files.written_aside(path) as aside, files.opened(aside, 'wb') as file:
    rows = writer(str(path), file, kind, header)
    try:
      yield rows
      rows.finish()
    finally:
      rows.close()


def read_header(path: epath.PathLike, kind: str = headers.PREDICTIONS
                ) -> tuple[headers.Header, int]:
  """The header of the file `path` and its number of rows.

  Raises:
    RunError: there is no such file, or it is not of `kind`.
  """
  with stored_file.opened(path, kind) as file:
    return file.header, file.rows


def read_content(path: epath.PathLike) -> str | None:
  """What the images of a file of predictions were; None if it is not known.

  Raises:
    RunError: there is no such file, or it is not of predictions.
  """
  with stored_file.opened(path, headers.PREDICTIONS) as file:
    return file.content


def read(path: epath.PathLike, columns: Sequence[str],
         batch_size: int = rows_writer.GROUP_ROWS, *,
         kind: str = headers.PREDICTIONS,
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
      yield {name: stored_file.to_numpy(values)
             for name, values in batch.items()}


@contextlib.contextmanager
def opened(path: epath.PathLike, kind: str = headers.PREDICTIONS,
           classes: int | None = None) -> Iterator[stored_file.StoredFile]:
  """Gives the `StoredFile` at `path`; arguments and errors as of `read`."""
  with stored_file.opened(path, kind) as file:
    if classes is not None and file.header.classes != classes:
      raise errors.RunError(
          f'`{path}` should be of {classes} classes, but is of '
          f'{file.header.classes}; label the pool again with a teacher of this '
          'run.')
    yield file
