"""Lists of images that are in an evaluation set, too: Parquet files.

A row is a pair: an image of a set that is compared, and one of an evaluation
set that is the same or similar.

| column             | type    | what                                          |
|--------------------|---------|-----------------------------------------------|
| `set`              | string  | of the first image: unlabelled, labelled, …   |
| `key`              | string  | its key                                       |
| `index`            | int64   | its place in the set                          |
| `evaluation_set`   | string  | of the second: validation or test             |
| `evaluation_key`   | string  | its key                                       |
| `evaluation_index` | int64   | its place in the evaluation set               |
| `kind`             | string  | exact: equal pixels; near: similar            |
| `distance`         | int32   | bits of 64 in which their hashes differ       |
| `difference`       | float32 | of their fingerprints, 0 to `max_difference`  |
| `mirrored`         | bool    | the one is similar to the other mirrored      |

The metadata hold, as JSON under `leakage`, what was compared and how (`Header`)
and what it came to (`told`). The parts of a list, one a shard of a set, are
such files, too.
"""

from collections.abc import Sequence
import dataclasses
import json
from typing import Any

from etils import epath

from ns.core import errors
from ns.core import files

NAME = 'leakage.parquet'
FORMAT = 2
EXACT, NEAR = KINDS = ('exact', 'near')

_METADATA = b'leakage'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Set:
  """What was compared, or with what.

  Attributes:
    name: of the set.
    digest: of its source.
    num_examples: how many images it has.
  """
  name: str
  digest: str
  num_examples: int


def described(source) -> Set:
  """A source (`ns.mixture.sources`) as a list notes it."""
  return Set(name=source.name, digest=source.digest(),
             num_examples=source.num_examples)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Header:
  """What a list is of.

  Attributes:
    search: how was compared, of JSON's types.
    sets: what was compared.
    evaluation_sets: with what.
  """
  search: dict[str, Any]
  sets: Sequence[Set]
  evaluation_sets: Sequence[Set]

  def only(self, name: str) -> 'Header':
    """That of a part of the list, of one of the sets."""
    return dataclasses.replace(
        self, sets=[each for each in self.sets if each.name == name])


def schema(header: Header, told: dict[str, Any]):
  """The schema of a list, with its metadata."""
  import pyarrow
  text = json.dumps({'format': FORMAT, **dataclasses.asdict(header),
                     'told': told})
  return pyarrow.schema([
      ('set', pyarrow.string()), ('key', pyarrow.string()),
      ('index', pyarrow.int64()), ('evaluation_set', pyarrow.string()),
      ('evaluation_key', pyarrow.string()),
      ('evaluation_index', pyarrow.int64()), ('kind', pyarrow.string()),
      ('distance', pyarrow.int32()), ('difference', pyarrow.float32()),
      ('mirrored', pyarrow.bool_())], {_METADATA: text})


def write(path: epath.PathLike, header: Header, told: dict[str, Any],
          tables) -> None:
  """Writes a list, which has its name when it is whole.

  Args:
    path: of the file.
    header: what it is of.
    told: what it came to, of JSON's types.
    tables: its rows, as some `pyarrow.Table`s or dicts of columns.
  """
  import pyarrow
  from pyarrow import parquet
  form = schema(header, told)
  with files.written_aside(path) as aside, files.opened(aside, 'wb') as file:
    with parquet.ParquetWriter(file, form) as writer:
      for table in tables:
        writer.write_table(
            pyarrow.table(table, form) if isinstance(table, dict)
            else table.replace_schema_metadata(form.metadata))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heading:
  """The metadata of a list: its header, and what it came to."""
  header: Header
  told: dict[str, Any]


def heading(path: epath.PathLike) -> Heading:
  """What a list is of; its rows are not read.

  Raises:
    RunError: there is none, or it is no such list.
  """
  import pyarrow
  from pyarrow import parquet
  try:
    with files.opened(path) as file:
      metadata = parquet.read_schema(file).metadata or {}
    if _METADATA not in metadata:
      raise ValueError('it does not say what it is of')
    found = json.loads(metadata[_METADATA])
    if found.pop('format') != FORMAT:
      raise ValueError('it is of another version')
    told = found.pop('told')
    sets = {name: [Set(**each) for each in found.pop(name)]
            for name in ('sets', 'evaluation_sets')}
    return Heading(header=Header(**found, **sets), told=told)
  except FileNotFoundError as error:
    raise errors.RunError(
        f'`{path}` should be a list of leaks, but does not exist; make it with '
        '`bazel run //tools:find_leakage`.') from error
  except (KeyError, OSError, TypeError, ValueError,
          pyarrow.ArrowException) as error:
    raise _unreadable(path, error) from error


def _unreadable(path: epath.PathLike, error: Exception) -> errors.RunError:
  reason = ' '.join(str(error).split())  # Arrow's have several lines.
  return errors.RunError(
      f'`{path}` is no list of leaks that can be read ({reason}); remove it '
      'and make it anew with `bazel run //tools:find_leakage`.')


def read(path: epath.PathLike, columns: Sequence[str] | None = None, **equal):
  """Rows of a list: a `pyarrow.Table`.

  Args:
    path: of the file.
    columns: which; None for all.
    **equal: columns and the value that the rows should have in them, or a list
      of values.

  Raises:
    RunError: it is damaged.
  """
  import pyarrow
  from pyarrow import parquet
  filters = [(name, 'in', value if isinstance(value, list) else [value])
             for name, value in equal.items()]
  try:
    with files.opened(path) as file:
      return parquet.read_table(file, columns=columns, filters=filters or None)
  except (OSError, pyarrow.ArrowException) as error:
    raise _unreadable(path, error) from error


def matches(path: epath.PathLike, header: Header) -> bool:
  """Whether there is a list of this header."""
  try:
    return epath.Path(path).exists() and (
        dataclasses.asdict(heading(path).header) == dataclasses.asdict(header))
  except errors.RunError:
    return False
