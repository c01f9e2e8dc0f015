"""One program at a time works on a run that is kept on a bucket.

A bucket has no locks that a program's end would open. What stands for one here
is `lease.json` in the run's folder: who works on it, written anew every some
seconds by a thread as long as that goes on. A lease that nobody renews is
nobody's: the next start takes it over. Nobody's clock is asked, since two
machines' differ: who finds a lease watches whether it is written anew. So a
second start is refused after at most as long as a renewal takes, and one after
a program that was killed waits until the lease has ended; on the same machine,
which knows that the program is gone, it does not wait.

This is the best that can be had of plain reads and writes, and not a promise.
Two programs that start within the same second or two may both read back their
own lease; each finds that out when it renews it, and the one whose lease is not
there any more asks to end, as after SIGTERM. A program that was halted for
longer than a lease lasts does so too when it goes on.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import dataclasses
import json
import os
import socket
import sys
import threading
import time
from typing import Any
import uuid

from etils import epath

from ns.core import errors
from ns.core import files
from ns.core import termination

_FILE = 'lease.json'
# TensorFlow's client calls a file damaged that is shorter than it was seconds
# ago, so all leases are of one length.
_BYTES = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Times:
  """In seconds.

  Attributes:
    renewal: between two writings of a lease.
    end: after so long without one it is over.
    settling: between writing a lease and reading it back, in which another's
      would be seen.
    look: between two looks at another's.
  """
  renewal: float = 15.0
  end: float = 60.0
  settling: float = 2.0
  look: float = 1.0


@contextlib.contextmanager
def held(folder: epath.Path, times: Times = Times(),
         sleep: Callable[[float], None] = time.sleep,
         clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
  """Holds the run in `folder`, which is there, while the context lasts.

  Args:
    folder: of the run.
    times: of the lease.
    sleep: waits so many seconds.
    clock: gives seconds.

  Raises:
    RunError: another program holds it.
  """
  path = folder / _FILE
  _wait_for_its_end(path, times, sleep, clock)
  owner = _me()
  _write(path, owner, 0)
  sleep(times.settling)
  if (found := _read(path)) and found['id'] != owner['id']:
    raise _refusal(path, found)
  over = threading.Event()
  keeper = threading.Thread(
      target=_keep, args=(path, owner, times, over), daemon=True,
      name='lease')
  keeper.start()
  try:
    yield
  finally:
    over.set()
    keeper.join()
    if (found := _read(path)) and found['id'] == owner['id']:
      path.unlink(missing_ok=True)


def is_held(folder: epath.Path, times: Times = Times(),
            clock: Callable[[], float] = time.time) -> bool:
  """Whether a program holds the run, by the clock of this machine."""
  found = _read(folder / _FILE)
  return bool(found) and clock() - found['time'] < times.end


def _wait_for_its_end(path, times, sleep, clock) -> None:
  """Returns when nobody's lease is there; raises if somebody renews it."""
  found = first = _read(path)
  begin = clock()
  told = False
  while found and not _is_gone(found):
    if found != first:
      raise _refusal(path, found)
    left = begin + times.end - clock()
    if left <= 0:
      return
    if not told:
      print(f'{path} says that a program on {found["host"]} works on this run; '
            f'if it does not say so again within {times.end:g} s, it is '
            'taken over', file=sys.stderr, flush=True)
      told = True
    sleep(min(times.look, left))
    found = _read(path)


def _keep(path, owner, times, over: threading.Event) -> None:
  """Renews a lease until it is over, or another's is in its place."""
  number = 0
  while not over.wait(times.renewal):
    number += 1
    try:
      found = _read(path)
      if found and found['id'] != owner['id']:
        print(f'{path} is the lease of a program on {found["host"]} now, so '
              'this one ends', file=sys.stderr, flush=True)
        termination.request()
        return
      _write(path, owner, number)
    except Exception as error:  # The network; the next time may be better.
      print(f'{path} cannot be renewed now: {error}', file=sys.stderr,
            flush=True)


def _me() -> dict[str, Any]:
  return {'id': uuid.uuid4().hex, 'host': socket.gethostname(),
          'machine': _machine(), 'pid': os.getpid()}


def _write(path, owner: dict[str, Any], number: int) -> None:
  files.write_whole(path, json.dumps(
      {**owner, 'number': number, 'time': time.time()}).ljust(_BYTES))


def _read(path) -> dict[str, Any] | None:
  """The lease, or None if there is none or it is no lease."""
  try:
    found = json.loads(files.read(path))
    return found if {'id', 'host', 'time'} <= found.keys() else None
  except (FileNotFoundError, ValueError, AttributeError):
    return None


def _machine() -> str | None:
  """This boot of this machine and this space of process numbers."""
  try:
    with open('/proc/sys/kernel/random/boot_id', encoding='ascii') as file:
      return f'{file.read().strip()} {os.readlink("/proc/self/ns/pid")}'
  except OSError:
    return None


def _is_gone(found: dict[str, Any]) -> bool:
  """Whether it is a program of this machine that is no more."""
  if found.get('machine') is None or found['machine'] != _machine():
    return False
  try:
    os.kill(found['pid'], 0)
  except ProcessLookupError:
    return True
  except PermissionError:
    return False
  return False


def _refusal(path, found) -> errors.RunError:
  return errors.RunError(
      f'A program on {found["host"]} (process {found.get("pid")}) works on the '
      f'run in `{path.parent}`; wait until it is finished, or give another '
      '`--work_dir`.')
