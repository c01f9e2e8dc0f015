"""Folders on a bucket, `gs://…`, which is on this machine.

TensorFlow's own client reaches it by HTTPS, in this process and in those that
it starts (`tests.support.bucket_server`).
"""

import collections
import contextlib
import functools
import json
import os
import subprocess
import sys
import uuid

from etils import epath

from tests.support import bucket_server


class Server:
  """The server's program; calls what `bucket_server.Store` has."""

  def __init__(self):
    self._program = subprocess.Popen(
        [sys.executable, '-I', bucket_server.__file__], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    self.environment = {
        'https_proxy': f'http://127.0.0.1:{int(self._line())}',
        'no_proxy': '127.0.0.1',  # TensorFlow's hosts would ask it, too.
        'CURL_CA_BUNDLE': bucket_server.PEM,
        'GOOGLE_AUTH_TOKEN_FOR_TESTING': 'token',
        # Else each file that is read takes 64 MB, zeroed. It is of no use
        # where TensorFlow is there already; the targets of tests set it, too.
        'GCS_READ_CACHE_BLOCK_SIZE_MB': '1'}

  def _line(self) -> str:
    return self._program.stdout.readline()

  def call(self, name: str, /, **arguments):
    """What the store's method `name` returns."""
    self._program.stdin.write(json.dumps([name, arguments]) + '\n')
    self._program.stdin.flush()
    return json.loads(self._line())

  @contextlib.contextmanager
  def counted(self):
    """Gives a counter that has, afterwards, the requests of the context."""
    before, made = self._counts(), collections.Counter()
    yield made
    made.update(self._counts() - before)

  def _counts(self) -> collections.Counter:
    return collections.Counter({
        (kind, name): count for kind, name, count in self.call('counts')})


@functools.cache
def server() -> Server:
  """The one that this process and its children take for Google's."""
  started = Server()
  os.environ.update(started.environment)
  return started


def new() -> epath.Path:
  """A folder that nobody else has."""
  server()
  return epath.Path(f'gs://bucket/{uuid.uuid4().hex}')


def copy(folder: os.PathLike) -> epath.Path:
  """A new folder with the files of a local one."""
  target = new()
  for place, _, names in os.walk(folder):
    for name in names:
      path = os.path.join(place, name)
      epath.Path(path).copy(target / os.path.relpath(path, folder))
  return target
