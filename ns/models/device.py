"""What the devices at hand run well: the choices that depend on them.

A network is the same function everywhere, to rounding. On CPUs alone its
gradients take other ways through TensorFlow's kernels (`docs/model_speed.md`);
GPUs and TPUs run the plain operations.
"""

from collections.abc import Callable

import tensorflow as tf

# Of elements. Smaller tensors stay in the caches, where one pass gains nothing
# that would be worth the time XLA takes to compile it.
_LARGE = 2**19


def is_cpu() -> bool:
  """Whether TensorFlow has nothing but CPUs."""
  return all(d.device_type == 'CPU' for d in tf.config.list_logical_devices())


def one_pass(function: Callable) -> Callable:
  """`function` of tensors, elementwise, in one pass over the memory.

  TensorFlow runs an expression on a CPU operation by operation, and each writes
  its result to new memory, which costs more than the arithmetic. XLA compiles
  it into one loop. It does so for each shape, so only for large tensors, in a
  traced function, on CPUs; elsewhere the result is `function` itself.

  Args:
    function: of tensors; the shape of the first one decides.

  Returns:
    A function of the same tensors that gives the same, to rounding.
  """
  compiled = tf.function(function, jit_compile=True, autograph=False)

  def call(*tensors):
    size = tensors[0].shape.num_elements()
    is_large = size is not None and size >= _LARGE
    if is_large and not tf.executing_eagerly() and is_cpu():
      return compiled(*tensors)
    return function(*tensors)

  return call
