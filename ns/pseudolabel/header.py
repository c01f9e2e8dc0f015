"""What a file of pseudo-labels is made from, and which columns it has.

Two kinds of Parquet file:

* *predictions*, one per source shard, rows in the order of the shard's records:
  `key` string, `label` int32 (the class with the highest probability, the
  lowest such class on a tie), `confidence` float32 (that probability, or 0 for
  an image that does not decode, of which all classes are alike), the scores
  that the header names, float32, and the distribution, which is either
  - whole: `probabilities`, a fixed-size list of float16; or
  - its `top_k` highest classes: `top_classes`, a fixed-size list of int16
    (int32 above 32,768 classes), highest first and of equal ones the lowest
    class; `top_probabilities`, of float16; and `rest` float32, what all other
    classes have together, which is read as spread evenly over them.
* a *selection*: `key`, `label`, `confidence` and `copies` int32, of the images
  with at least one copy.

Both carry a `Header` in their metadata, and no value is ever null. That of
predictions also has `content`, what the images of the shard were.
"""

from collections.abc import Mapping
import dataclasses

from ns.core import checks
from ns.core import errors

PREDICTIONS = 'predictions'
SELECTION = 'selection'

# Of a distribution p, or of the logits z that it is made from:
#   entropy: -sum(p log p), in nats.
#   margin: the highest less the second highest of p.
#   energy: log(sum(exp(z))), so minus the energy of Liu et al. (2020), and like
#     the confidence higher for images like those of the training.
SCORES = ('entropy', 'margin', 'energy')

_VERSION = '1'
_PREFIX = 'noisy_student.'
# Metadata of a file of predictions beside its header: of its shard's images
# (`shard_content`). It is known when all are labelled.
CONTENT = _PREFIX + 'content'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Header:
  """What a file was made from; a file is valid for equal headers only.

  Attributes:
    classes: how many classes its teacher tells apart.
    teacher_fingerprint: of the stage that trained the teacher.
    source_name: the pool's name.
    source_digest: the digest of the pool's content.
    temperature: what the teacher's logits were divided by before the softmax;
      label, confidence, scores and distribution are from after it.
    top_k: how many classes of a distribution are kept; None for all.
    scores: the columns of `SCORES` that there are.
  """
  classes: int
  teacher_fingerprint: str
  source_name: str
  source_digest: str
  temperature: float = 1.0
  top_k: int | None = None
  scores: tuple[str, ...] = ()

  def __post_init__(self):
    checks.number(self, 'temperature', above=0)
    if self.top_k is not None:
      checks.integer(self, 'top_k', at_least=1)
      if self.top_k >= self.classes:
        raise ValueError(
            f'`Header.top_k` should be below the {self.classes} classes, but '
            f'is {self.top_k}; None keeps whole distributions.')
    bad = [name for name in self.scores if name not in SCORES]
    if bad or len(set(self.scores)) < len(self.scores):
      raise ValueError(
          f'`Header.scores` should be different ones of {", ".join(SCORES)}, '
          f'but is {self.scores!r}.')


# Left out of a file's metadata where they are what they are by default.
_OPTIONAL = ('temperature', 'top_k', 'scores')


def schema(kind: str, header: Header):
  """The columns of a file of `kind`, as a `pyarrow.Schema`."""
  import pyarrow as pa
  fields = [('key', pa.string()), ('label', pa.int32()),
            ('confidence', pa.float32())]
  if kind == SELECTION:
    fields.append(('copies', pa.int32()))
  else:
    listed = lambda element, size: pa.list_(
        pa.field('element', element, nullable=False), size)
    fields.extend((name, pa.float32()) for name in header.scores)
    if header.top_k is None:
      fields.append(('probabilities', listed(pa.float16(), header.classes)))
    else:
      number = pa.int16() if header.classes <= 2**15 else pa.int32()
      fields.extend([('top_classes', listed(number, header.top_k)),
                     ('top_probabilities', listed(pa.float16(), header.top_k)),
                     ('rest', pa.float32())])
  return pa.schema([pa.field(*field, nullable=False) for field in fields])


def row_bytes(kind: str, header: Header) -> int:
  """What a row takes in memory beside key, label and confidence, about."""
  if kind == SELECTION:
    return 1
  return 2 * header.classes if header.top_k is None else 4 * header.top_k


def metadata(kind: str, header: Header) -> dict[str, str]:
  """The metadata that a file of `kind` carries."""
  values = {'format': kind, 'version': _VERSION}
  for field in dataclasses.fields(Header):
    value = getattr(header, field.name)
    if field.name not in _OPTIONAL:
      values[field.name] = str(value)
    elif value != field.default and (
        kind == PREDICTIONS or field.name == 'temperature'):
      values[field.name] = (
          ' '.join(value) if field.name == 'scores' else repr(value))
  return {_PREFIX + name: value for name, value in values.items()}


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
  header = _parsed(path, values)
  wanted = schema(kind, header)
  if not found.remove_metadata().equals(wanted):
    raise errors.RunError(
        f'`{path}` should have the columns {_columns(wanted)}, but has '
        f'{_columns(found)}; write it again.')
  return header


def _parsed(path: str, values: Mapping[str, str]) -> Header:
  names = [field.name for field in dataclasses.fields(Header)
           if field.name not in _OPTIONAL]
  missing = [name for name in names if name not in values]
  if missing or not values['classes'].isdecimal():
    raise errors.RunError(
        f'The metadata of `{path}` should give {", ".join(names)}, but '
        + (f'lacks {", ".join(missing)}' if missing else
           f'its classes are {values["classes"]!r}') + '; write it again.')
  given = {name: values[name] for name in names}
  given['classes'] = int(values['classes'])
  try:
    if 'temperature' in values:
      given['temperature'] = float(values['temperature'])
    if 'top_k' in values:
      given['top_k'] = int(values['top_k'])
    if 'scores' in values:
      given['scores'] = tuple(values['scores'].split())
    return Header(**given)
  except ValueError as error:
    raise errors.RunError(
        f'The metadata of `{path}` should describe its columns, but does not: '
        f'{str(error).rstrip(".")}; write it again.') from error


def _columns(columns) -> str:
  return ', '.join(f'`{field.name}` {field.type}' + (
      ' with nulls' if field.nullable else '') for field in columns)
