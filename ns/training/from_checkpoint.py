"""A generation that starts from imported weights instead of training."""

import dataclasses
import functools
import math
import time
from typing import Any

from ns.core import checks
from ns.core import errors
from ns.core import files
from ns.core import manifest
from ns.training import trainer

# The path of a variable of `ns.models.network.Network`.
_CLASSIFIER = 'network/classifier/bias'


@dataclasses.dataclass(frozen=True, kw_only=True)
class FromCheckpoint:
  """Takes over weights of `//tools:import_checkpoint` in place of training.

  It stands where a `Training` does. What is in the file enters the
  fingerprint, and where it lies does not.

  Attributes:
    path: of the npz file; `@repository/file` is a file of a Bazel repository.
  """
  path: str
  uses_images = False

  def __post_init__(self):
    checks.instance(self, 'path', str)

  def canonical(self) -> dict[str, Any]:
    """What enters a fingerprint.

    Raises:
      RunError: no such file, or it cannot be read.
    """
    return {'': f'{__name__}.{type(self).__qualname__}', 'digest': self.digest}

  # Of this object, not of all that are equal: the file may change.
  @functools.cached_property
  def digest(self) -> str:
    """A checksum of the weights, whatever the file says of itself."""
    from ns.models import weights
    return weights.digest(files.data_path(self.path))

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
    path = files.data_path(self.path)
    _check_pixels(model, weights.metadata(path).get('origin', {}), str(path))
    if not hasattr(model, 'blocks'):
      return
    shapes = {name: array.shape for name, array in weights.read(path).items()}
    found = shapes.get(_CLASSIFIER, (classes,))
    if found != (classes,):
      raise errors.RunError(
          f'`FromCheckpoint.path` should have weights of {classes:,} classes, '
          f'as the data has, but `{path}` is of '
          f'{" x ".join(map(str, found))}; import or train those of this data.')
    parameters = sum(math.prod(shape) for name, shape in shapes.items()
                     if '/moving_' not in name)
    expected = cost.of(model, classes).parameters
    if parameters != expected:
      raise errors.RunError(
          '`FromCheckpoint.path` should have weights of the model, of '
          f'{expected:,} parameters, but `{path}` has {parameters:,}; is the '
          'architecture the one that was trained?')

  def run(self, job: trainer.Job) -> dict[str, Any]:
    """Writes the weights as a training does, `average.npz` and `network.npz`.

    Both are the same: a checkpoint has one copy that is worth having.

    Returns:
      `parameters`, the trainable ones; `origin`, what the file says of itself,
      with its `digest`; and `seconds`.

    Raises:
      RunError: the file is not of this network or is of other pixels.
    """
    from ns.models import weights
    start = time.monotonic()
    path = files.data_path(self.path)
    metadata = weights.metadata(path)
    with job.strategy.scope():
      network = job.build(0)
    weights.load(network, path)
    origin = metadata.get('origin', {})
    _check_pixels(getattr(network, 'architecture', None), origin, str(path))
    for name in 'network', 'average':
      weights.save(network, job.folder / f'{name}.npz', metadata or None)
    parameters = sum(math.prod(v.shape) for v in network.trainable_variables)
    return {'parameters': parameters,
            'origin': {**origin, 'digest': self.digest},
            'seconds': time.monotonic() - start}


def _check_pixels(architecture, origin: dict[str, Any], path: str) -> None:
  """Raises if the weights were made for otherwise normalised pixels.

  A wrong normalisation costs accuracy and nothing else tells of it.
  """
  for name in 'pixel_mean', 'pixel_std':
    ours, theirs = getattr(architecture, name, None), origin.get(name)
    if ours is not None and theirs is not None and list(ours) != theirs:
      raise errors.RunError(
          f'`FromCheckpoint.path` should have weights for `{name}` = '
          f'{list(ours)}, as the architecture, but `{path}` is for {theirs}; '
          'bind the architecture to that.')
