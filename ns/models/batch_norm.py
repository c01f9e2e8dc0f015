"""Batch normalisation as a declaration, free of TensorFlow."""

import dataclasses

from ns.core import checks
from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchNorm:
  """What all batch normalisations of a network are.

  Attributes:
    momentum: of the moving statistics; 0.99 in the reference
      (efficientnet_builder.py), too slow for runs of a few hundred steps.
    epsilon: added to the variance; 1e-3 in the reference, there too.
    replicas: whose images make the statistics in training: 'local', each
      replica its own; 'all' replicas together; or a whole number, groups of
      so many replicas that follow each other. The reference, on a TPU, takes
      'local' up to 8 shards and groups of max(8, shards // 8) above that
      (utils.py, lines 100 to 154). The moving statistics are in any case
      those of all replicas.
  """
  momentum: float = 0.99
  epsilon: float = 1e-3
  replicas: str | int = 'local'

  def __post_init__(self):
    checks.number(self, 'momentum', at_least=0, below=1)
    checks.number(self, 'epsilon', above=0)
    size = self.replicas
    is_size = isinstance(size, int) and not isinstance(size, bool) and size > 1
    if not is_size and size not in ('local', 'all'):
      raise ValueError(
          "`BatchNorm.replicas` should be 'local', 'all' or a whole number of "
          f'at least 2, but is {size!r}.')

  def group_size(self, replicas: int) -> int:
    """How many of `replicas` make the statistics together; 1 for each its own.

    Raises:
      RunError: groups of this size do not make up all replicas.
    """
    if self.replicas == 'local':
      return 1
    if self.replicas == 'all':
      return replicas
    if replicas % self.replicas:
      raise errors.RunError(
          f'`BatchNorm.replicas` should divide the number of replicas, '
          f"{replicas}, but is {self.replicas}; bind a divisor of it, 'local' "
          "or 'all'.")
    return self.replicas
