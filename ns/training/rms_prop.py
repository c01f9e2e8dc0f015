"""RMSProp as TensorFlow 1 has it, as a Keras optimizer."""

import keras
import tensorflow as tf


class RmsProp(keras.optimizers.Optimizer):
  """See `ns.training.optimizer.RmsProp`.

  The update is TensorFlow 1's own operation: one pass over the memory, on
  every kind of device and under XLA.
  """

  def __init__(self, *, decay: float, momentum: float, epsilon: float):
    super().__init__(learning_rate=0.0, name='rms_prop')
    self.decay = decay
    self.momentum = momentum
    self.epsilon = epsilon

  def build(self, variables):
    if self.built:
      return
    super().build(variables)
    self._square, self._velocity = self.add_optimizer_variables(
        variables, ['square', 'velocity'], ['ones', 'zeros'])

  def update_step(self, gradient, variable, learning_rate):
    index = self._get_variable_index(variable)
    number = lambda value: tf.cast(value, variable.dtype)
    tf.raw_ops.ResourceApplyRMSProp(
        var=variable.handle, ms=self._square[index].value.handle,
        mom=self._velocity[index].value.handle, lr=number(learning_rate),
        rho=number(self.decay), momentum=number(self.momentum),
        epsilon=number(self.epsilon), grad=number(gradient))
