"""A network's weights as one file of named arrays (NumPy's npz).

Beside the arrays the file may have `metadata`: a JSON object as text, which
says where the weights came from. Equal weights and metadata give equal bytes.
"""

from collections.abc import Mapping
import hashlib
import io
import json
from typing import Any
import zipfile

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files

# No variable is called that: their paths begin with the network's name.
METADATA = 'metadata'


def by_path(owner: Any) -> dict[str, Any]:
  """The variables of a network, or of what else has `variables`, by path.

  Raises:
    ValueError: two have the same path.
  """
  variables = {}
  for variable in owner.variables:
    if variable.path in variables:
      raise ValueError(
          f'`{type(owner).__name__}` should have variables of distinct paths, '
          f'but has `{variable.path}` twice.')
    variables[variable.path] = variable
  return variables


def save(network, path: epath.PathLike,
         metadata: Mapping[str, Any] | None = None) -> None:
  """Writes all variables, moving statistics too, by their paths.

  Args:
    network: with `variables`.
    path: of the file.
    metadata: of JSON's types; nothing is written of None.
  """
  write(path, by_path(network), metadata)


def write(path: epath.PathLike, variables: Mapping[str, Any],
          metadata: Mapping[str, Any] | None = None) -> None:
  """Writes the value of each variable, by its name, as `save` does.

  The file gets its name when all of it is there. There is never a copy of more
  than one value, but for a bucket: in a file there one cannot go back, and the
  bytes of an archive would be others.
  """
  if files.is_remote(path):
    whole = io.BytesIO()
    _archive(whole, variables, metadata)
    files.write_whole(path, whole.getvalue())
    return
  with files.written_aside(path) as aside, files.opened(aside, 'wb') as file:
    _archive(file, variables, metadata)


def _archive(file, variables, metadata) -> None:
  with zipfile.ZipFile(file, 'w') as archive:
    for name, variable in variables.items():
      _add(archive, name, variable.numpy())
    if metadata is not None:
      _add(archive, METADATA, np.array(json.dumps(metadata, sort_keys=True)))


def _add(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
  """Adds an array as `np.savez` does, of which it knows nothing else."""
  with archive.open(f'{name}.npy', 'w', force_zip64=True) as member:
    np.lib.format.write_array(member, array, allow_pickle=False)


def load(network, path: epath.PathLike) -> None:
  """Reads into `network` what `save` wrote.

  Raises:
    RunError: no such file, or its arrays are not exactly the network's.
  """
  assign(network, read(path), str(path))


def assign(network, arrays: Mapping[str, np.ndarray], source: str) -> None:
  """Gives `network` exactly these values, or leaves it as it was.

  Args:
    network: with `variables`.
    arrays: the value of each, by path.
    source: where they are from, for the error.

  Raises:
    RunError: they are not exactly the network's variables.
  """
  give(by_path(network), arrays, source)


def give(variables: Mapping[str, Any], arrays: Mapping[str, np.ndarray],
         source: str) -> None:
  """Gives variables, by name, exactly these values; see `assign`."""
  for kind, names in (('lacks', variables.keys() - arrays.keys()),
                      ('has also', arrays.keys() - variables.keys())):
    if names:
      raise errors.RunError(
          f'`{source}` should have exactly the variables of the network, but '
          f'{kind} {", ".join(sorted(names)[:5])} ({len(names)} in all); is '
          'the architecture the one that was trained?')
  for name, variable in variables.items():
    if arrays[name].shape != tuple(variable.shape):
      raise errors.RunError(
          f'`{source}` should have `{name}` of shape {tuple(variable.shape)}, '
          f'but has {arrays[name].shape}.')
  # Only now, so that an error leaves the network as it was.
  for name, variable in variables.items():
    variable.assign(arrays[name])


def read(path: epath.PathLike) -> dict[str, np.ndarray]:
  """The arrays of a file, without its metadata.

  Raises:
    RunError: no such file, or it cannot be read.
  """
  arrays = _read(path)
  arrays.pop(METADATA, None)
  return arrays


def metadata(path: epath.PathLike) -> dict[str, Any]:
  """What the file says of itself; empty if nothing.

  Raises:
    RunError: no such file, or it cannot be read.
  """
  text = _read(path, METADATA).get(METADATA)
  try:
    content = {} if text is None else json.loads(str(text))
  except ValueError as error:
    raise _damaged(path, error) from error
  if not isinstance(content, dict):
    raise _damaged(path, 'its metadata is no JSON object')
  return content


def digest(path: epath.PathLike) -> str:
  """SHA-256 of the arrays with their names; metadata does not change it.

  Raises:
    RunError: no such file, or it cannot be read.
  """
  found = hashlib.sha256()
  for name, array in sorted(read(path).items()):
    found.update(f'{name} {array.dtype.str} {array.shape}\n'.encode())
    found.update(np.ascontiguousarray(array).data)
  return found.hexdigest()


def _read(path: epath.PathLike, *names: str) -> dict[str, np.ndarray]:
  """All arrays, or those of `names` that are there."""
  path = epath.Path(path)
  if not path.exists():
    raise errors.RunError(
        f'`{path}` should have the weights of a trained network, but does not '
        'exist; a network without weights is never used.')
  try:
    with files.opened(path) as file, zipfile.ZipFile(file) as archive:
      del archive  # NumPy would take other files too, for pickles.
      file.seek(0)
      with np.load(file, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in names or arrays.files
                 if name in arrays.files}
  except (zipfile.BadZipFile, ValueError, EOFError, KeyError, OSError,
          RuntimeError) as error:  # All these a damaged archive may be.
    raise _damaged(path, error) from error
  for name, array in found.items():
    if not isinstance(array, np.ndarray):  # NumPy gives others as bytes.
      raise _damaged(path, f'`{name}` is no array')
  return found


def _damaged(path: epath.PathLike, reason: object) -> errors.RunError:
  return errors.RunError(
      f'`{path}` should be an npz file of weights, but cannot be read '
      f'({reason}); write or copy it again.')
