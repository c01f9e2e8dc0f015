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
    _check_pixels(network, origin, str(path))
    for name in 'network', 'average':
      weights.save(network, job.folder / f'{name}.npz', metadata or None)
    parameters = sum(math.prod(v.shape) for v in network.trainable_variables)
    return {'parameters': parameters,
            'origin': {**origin, 'digest': self.digest},
            'seconds': time.monotonic() - start}


def _check_pixels(network, origin: dict[str, Any], path: str) -> None:
  """Raises if the weights were made for otherwise normalised pixels.

  A wrong normalisation costs accuracy and nothing else tells of it.
  """
  architecture = getattr(network, 'architecture', None)
  for name in 'pixel_mean', 'pixel_std':
    ours, theirs = getattr(architecture, name, None), origin.get(name)
    if ours is not None and theirs is not None and list(ours) != theirs:
      raise errors.RunError(
          f'`{path}` has weights for `{name}` = {theirs}, but the '
          f'architecture has {list(ours)}; bind it to that.')
