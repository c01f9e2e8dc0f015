"""A network's weights as one file of named arrays (NumPy's npz)."""

import io

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files


def _by_path(network) -> dict:
  variables = {}
  for variable in network.variables:
    if variable.path in variables:
      raise ValueError('`network` should have variables of distinct paths, but '
                       f'has `{variable.path}` twice.')
    variables[variable.path] = variable
  return variables


def save(network, path: epath.PathLike) -> None:
  """Writes all variables, moving statistics too, by their paths."""
  buffer = io.BytesIO()
  np.savez(buffer, **{name: variable.numpy()
                      for name, variable in _by_path(network).items()})
  files.write_whole(path, buffer.getvalue())


def load(network, path: epath.PathLike) -> None:
  """Reads into `network` what `save` wrote.

  Raises:
    RunError: no such file, or its arrays are not exactly the network's.
  """
  path = epath.Path(path)
  if not path.exists():
    raise errors.RunError(
        f'`{path}` should have the weights of a trained network, but does not '
        'exist; a network without weights is never used.')
  with path.open('rb') as file, np.load(file, allow_pickle=False) as arrays:
    stored = dict(arrays)
  variables = _by_path(network)
  for kind, names in (('lacks', variables.keys() - stored.keys()),
                      ('has also', stored.keys() - variables.keys())):
    if names:
      raise errors.RunError(
          f'`{path}` should have exactly the variables of the network, but '
          f'{kind} {", ".join(sorted(names)[:5])} ({len(names)} in all); is '
          'the architecture the one that was trained?')
  for name, variable in variables.items():
    if stored[name].shape != tuple(variable.shape):
      raise errors.RunError(
          f'`{path}` should have `{name}` of shape {tuple(variable.shape)}, '
          f'but has {stored[name].shape}.')
  # Only now, so that an error leaves the network as it was.
  for name, variable in variables.items():
    variable.assign(stored[name])
