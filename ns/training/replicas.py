"""The devices that share a training: what they can divide among them."""

from typing import Any

from ns.core import errors


def check(how, name: str, sizes: Any, replicas: int) -> None:
  """Checks that a training can be divided among replicas.

  Args:
    how: a `Training` or a `FineTune`.
    name: of the training, for messages.
    sizes: has `labelled_batch` and `batch_size`, as a mixture and a `Job` do.
    replicas: how many.

  Raises:
    RunError: it cannot.
  """
  kind = type(how).__name__
  if how.jit_compile and replicas > 1:
    raise errors.RunError(
        f'`{kind}.jit_compile` should be False on {replicas} replicas, since '
        'XLA compiles no step that adds up over several devices here, but is '
        'True; leave it out, or train on one device.')
  for field in 'labelled_batch', 'batch_size':
    images = getattr(sizes, field)
    if images % replicas:
      raise errors.RunError(
          f'The `{field}` of {name} should be a multiple of the {replicas} '
          f'replicas, but is {images}; bind another `labelled_batch`, or use '
          'another number of devices.')
