"""What a stage was made of and what it made: fingerprints and manifests.

A stage's folder holds two files of this module. `begun.json` is written first:
the canonical form of all that decides the stage's result, and its fingerprint.
`manifest.json` is written last: it is the commit, and lists the outputs.
Readers trust only what it lists. `scratch/` is for what only an unfinished
stage needs; the commit leaves it out, and it goes after that.

The canonical form of a configuration is that of its dataclasses, defaults
included, without the fields marked as execution (`execution()`): paths,
cadences, whatever does not change the result, and without those that came later
and have their default (`added()`). An object with a `canonical()` of its own,
such as a source with its digest, says itself what it is.
"""

from collections.abc import Mapping
import dataclasses
import hashlib
import json
import reprlib
from typing import Any

from etils import epath

from ns.core import errors
from ns.core import files

FORMAT = 1
_BEGUN = 'begun.json'
_MANIFEST = 'manifest.json'
SCRATCH = 'scratch'
# Event files and the log hold times, so they differ where nothing else does.
SUMMARIES = 'summaries'
METRICS = 'metrics.jsonl'
# In a run's folder: the configuration as a text.
CONFIG = 'config.gin'


class _Absent:
  """Stands for a field that only the other form has."""

  def __repr__(self):
    return 'absent'


_ABSENT = _Absent()

# A digest or a table of blocks is told apart by its beginning.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring = 1, 2, 2, 40


def execution(**kwargs) -> Any:
  """A dataclass field that does not change the result, only how it is made."""
  return dataclasses.field(metadata={'execution': True}, **kwargs)


def added(default: Any) -> Any:
  """A dataclass field that came after stages were made without it.

  Where it has its default, which should be what was done before, it is left out
  of the canonical form: those stages are still of the same configuration.
  """
  return dataclasses.field(metadata={'added': True}, default=default)


def canonical(value: Any, path: str = 'value') -> Any:
  """The canonical form of `value`, of JSON's types.

  Args:
    value: a configuration.
    path: what it is called where it is part of another, for the error.

  Raises:
    RunError: for a value that has none, such as a function.
  """
  if hasattr(value, 'canonical') and not isinstance(value, type):
    return value.canonical()
  if dataclasses.is_dataclass(value) and not isinstance(value, type):
    fields = {
        field.name: canonical(getattr(value, field.name),
                              f'{type(value).__name__}.{field.name}')
        for field in dataclasses.fields(value)
        if not _is_left_out(field, getattr(value, field.name))}
    kind = type(value)
    return {'': f'{kind.__module__}.{kind.__qualname__}', **fields}
  if isinstance(value, Mapping):
    return {str(key): canonical(item, path) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [canonical(item, path) for item in value]
  if value is None or isinstance(value, (bool, int, float, str)):
    return value
  raise errors.RunError(
      f'`{path}` should be of frozen dataclasses, lists and plain values, by '
      f'which one run is told from another, but has {value!r}; make that a '
      'frozen dataclass.')


def _is_left_out(field: dataclasses.Field, value: Any) -> bool:
  return field.metadata.get('execution', False) or (
      field.metadata.get('added', False)
      and type(value) is type(field.default) and value == field.default)


def fingerprint(form: Any) -> str:
  """SHA-256 of a canonical form, in hex."""
  text = json.dumps(form, sort_keys=True, separators=(',', ':'))
  return hashlib.sha256(text.encode()).hexdigest()


def differences(old: Any, new: Any, path: str = '') -> list[str]:
  """What differs between two canonical forms, as 'path: old -> new'."""
  if isinstance(old, dict) and isinstance(new, dict):
    found = []
    for name in sorted(old.keys() | new.keys()):
      inner = f'{path}.{name}'.strip('.') if name else path
      found.extend(differences(old.get(name, _ABSENT), new.get(name, _ABSENT),
                               inner))
    return found
  if (isinstance(old, list) and isinstance(new, list)
      and len(old) == len(new)):
    return [line for i, pair in enumerate(zip(old, new))
            for line in differences(*pair, f'{path}[{i}]')]
  # By their text, as the fingerprint sees them: 1 is not 1.0, nor True.
  if repr(old) == repr(new):
    return []
  return [f'{path}: {_SHORT.repr(old)} -> {_SHORT.repr(new)}']


@dataclasses.dataclass(frozen=True, kw_only=True)
class Manifest:
  """What a finished stage made.

  Attributes:
    fingerprint: of its canonical form.
    outputs: size in bytes and SHA-256 of each file, by path in the folder.
    results: figures, of JSON's types.
    seconds: how long it took; of a training over all starts, of other
      stages the one that finished it.
    versions: of the libraries that the result depends on.
    inputs: the contents (see `contents`) of the stages it was made from, by
      name.
  """
  fingerprint: str
  outputs: dict[str, dict[str, Any]]
  results: dict[str, Any]
  seconds: float
  versions: dict[str, str]
  inputs: dict[str, str]

  @property
  def contents(self) -> str:
    """One checksum of all outputs but the event files and the log."""
    return fingerprint({
        name: output['sha256'] for name, output in self.outputs.items()
        if name != METRICS and not name.startswith(f'{SUMMARIES}/')})


def begun(folder: epath.PathLike) -> dict | None:
  """The canonical form of the stage that was begun in `folder`, or None.

  Raises:
    RunError: another version of this program began it.
  """
  path = epath.Path(folder) / _BEGUN
  content = _read(path)
  if content is None:
    return None
  if 'canonical' not in content:
    raise _damaged(path)
  return content['canonical']


def begin(folder: epath.PathLike, form: Any) -> None:
  """Says what is being made in `folder`."""
  _write_json(epath.Path(folder) / _BEGUN, {
      'format': FORMAT, 'fingerprint': fingerprint(form), 'canonical': form})


def commit(folder: epath.PathLike, form: Any, results: dict[str, Any],
           seconds: float, versions: dict[str, str],
           inputs: Mapping[str, str]) -> Manifest:
  """Writes the manifest of all files in `folder`: the stage is finished."""
  folder = epath.Path(folder)
  outputs = {}
  for path in _files_below(folder):
    name = str(path.relative_to(folder))
    if name not in (_BEGUN, _MANIFEST) and not files.is_aside(path):
      outputs[name] = {'bytes': path.stat().length,
                       'sha256': files.sha256(path)}
  made = Manifest(fingerprint=fingerprint(form), outputs=outputs,
                  results=results, seconds=seconds, versions=versions,
                  inputs=dict(inputs))
  _write_json(folder / _MANIFEST,
              {'format': FORMAT, **dataclasses.asdict(made)})
  (folder / SCRATCH).rmtree(missing_ok=True)
  return made


def read(folder: epath.PathLike) -> Manifest | None:
  """The manifest of a finished stage, its outputs' sizes checked, or None.

  Raises:
    RunError: an output is missing or of another size, or another version of
      this program wrote the manifest.
  """
  folder = epath.Path(folder)
  made = said(folder)
  if made is None:
    return None
  outputs = [folder / name for name in made.outputs]
  for file, size, output in zip(outputs, files.sizes(outputs),
                                made.outputs.values()):
    if size != output['bytes']:
      came = 'is missing' if size is None else f'has {size}'
      raise errors.RunError(
          f'`{file}` should have {output["bytes"]} bytes, but {came}; remove '
          f'`{folder}` to make it again.')
  return made


def said(folder: epath.PathLike) -> Manifest | None:
  """The manifest of a finished stage, whatever its outputs are, or None.

  Raises:
    RunError: another version of this program wrote it.
  """
  path = epath.Path(folder) / _MANIFEST
  content = _read(path)
  if content is None:
    return None
  try:
    return Manifest(**content)
  except TypeError as error:
    raise _damaged(path) from error


def verify(folder: epath.PathLike, made: Manifest) -> None:
  """Checks the contents of a finished stage before something is made of them.

  Raises:
    RunError: an output is not what was written.
  """
  for name, output in made.outputs.items():
    file = epath.Path(folder) / name
    if files.sha256(file) != output['sha256']:
      raise errors.RunError(
          f'`{file}` is not what was written there (its SHA-256 differs); '
          f'remove `{folder}` to make it again.')


def copy(folder: epath.PathLike, target: epath.PathLike,
         made: Manifest) -> None:
  """Copies a finished stage, its manifest last."""
  folder, target = epath.Path(folder), epath.Path(target)
  for name in (_BEGUN, *made.outputs, _MANIFEST):
    with files.written_aside(target / name) as aside:
      (folder / name).copy(aside)


def remove(folder: epath.PathLike) -> None:
  """Removes a stage; its manifest first, so that no half of it is trusted."""
  folder = epath.Path(folder)
  (folder / _MANIFEST).unlink(missing_ok=True)
  folder.rmtree()


def _files_below(folder: epath.Path) -> list[epath.Path]:
  """All files in `folder` and below, those in its `scratch` left out."""
  found = []
  for place, folders, names in files.walk(folder):
    if SCRATCH in folders:
      folders.remove(SCRATCH)
    found += [epath.Path(place) / name for name in names]
  return sorted(found)


def _damaged(path: epath.Path) -> errors.RunError:
  return errors.RunError(f'`{path}` is damaged; remove `{path.parent}` to make '
                         'that stage again.')


def _read(path: epath.Path) -> dict | None:
  """A JSON object of this data format, without it, or None without a file."""
  try:
    content = json.loads(files.read(path))
  except FileNotFoundError:
    return None
  except ValueError as error:
    raise _damaged(path) from error
  if not isinstance(content, dict) or 'format' not in content:
    raise _damaged(path)
  found = content.pop('format')
  if found != FORMAT:
    raise errors.RunError(
        f'`{path}` should be of data format {FORMAT}, but is of {found}: '
        'another version of this program wrote it. Go on with that version, or '
        'give another `--work_dir`.')
  return content


def _write_json(path: epath.Path, content: Any) -> None:
  files.write_whole(path, json.dumps(content, indent=1, sort_keys=True) + '\n')
