"""Optimizers as declarations.

An optimizer offers

  build(variables): a Keras optimizer for these variables, whose
    `learning_rate` is set before each step. It adds up the gradients of all
    replicas. Its own variables are named by those of the network.
  slots_per_variable: how many numbers it keeps for each weight.
  weight_decay: only where it decays weights itself, which then are not decayed
    through the loss.
"""

from collections.abc import Sequence
import dataclasses

from ns.core import checks

# Biases and normalisation, by the last part of a variable's path.
_SMALL = ('bias', 'gamma', 'beta')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sgd:
  """Stochastic gradient descent with momentum (Keras' own).

  velocity = momentum * velocity - rate * gradient
  weight = weight + velocity                             or, with `nesterov`,
  weight = weight + momentum * velocity - rate * gradient
  The rate is inside the velocity. TensorFlow 1's Momentum has it outside, which
  is the same as long as the rate is; where the rate falls, steps here are a
  little longer for a while.

  Attributes:
    momentum: share of the velocity kept at each step.
    nesterov: whether the gradient is taken ahead of the velocity.
  """
  momentum: float = 0.9
  nesterov: bool = True

  def __post_init__(self):
    checks.number(self, 'momentum', at_least=0, below=1)
    checks.one_of(self, 'nesterov', (False, True))

  @property
  def slots_per_variable(self) -> int:
    return int(self.momentum > 0)

  def build(self, variables):
    import keras
    return _built(keras.optimizers.SGD(
        learning_rate=0.0, momentum=self.momentum, name='sgd',
        nesterov=self.nesterov and self.momentum > 0), variables)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RmsProp:
  """RMSProp as TensorFlow 1 has it, and the reference takes it.

  square = decay * square + (1 - decay) * gradient^2, from 1
  velocity = momentum * velocity + rate * gradient / sqrt(square + epsilon)
  weight = weight - velocity
  Keras' starts the squares at 0, so that its first steps are up to 30 times
  longer. The constants are the reference's (utils.py, `build_optimizer`).

  Attributes:
    decay: share of the mean square kept at each step.
    momentum: share of the velocity kept at each step.
    epsilon: added to the mean square, inside the root.
  """
  decay: float = 0.9
  momentum: float = 0.9
  epsilon: float = 1e-3
  slots_per_variable = 2

  def __post_init__(self):
    checks.number(self, 'decay', at_least=0, below=1)
    checks.number(self, 'momentum', at_least=0, below=1)
    checks.number(self, 'epsilon', above=0)

  def build(self, variables):
    from ns.training import rms_prop
    return _built(rms_prop.RmsProp(
        decay=self.decay, momentum=self.momentum, epsilon=self.epsilon),
                  variables)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lars:
  """LARS, for very large batches (arXiv 1708.03888, algorithm 1).

  trust = trust_coefficient * |weight| / (|gradient| + weight_decay * |weight|)
  velocity = momentum * velocity
             + rate * trust * (gradient + weight_decay * weight)
  weight = weight - velocity
  with the norms of a whole variable. Where one of them is 0, trust is 1.
  Variables of `skip` have trust 1 and do not decay. The constants are those of
  TensorFlow 1's LARSOptimizer, which the TPU repository trains with.

  Attributes:
    momentum: share of the velocity kept at each step.
    weight_decay: on the variables that are not skipped.
    trust_coefficient: the length of a step, in lengths of the variable.
    skip: last parts of the paths of variables that are not scaled.
  """
  momentum: float = 0.9
  weight_decay: float = 1e-4
  trust_coefficient: float = 1e-3
  skip: Sequence[str] = _SMALL
  slots_per_variable = 1

  def __post_init__(self):
    checks.number(self, 'momentum', at_least=0, below=1)
    checks.number(self, 'weight_decay', at_least=0)
    checks.number(self, 'trust_coefficient', above=0)
    _check_names(self, 'skip')

  def build(self, variables):
    from ns.training import lars
    return _built(lars.Lars(
        momentum=self.momentum, decay=self.weight_decay,
        trust_coefficient=self.trust_coefficient, skip=tuple(self.skip)),
                  variables)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdamW:
  """Adam with weight decay apart from the gradient (Keras' own).

  Attributes:
    beta_1: share of the mean gradient kept at each step.
    beta_2: share of the mean square kept at each step.
    epsilon: added to the root of the mean square.
    weight_decay: times the rate, the share of a weight that goes at each step
      (arXiv 1711.05101, algorithm 2); PyTorch's default.
    skip: last parts of the paths of variables that do not decay.
  """
  beta_1: float = 0.9
  beta_2: float = 0.999
  epsilon: float = 1e-8
  weight_decay: float = 0.01
  skip: Sequence[str] = _SMALL
  slots_per_variable = 2

  def __post_init__(self):
    checks.number(self, 'beta_1', at_least=0, below=1)
    checks.number(self, 'beta_2', at_least=0, below=1)
    checks.number(self, 'epsilon', above=0)
    checks.number(self, 'weight_decay', at_least=0)
    _check_names(self, 'skip')

  def build(self, variables):
    import keras
    optimizer = keras.optimizers.AdamW(
        learning_rate=0.0, beta_1=self.beta_1, beta_2=self.beta_2,
        epsilon=self.epsilon, weight_decay=self.weight_decay, name='adam_w')
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in variables if v.name in self.skip])
    return _built(optimizer, variables)


def _built(optimizer, variables):
  """With all its variables: a checkpoint is read before the first step."""
  optimizer.build(variables)
  return optimizer


def _check_names(owner, name: str) -> None:
  value = getattr(owner, name)
  if (not isinstance(value, (list, tuple))
      or not all(isinstance(part, str) and part for part in value)):
    raise ValueError(
        f'`{type(owner).__name__}.{name}` should be a list of names of '
        f"variables, such as ['bias'], but is {value!r}.")
