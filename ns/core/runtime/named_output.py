"""What a host says, with its name in front of each line.

Several hosts may write to one terminal, and their logs are read together.
"""

import sys


class NamedOutput:
  """A stream of text that begins each line with a name."""

  def __init__(self, stream, name: str):
    self._stream, self._name = stream, name
    self._begins = True

  def write(self, text: str) -> int:
    lines = text.splitlines(keepends=True)
    self._stream.write(''.join(
        (self._name if number or self._begins else '') + line
        for number, line in enumerate(lines)))
    if lines:
      self._begins = lines[-1].endswith('\n')
    return len(text)

  def isatty(self) -> bool:
    return False  # A bar that moves would be between the lines of others.

  def __getattr__(self, name: str):
    return getattr(self._stream, name)


def begin(worker: int) -> None:
  """All that this program prints from now on is worker `worker`'s."""
  name = f'worker {worker}: '
  sys.stdout = NamedOutput(sys.stdout, name)
  sys.stderr = NamedOutput(sys.stderr, name)
