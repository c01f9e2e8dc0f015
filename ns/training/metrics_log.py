"""The log of a training: a JSON object for each summary, one a line.

A killed training has lines of steps that it takes again. They go when it starts
again, and so does half a line, so that every step is there once.
"""

from collections.abc import Mapping
import json
from typing import Any

from etils import epath

from ns.core import files


class MetricsLog:
  """Writes the lines to a file."""

  def __init__(self, path: epath.PathLike, step: int):
    """Goes on after `step`, with the lines until then."""
    self._path = epath.Path(path)
    files.make_folder(self._path.parent)
    self.go_back(step)

  def go_back(self, step: int) -> None:
    """Removes the lines of later steps."""
    try:
      before = files.read(self._path)
    except FileNotFoundError:
      return
    kept = b''.join(line for line in before.splitlines(keepends=True)
                    if _step(line) <= step)
    if kept != before:
      files.write_whole(self._path, kept)

  def write(self, step: int, metrics: Mapping[str, Any]) -> None:
    """Adds a line, which is there when this returns."""
    with files.named(self._path), self._path.open('a') as file:
      file.write(json.dumps({'step': step, **metrics}) + '\n')


def _step(line: bytes) -> float:
  """Of a line; of half a line, one that is never reached."""
  try:
    return json.loads(line)['step'] if line.endswith(b'\n') else float('inf')
  except ValueError:
    return float('inf')
