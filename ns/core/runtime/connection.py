"""Messages between the chief of a run and another of its hosts.

Each is a line of JSON, and a thread reads them as they come.
"""

from collections.abc import Callable
import contextlib
import json
import socket
import threading
from typing import Any

# A host whose machine is gone says nothing more; that is found out within a
# minute and a half: asked after 30 s, and four times every 15 s.
_ALIVE = ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 15),
          (socket.TCP_KEEPCNT, 4))


class Connection:
  """To one host."""

  def __init__(self, joined: socket.socket):
    """`joined`: the two of them; closed when the other host has ended."""
    self._socket, self._sending = joined, threading.Lock()
    joined.settimeout(None)
    if joined.family in (socket.AF_INET, socket.AF_INET6):
      joined.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
      joined.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
      for option, value in _ALIVE:
        joined.setsockopt(socket.IPPROTO_TCP, option, value)

  def hear(self, heard: Callable[[Any], None]) -> None:
    """Begins to read.

    Args:
      heard: called with every message, in another thread; with None when the
        other host has ended.
    """
    threading.Thread(target=self._read, args=[heard], daemon=True).start()

  def send(self, message: Any) -> None:
    """Sends what is of JSON's types; nobody may be there to hear it."""
    line = json.dumps(message).encode() + b'\n'
    with self._sending, contextlib.suppress(OSError):
      self._socket.sendall(line)

  def _read(self, heard) -> None:
    # A host that dies while it speaks leaves a part of a line.
    with self._socket, contextlib.suppress(OSError, ValueError):
      for line in self._socket.makefile('rb'):
        heard(json.loads(line))
    heard(None)
