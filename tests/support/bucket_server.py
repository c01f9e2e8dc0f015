"""A bucket on this machine, for TensorFlow's own client of `gs://`.

That client (C++ and libcurl, in TensorFlow's wheel) speaks HTTPS to
`www.googleapis.com` and `storage.googleapis.com`, by fixed names. It honours
libcurl's `https_proxy` and `CURL_CA_BUNDLE`. So this server is a proxy that
does not pass anything on: it takes what is meant for those two hosts, shows a
certificate of its own (`bucket_server.pem`), and answers from memory as much of
the JSON API of Google's storage as the client asks for. As there, what is
written is seen at once by all, an object appears whole or not at all, and each
has a generation that grows.

It counts requests, and can fail or delay those to come. It is a program of its
own, since TensorFlow keeps Python's lock through some of its requests: calls of
`Store`'s public methods come as lines of JSON, `[name, arguments]`, and what
they return goes back so. When no more can come, it ends.
"""

import collections
import contextlib
import dataclasses
import datetime
from http import server
import itertools
import json
import os
import re
import ssl
import sys
import threading
import time
from urllib import parse

PEM = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                   'bucket_server.pem')
_API = r'/storage/v1/b/(?P<bucket>[^/]+)'


@dataclasses.dataclass(frozen=True)
class _Object:
  content: bytes
  generation: int
  updated: str


class Store:
  """What is on all buckets, by `bucket/name`; folders' marks end in `/`."""

  def __init__(self):
    self._objects: dict[str, _Object] = {}
    self._uploads: dict[str, tuple[str, bytes]] = {}
    self._numbers = itertools.count(1)
    self._counts = collections.Counter()
    self._fault = None
    self._lock = threading.RLock()

  def names(self, prefix: str = '') -> list[str]:
    """All objects whose names begin so."""
    with self._lock:
      return sorted(name for name in self._objects if name.startswith(prefix))

  def put(self, name: str, text: str) -> None:
    """Writes an object, as a program on another machine would."""
    with self._lock:
      self._put(name, text.encode())

  def text(self, name: str) -> str:
    """The content of an object."""
    with self._lock:
      return self._objects[name].content.decode()

  def counts(self) -> list[tuple[str, str, int]]:
    """How many requests of a kind there were on an object, or below a folder.

    Kinds are read, stat, list, begin and upload (of a file; of a folder's mark
    only begin), delete, rewrite and bucket.
    """
    with self._lock:
      return [(*what, count) for what, count in self._counts.items()]

  def fail(self, kind: str, name: str, status: int | None = None,
           times: int = 1, seconds: float = 0.0) -> None:
    """Lets the next requests of a kind fail, or come late, or both.

    Args:
      kind: as `counts` has it.
      name: a pattern of what the name of the object contains.
      status: of HTTP; None to answer rightly.
      times: how many requests.
      seconds: of waiting before each answer.
    """
    with self._lock:
      self._fault = [kind, name, status, times, seconds]

  def _failure(self, kind: str, name: str) -> int | None:
    with self._lock:
      if (not self._fault or self._fault[0] != kind
          or not re.search(self._fault[1], name)):
        return None
      _, _, status, times, seconds = self._fault
      self._fault[3] -= 1
      if times == 1:
        self._fault = None
    time.sleep(seconds)
    return status

  def answer(self, method: str, url: parse.SplitResult, host: str, headers,
             body: bytes):
    """The status, the headers and the content of a request's answer."""
    query = dict(parse.parse_qsl(url.query))
    for verb, pattern, kind, reply in _ROUTES:
      found = re.fullmatch(pattern, f'{host}{url.path}')
      if verb == method and found:
        break
    else:
      return 501, {}, f'{method} {host}{url.path}'.encode()
    where = {key: parse.unquote(value)
             for key, value in found.groupdict().items()}
    below = query.get('name', query.get('prefix', ''))
    name = f'{where["bucket"]}/{where.get("name", below)}'
    if 'upload_id' in query:
      name = self._uploads[query['upload_id']][0]
    with self._lock:
      self._counts[kind, name] += 1
    if failure := self._failure(kind, name):
      return failure, {}, b'a fault'
    with self._lock:
      return reply(self, name, where, query, headers, body)

  def _bucket(self, name, where, query, headers, body):
    del name, query, headers, body
    return 200, {}, {'name': where['bucket'], 'location': 'US'}

  def _list(self, name, where, query, headers, body):
    del name, headers, body
    root = f'{where["bucket"]}/'
    prefix, delimiter = query.get('prefix', ''), query.get('delimiter')
    items, prefixes = [], []
    for each in self.names(root + prefix):
      name = each[len(root):]
      head, cut, _ = name[len(prefix):].partition(delimiter or '\0')
      if cut and delimiter:
        if (folder := prefix + head + cut) not in prefixes[-1:]:
          prefixes.append(folder)
      else:
        items.append({'name': name})
    every = [('prefixes', each) for each in prefixes] + [
        ('items', each) for each in items]
    first = int(query.get('pageToken', 0))
    last = first + int(query.get('maxResults', 1000))
    page = collections.defaultdict(list)
    for key, each in every[first:last]:
      page[key].append(each)
    more = {'nextPageToken': str(last)} if last < len(every) else {}
    return 200, {}, {**page, **more}

  def _stat(self, name, where, query, headers, body):
    del where, query, headers, body
    if name not in self._objects:
      return 404, {}, b'Not Found'
    found = self._objects[name]
    return 200, {}, {'size': str(len(found.content)), 'updated': found.updated,
                     'generation': str(found.generation)}

  def _read(self, name, where, query, headers, body):
    del where, query, body
    if name not in self._objects:
      return 404, {}, b'Not Found'
    content = self._objects[name].content
    first, last = map(int, re.fullmatch(r'bytes=(\d+)-(\d+)',
                                        headers['Range']).groups())
    if first >= len(content):
      return 416, {}, b''
    return 206, {}, content[first:last + 1]

  def _delete(self, name, where, query, headers, body):
    del where, query, headers, body
    return (204 if self._objects.pop(name, None) else 404), {}, b''

  def _rewrite(self, name, where, query, headers, body):
    del query, headers, body
    if name not in self._objects:
      return 404, {}, b'Not Found'
    self._put(f'{where["bucket2"]}/{where["name2"]}',
              self._objects[name].content)
    return 200, {}, {'done': True}

  def _begin_upload(self, name, where, query, headers, body):
    if query['uploadType'] == 'media':
      if query.get('ifGenerationMatch') == '0' and name in self._objects:
        return 412, {}, b''
      self._put(name, body)
      return 200, {}, {}
    number = str(next(self._numbers))
    self._uploads[number] = name, b''
    return 200, {'Location': 'https://www.googleapis.com/upload/storage/v1/b/'
                             f'{where["bucket"]}/o?upload_id={number}'}, b''

  def _upload(self, name, where, query, headers, body):
    del where
    _, content = self._uploads[query['upload_id']]
    first, _, size = re.fullmatch(
        r'bytes (?:(\d+)-(\d+)|\*)/(\d+)',
        headers.get('Content-Range', 'bytes */0')).groups()
    if first is not None:
      content = content[:int(first)] + body
    if len(content) >= int(size):
      self._put(name, content)
      return 200, {}, {}
    self._uploads[query['upload_id']] = name, content
    return 308, {'Range': f'bytes=0-{len(content) - 1}'} if content else {}, b''

  def _put(self, name: str, content: bytes) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    self._objects[name] = _Object(content, next(self._numbers),
                                  now.strftime('%Y-%m-%dT%H:%M:%S.%fZ'))


_WWW = f'www.googleapis.com{_API}'
_UPLOAD = 'www.googleapis.com/upload/storage/v1/b/(?P<bucket>[^/]+)/o'
_ROUTES = (
    ('GET', _WWW, 'bucket', Store._bucket),
    ('GET', f'{_WWW}/o', 'list', Store._list),
    ('GET', f'{_WWW}/o/(?P<name>[^/]+)', 'stat', Store._stat),
    ('DELETE', f'{_WWW}/o/(?P<name>[^/]+)', 'delete', Store._delete),
    ('POST', f'{_WWW}/o/(?P<name>[^/]+)/rewriteTo/b/(?P<bucket2>[^/]+)/o/'
     '(?P<name2>[^/]+)', 'rewrite', Store._rewrite),
    ('POST', _UPLOAD, 'begin', Store._begin_upload),
    ('PUT', _UPLOAD, 'upload', Store._upload),
    ('GET', 'storage.googleapis.com/(?P<bucket>[^/]+)/(?P<name>[^/]+)', 'read',
     Store._read),
)


class _Handler(server.BaseHTTPRequestHandler):
  """A connection: CONNECT, then TLS, then requests."""

  protocol_version = 'HTTP/1.1'
  disable_nagle_algorithm = True
  store: Store
  tls: ssl.SSLContext

  def do_CONNECT(self):
    self.send_response(200)
    self.end_headers()
    self.host = self.path.partition(':')[0]
    try:
      self.connection = self.request = self.tls.wrap_socket(
          self.connection, server_side=True)
    except OSError:
      self.close_connection = True
      return
    self.setup()

  def _do(self):
    try:
      body = self._body()
    except (OSError, ValueError):  # Its program was killed.
      self.close_connection = True
      return
    status, headers, content = self.store.answer(
        self.command, parse.urlsplit(self.path), self.host, self.headers, body)
    if not isinstance(content, bytes):
      content = json.dumps(content).encode()
    self.send_response(status)
    for name, value in headers.items():
      self.send_header(name, value)
    self.send_header('Content-Length', str(len(content)))
    self.end_headers()
    with contextlib.suppress(OSError):
      self.wfile.write(content)

  def _body(self) -> bytes:
    # A file is sent in chunks, whatever its length is said to be.
    if self.headers.get('Transfer-Encoding') != 'chunked':
      return self._exactly(int(self.headers.get('Content-Length') or 0))
    chunks = []
    while size := int(self.rfile.readline(), 16):
      chunks.append(self._exactly(size))
      self.rfile.readline()
    self.rfile.readline()
    return b''.join(chunks)

  def _exactly(self, size: int) -> bytes:
    if len(found := self.rfile.read(size)) < size:
      raise ConnectionError
    return found

  do_GET = do_POST = do_PUT = do_DELETE = _do

  def log_message(self, *args):
    del args


def _main() -> None:
  store = Store()
  tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  tls.load_cert_chain(PEM)
  handler = type('Handler', (_Handler,), {'store': store, 'tls': tls})
  http = server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
  threading.Thread(target=http.serve_forever, daemon=True).start()
  print(http.server_port, flush=True)
  for line in sys.stdin:
    name, arguments = json.loads(line)
    print(json.dumps(getattr(store, name)(**arguments)), flush=True)


if __name__ == '__main__':
  _main()
