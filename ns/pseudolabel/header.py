"""What a file of pseudo-labels is made from, and which columns it has.

Two kinds of Parquet file:

* *predictions*, one per source shard, rows in the order of the shard's records:
  `key` string, `label` int32 (the class with the highest probability, the
  lowest such class on a tie), `confidence` float32 (that probability) and
  `probabilities`, a fixed-size list of float16.
* a *selection*: `key`, `label`, `confidence` and `copies` int32, of the images
  with at least one copy.

Both carry a `Header` in their metadata, and no value is ever null.
"""

import dataclasses

from ns.core import errors

PREDICTIONS = 'predictions'
SELECTION = 'selection'

_VERSION = '1'
_PREFIX = 'noisy_student.'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Header:
  """What a file was made from; a file is valid for equal headers only.

  Attributes:
    classes: how many classes its teacher tells apart.
    teacher_fingerprint: of the stage that trained the teacher.
    source_name: the pool's name.
    source_digest: the digest of the pool's content.
  """
  classes: int
  teacher_fingerprint: str
  source_name: str
  source_digest: str


def schema(kind: str, classes: int):
  """The columns of a file of `kind`, as a `pyarrow.Schema`."""
  import pyarrow as pa
  fields = [('key', pa.string()), ('label', pa.int32()),
            ('confidence', pa.float32())]
  if kind == PREDICTIONS:
    number = pa.field('element', pa.float16(), nullable=False)
    fields.append(('probabilities', pa.list_(number, classes)))
  else:
    fields.append(('copies', pa.int32()))
  return pa.schema([pa.field(*field, nullable=False) for field in fields])


def metadata(kind: str, header: Header) -> dict[str, str]:
  """The metadata that a file of `kind` carries."""
  values = {'format': kind, 'version': _VERSION, **dataclasses.asdict(header)}
  return {_PREFIX + name: str(value) for name, value in values.items()}


def check(path: str, kind: str, found) -> Header:
  """The header in `found`, the `pyarrow.Schema` of the file `path`.

  Raises:
    RunError: the file is not of `kind`, of this version and whole.
  """
  values = {name.decode(): value.decode(errors='replace')
            for name, value in (found.metadata or {}).items()}
  values = {name.removeprefix(_PREFIX): value
            for name, value in values.items() if name.startswith(_PREFIX)}
  if values.get('format') != kind:
    raise errors.RunError(
        f'`{path}` should be a Parquet file of {kind}, but its metadata says '
        f'format {values.get("format")!r}; name a file that this system wrote '
        f'as {kind}.')
  if values.get('version') != _VERSION:
    raise errors.RunError(
        f'`{path}` should be of format version {_VERSION}, but is of version '
        f'{values.get("version")!r}; write it again with this version of the '
        'system.')
  names = [field.name for field in dataclasses.fields(Header)]
  missing = [name for name in names if name not in values]
  if missing or not values['classes'].isdecimal():
    raise errors.RunError(
        f'The metadata of `{path}` should give {", ".join(names)}, but '
        + (f'lacks {", ".join(missing)}' if missing else
           f'its classes are {values["classes"]!r}') + '; write it again.')
  header = Header(**{name: values[name] for name in names} |
                  {'classes': int(values['classes'])})
  wanted = schema(kind, header.classes)
  if not found.remove_metadata().equals(wanted):
    raise errors.RunError(
        f'`{path}` should have the columns {_columns(wanted)}, but has '
        f'{_columns(found)}; write it again.')
  return header


def _columns(columns) -> str:
  return ', '.join(f'`{field.name}` {field.type}' + (
      ' with nulls' if field.nullable else '') for field in columns)
