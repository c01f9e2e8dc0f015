"""One program at a time works on a run."""

import contextlib
import fcntl

from etils import epath

from ns.core import errors
from ns.core import files
from ns.loop import lease


@contextlib.contextmanager
def held(folder: epath.PathLike):
  """Holds the run in `folder` while the context lasts.

  On a local disk the lock is the kernel's (flock): it goes with its program,
  however that ends, and the file that stays behind blocks nobody. On a bucket,
  which has none, it is a lease (`ns.loop.lease`).

  Raises:
    RunError: another program holds the run.
  """
  folder = epath.Path(folder)
  files.make_folder(folder)
  if files.is_remote(folder):
    with lease.held(folder):
      yield
    return
  with open(folder / 'lock', 'w') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise errors.RunError(
          f'Another program works on the run in `{folder}`; wait until it is '
          'finished, or give another `--work_dir`.') from error
    yield


def is_held(folder: epath.PathLike) -> bool:
  """Whether a program holds the run in `folder`, as far as can be known."""
  if files.is_remote(folder):
    return lease.is_held(epath.Path(folder))
  path = epath.Path(folder) / 'lock'
  if not path.exists():
    return False
  with open(path) as file:
    try:
      fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
      return True
  return False
