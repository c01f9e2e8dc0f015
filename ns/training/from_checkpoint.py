"""A generation that starts from imported weights instead of training."""

import dataclasses
import math
import time
from typing import Any

from ns.training import trainer
from ns.training import weights_file


@dataclasses.dataclass(frozen=True, kw_only=True)
class FromCheckpoint(weights_file.WeightsFile):
  """Takes over weights of `//tools:import_checkpoint` in place of training.

  It stands where a `Training` does; `FromWeights` is where a training begins.
  What is in the file enters the fingerprint, and where it lies does not.

  Attributes:
    path: of the npz file; `@repository/file` is a file of a Bazel repository.
  """
  uses_images = False

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
    path = self.unchanged_path()
    metadata = weights.metadata(path)
    with job.strategy.scope():
      network = job.build(0)
    weights.load(network, path)
    origin = metadata.get('origin', {})
    self._check_pixels(getattr(network, 'architecture', None), origin)
    for name in ('network', 'average') if job.hosts.is_chief else ():
      weights.save(network, job.folder / f'{name}.npz', metadata or None)
    parameters = sum(math.prod(v.shape) for v in network.trainable_variables)
    return {'parameters': parameters,
            'origin': {**origin, 'digest': self.digest},
            'seconds': time.monotonic() - start}
