"""The memory of this machine and of its GPUs, known without TensorFlow."""

import os
import subprocess

# Where Linux says what a container may take: cgroups of version 2 and 1.
_LIMITS = ('/sys/fs/cgroup/memory.max',
           '/sys/fs/cgroup/memory/memory.limit_in_bytes')


def host_bytes() -> int | None:
  """The memory of this machine or container, None where nothing tells."""
  try:
    found = [os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')]
  except (AttributeError, ValueError, OSError):  # Not on every system.
    found = []
  for path in _LIMITS:
    try:
      with open(path, encoding='ascii') as file:
        found.append(int(file.read()))
    except (OSError, ValueError):  # No such file, or 'max'.
      pass
  return min(found, default=None)


def gpu_bytes() -> int | None:
  """The memory of the smallest GPU, None where its driver does not tell."""
  try:
    told = subprocess.run(
        ['nvidia-smi', '--query-gpu=memory.total',
         '--format=csv,noheader,nounits'],
        capture_output=True, text=True, timeout=5, check=True).stdout
    return min(int(line) for line in told.split()) * 2**20
  except (OSError, subprocess.SubprocessError, ValueError):
    return None


def of(device: str, devices: int) -> int | None:
  """Of each of so many devices of this machine, 'cpu' or 'gpu'."""
  if device == 'gpu':
    return gpu_bytes()
  total = host_bytes()
  return total and total // devices
