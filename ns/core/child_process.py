"""A process that works for another one, and ends when that does.

Processes of a pool outlive a parent that is killed: they go on writing, beside
those that the next start has, and are never told to end.
"""

import multiprocessing
from multiprocessing import connection
import os
import threading


def end_with_parent() -> None:
  """Ends this process at once when its parent has ended, however that was.

  To be called in a process that `multiprocessing` started, such as by the
  `initializer` of a pool.
  """
  parent = multiprocessing.parent_process()
  if parent is None:
    raise RuntimeError('`end_with_parent` should be called in a process that '
                       '`multiprocessing` started, but this is not one.')

  def wait() -> None:
    connection.wait([parent.sentinel])
    os._exit(1)  # Nothing is finished any more: files are written aside.

  threading.Thread(target=wait, name='end_with_parent', daemon=True).start()
