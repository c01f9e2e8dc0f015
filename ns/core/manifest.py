"""What a stage was made of and what it made: fingerprints and manifests.

A stage's folder holds two files of this module. `begun.json` is written first:
the canonical form of all that decides the stage's result, and its fingerprint.
`manifest.json` is written last: it is the commit, and lists the outputs.
Readers trust only what it lists.

The canonical form of a configuration is that of its dataclasses, defaults
included, without the fields marked as execution (`execution()`): paths,
cadences, whatever does not change the result. An object with a `canonical()`
of its own, such as a source with its digest, says itself what it is.
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


def canonical(value: Any) -> Any:
  """The canonical form of `value`, of JSON's types.

  Raises:
    TypeError: for a value that has none, such as a function.
  """
  if hasattr(value, 'canonical') and not isinstance(value, type):
    return value.canonical()
  if dataclasses.is_dataclass(value) and not isinstance(value, type):
    fields = {
        field.name: canonical(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if not field.metadata.get('execution')}
    kind = type(value)
    return {'': f'{kind.__module__}.{kind.__qualname__}', **fields}
  if isinstance(value, Mapping):
    return {str(key): canonical(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [canonical(item) for item in value]
  if value is None or isinstance(value, (bool, int, float, str)):
    return value
  raise TypeError(f'`value` should be a configuration, but is {value!r}.')


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
  """
  fingerprint: str
  outputs: dict[str, dict[str, Any]]
  results: dict[str, Any]
  seconds: float
  versions: dict[str, str]


def begun(folder: epath.PathLike) -> dict | None:
  """The canonical form of the stage that was begun in `folder`, or None."""
  path = epath.Path(folder) / _BEGUN
  return json.loads(path.read_text())['canonical'] if path.exists() else None


def begin(folder: epath.PathLike, form: Any) -> None:
  """Says what is being made in `folder`."""
  _write_json(epath.Path(folder) / _BEGUN, {
      'format': FORMAT, 'fingerprint': fingerprint(form), 'canonical': form})


def commit(folder: epath.PathLike, form: Any, results: dict[str, Any],
           seconds: float, versions: dict[str, str]) -> Manifest:
  """Writes the manifest of all files in `folder`: the stage is finished."""
  folder = epath.Path(folder)
  outputs = {}
  for path in sorted(_files_below(folder)):
    name = str(path.relative_to(folder))
    if name not in (_BEGUN, _MANIFEST) and not files.is_aside(path):
      outputs[name] = {'bytes': path.stat().length,
                       'sha256': files.sha256(path)}
  made = Manifest(fingerprint=fingerprint(form), outputs=outputs,
                  results=results, seconds=seconds, versions=versions)
  _write_json(folder / _MANIFEST,
              {'format': FORMAT, **dataclasses.asdict(made)})
  return made


def read(folder: epath.PathLike) -> Manifest | None:
  """The manifest of a finished stage, its outputs' sizes checked, or None.

  Raises:
    RunError: an output is missing or of another size, or another version of
      this program wrote the manifest.
  """
  folder = epath.Path(folder)
  path = folder / _MANIFEST
  if not path.exists():
    return None
  content = json.loads(path.read_text())
  if (found := content.pop('format', None)) != FORMAT:
    raise errors.RunError(
        f'`{path}` should be of format {FORMAT}, but is of format {found}: '
        'another version of this program wrote it; use another work directory.')
  made = Manifest(**content)
  for name, output in made.outputs.items():
    file = folder / name
    size = file.stat().length if file.exists() else None
    if size != output['bytes']:
      came = 'is missing' if size is None else f'has {size}'
      raise errors.RunError(
          f'`{file}` should have {output["bytes"]} bytes, but {came}; remove '
          f'`{folder}` to make it again.')
  return made


def _files_below(folder: epath.Path):
  for path in folder.iterdir():
    if path.is_dir():
      yield from _files_below(path)
    else:
      yield path


def _write_json(path: epath.Path, content: Any) -> None:
  files.write_whole(path, json.dumps(content, indent=1, sort_keys=True) + '\n')
