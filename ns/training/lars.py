"""LARS as a Keras optimizer."""

import keras
import tensorflow as tf


class Lars(keras.optimizers.Optimizer):
  """See `ns.training.optimizer.Lars`."""

  def __init__(self, *, momentum: float, decay: float,
               trust_coefficient: float, skip: tuple[str, ...]):
    # Keras would take the weights' decay on itself, and do it otherwise.
    super().__init__(learning_rate=0.0, name='lars')
    self.momentum = momentum
    self.decay = decay
    self.trust_coefficient = trust_coefficient
    self.skip = skip

  def build(self, variables):
    if self.built:
      return
    super().build(variables)
    self._velocity = self.add_optimizer_variables(variables, 'velocity')
    self._is_skipped = [v.name in self.skip for v in variables]

  def update_step(self, gradient, variable, learning_rate):
    index = self._get_variable_index(variable)
    rate = tf.cast(learning_rate, variable.dtype)
    if not self._is_skipped[index]:
      rate *= self._trust(gradient, variable)
      gradient += self.decay * variable
    velocity = self._velocity[index]
    self.assign(velocity, self.momentum * velocity + rate * gradient)
    self.assign_sub(variable, velocity)

  def _trust(self, gradient, variable):
    weight_norm, gradient_norm = tf.norm(variable), tf.norm(gradient)
    ratio = tf.math.divide_no_nan(
        self.trust_coefficient * weight_norm,
        gradient_norm + self.decay * weight_norm)
    return tf.where((weight_norm > 0) & (gradient_norm > 0), ratio, 1.0)
