"""Model noise: dropout and stochastic depth, as the method uses them."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelNoise:
  """Noise inside a student, in training only.

  Attributes:
    dropout: share of the pooled features dropped before the last layer
      (arXiv 1911.04252, section 3.1: 0.5).
    stochastic_depth: share of the images that skip a block, for a block after
      the last (0.2 there); it grows linearly from 0 at the first block. Only
      residual blocks can be skipped.
  """
  dropout: float = 0.5
  stochastic_depth: float = 0.2

  def __post_init__(self):
    checks.number(self, 'dropout', at_least=0, below=1)
    checks.number(self, 'stochastic_depth', at_least=0, below=1)

  def block_rate(self, index: int, blocks: int) -> float:
    """The share of images that skip block `index` (from 0) of `blocks`.

    As the reference's efficientnet_model.py: stochastic_depth * index / blocks.
    """
    return self.stochastic_depth * index / blocks
