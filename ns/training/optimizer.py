"""Optimizers as declarations.

An optimizer offers `build(variables)`, giving a Keras optimizer whose
`learning_rate` the trainer sets before each step.
"""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sgd:
  """Stochastic gradient descent with momentum (Keras' own).

  Attributes:
    momentum: share of the velocity kept at each step.
    nesterov: whether the gradient is taken ahead of the velocity.
  """
  momentum: float = 0.9
  nesterov: bool = True

  def __post_init__(self):
    checks.number(self, 'momentum', at_least=0, below=1)
    checks.one_of(self, 'nesterov', (False, True))

  def build(self, variables):
    import keras
    optimizer = keras.optimizers.SGD(
        learning_rate=0.0, momentum=self.momentum,
        nesterov=self.nesterov and self.momentum > 0)
    optimizer.build(variables)
    return optimizer
