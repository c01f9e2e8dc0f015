"""What a TPU VM and a pod have in common."""

import os

from ns.core import errors


def keep_jax_off() -> None:
  """JAX, which seqio imports, would take the TPU from TensorFlow."""
  os.environ['JAX_PLATFORMS'] = 'cpu'


def bytes_of(gibibytes: float | None) -> int | None:
  return None if gibibytes is None else int(gibibytes * 2**30)


def strategy(resolver, cores: int, name: str):
  """The strategy of a TPU, which is initialised.

  Args:
    resolver: a `TPUClusterResolver`, connected to.
    cores: how many there should be.
    name: of the runtime.

  Raises:
    RunError: there is no TPU, or it has another number of cores.
  """
  import tensorflow as tf
  try:
    tf.tpu.experimental.initialize_tpu_system(resolver)
    made = tf.distribute.TPUStrategy(resolver)
  except (tf.errors.OpError, ValueError, RuntimeError) as error:
    raise errors.RunError(
        f'`runtime.{name}` is bound, but TensorFlow does not start a TPU here '
        f'({str(error).splitlines()[0]}); install the packages of '
        '`requirements_tpu_lock.txt` on a TPU VM that no other program uses, '
        'or bind `runtime.OneDevice()`.') from error
  found = made.num_replicas_in_sync
  if found != cores:
    raise errors.RunError(
        f'`{name}.cores` should be {found}, what TensorFlow finds, but is '
        f'{cores}; bind that.')
  return made
