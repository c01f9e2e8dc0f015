"""A file of weights that a configuration names, and what can be known of it."""

import dataclasses
import functools
import math
from typing import Any

from etils import epath

from ns.core import checks
from ns.core import errors
from ns.core import files

# The path of a variable of `ns.models.network.Network`.
_CLASSIFIER = 'network/classifier/bias'


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightsFile:
  """An npz file, as `ns.models.weights.save` or the importer writes it.

  What is in the file enters the fingerprint, and where it lies does not.

  Attributes:
    path: of the file; `@repository/file` is a file of a Bazel repository.
  """
  path: str

  def __post_init__(self):
    checks.instance(self, 'path', str)

  def canonical(self) -> dict[str, Any]:
    """What enters a fingerprint.

    Raises:
      RunError: no such file, or it cannot be read.
    """
    kind = type(self)
    return {'': f'{kind.__module__}.{kind.__qualname__}', 'digest': self.digest}

  # Of this object, not of all that are equal: the file may change.
  @functools.cached_property
  def digest(self) -> str:
    """A checksum of the weights, whatever the file says of itself."""
    from ns.models import weights
    return weights.digest(self._existing_path())

  def unchanged_path(self) -> Any:
    """The path of the file, which has what entered the fingerprint.

    A run may come to it days after that.

    Raises:
      RunError: it has other weights by now.
    """
    from ns.models import weights
    path = self._existing_path()
    if weights.digest(path) != self.digest:
      raise errors.RunError(
          f'`{type(self).__name__}.path` should have the weights that it had '
          f'when this program was started, but `{path}` was changed since; '
          'put them back and start again, or start with another `--work_dir`.')
    return path

  def check(self, *, model: Any, classes: int) -> None:
    """What can be known before the network is built.

    Args:
      model: the architecture.
      classes: number of classes of the data.

    Raises:
      RunError: the file has weights for otherwise normalised pixels, of another
        number of classes or, where the parameters of the architecture are
        known, of another network.
    """
    from ns.models import cost
    from ns.models import weights
    kind, path = type(self).__name__, self._existing_path()
    self._check_pixels(model, weights.metadata(path).get('origin', {}))
    if not hasattr(model, 'blocks'):
      return
    shapes = {name: array.shape for name, array in weights.read(path).items()}
    found = shapes.get(_CLASSIFIER, (classes,))
    if found != (classes,):
      raise errors.RunError(
          f'`{kind}.path` should have weights of {classes:,} classes, '
          f'as the data has, but `{path}` is of '
          f'{" x ".join(map(str, found))}; import or train those of this data.')
    parameters = sum(math.prod(shape) for name, shape in shapes.items()
                     if '/moving_' not in name)
    expected = cost.of(model, classes).parameters
    if parameters != expected:
      raise errors.RunError(
          f'`{kind}.path` should have weights of the model, of '
          f'{expected:,} parameters, but `{path}` has {parameters:,}; is the '
          'architecture the one that was trained?')

  def _existing_path(self) -> epath.PathLike:
    path = files.data_path(self.path)
    if not epath.Path(path).exists():
      raise errors.RunError(
          f'`{type(self).__name__}.path` should be a file of weights, but '
          f'there is no `{path}`; train a network or import one '
          '(`//tools:import_checkpoint`), and give its path.')
    return path

  def _check_pixels(self, architecture, origin: dict[str, Any]) -> None:
    """Raises if the weights were made for otherwise normalised pixels.

    A wrong normalisation costs accuracy and nothing else tells of it.
    """
    for name in 'pixel_mean', 'pixel_std':
      ours, theirs = getattr(architecture, name, None), origin.get(name)
      if ours is not None and theirs is not None and list(ours) != theirs:
        raise errors.RunError(
            f'`{type(self).__name__}.path` should have weights for `{name}` = '
            f'{list(ours)}, as the architecture, but '
            f'`{files.data_path(self.path)}` is for {theirs}; bind the '
            'architecture to that.')
