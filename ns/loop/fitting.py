"""A batch that fits a device, and does not take it too long."""

# What a step may take at most, in seconds, on a device that does so many
# operations in a second, as most do.
_LONGEST_STEP = 20.0
_HOST_OPERATIONS, _DEVICE_OPERATIONS = 5e10, 1e13
# Of a host's memory; it has others to serve.
_SHARE = 0.5


def batch(run, batch_size: int, work, needed) -> int:
  """The batch, or the largest smaller one that does here; 0 if there is none.

  Args:
    run: a `SelfTraining`.
    batch_size: of all replicas.
    work: of the stage.
    needed: from a batch size to what memory that needs.
  """
  runtime = run.runtime
  available = runtime.memory_bytes()
  if available is not None and runtime.on_host:
    available *= _SHARE
  speed = _HOST_OPERATIONS if runtime.on_host else _DEVICE_OPERATIONS
  a_image = (work.flops or 0) / (work.images or 1) / speed
  of_one = batch_size // runtime.replicas
  while of_one:
    most = max((part.total if runtime.on_host else part.on_device
                for part in needed(of_one * runtime.replicas)), default=0)
    if (available is None or most <= available) and (
        of_one == 1 or of_one * a_image <= _LONGEST_STEP):
      return of_one * runtime.replicas
    of_one //= 2
  return 0
