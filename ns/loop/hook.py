"""A command that is told what becomes of a run."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import json
import math
import os
import shlex
import shutil
import signal
import subprocess
from typing import Any

from ns.core import checks
from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
  """Runs a command, which gets what happened as JSON on its standard input.

  It runs in the user's folder, and its output goes where that of the run goes.
  What it is told is in `ns.loop.notices`.

  Attributes:
    words: the command and its arguments, a list; or one string, which is
      divided as a shell would, without being given to one.
    timeout_seconds: after which it is ended, with all that it started.
  """
  words: Sequence[str] | str
  timeout_seconds: float = 30.0

  def __post_init__(self):
    checks.instance(self, 'words', str, list, tuple)
    checks.number(self, 'timeout_seconds', above=0)
    try:
      words = self._words
    except ValueError as error:
      raise ValueError(
          '`Command.words` should be a command as for a shell, but is '
          f'{self.words!r}: {error}.') from error
    if not words or not all(isinstance(word, str) and word for word in words):
      raise ValueError(
          '`Command.words` should be a command and its arguments, such as '
          f"`['notify', '--loud']`, but is {self.words!r}.")

  def check(self) -> None:
    """Raises a `RunError` if there is no such program."""
    word = self._words[0]
    if shutil.which(word) is None and not os.access(
        os.path.join(_folder(), word), os.X_OK):
      raise errors.RunError(
          f'`Command.words` should begin with a program, but there is no '
          f'`{word}` that can be run; give its whole path, or install it.')

  @property
  def _words(self) -> list[str]:
    return (shlex.split(self.words) if isinstance(self.words, str)
            else list(self.words))

  def tell(self, event: Mapping[str, Any]) -> None:
    """Runs the command, and waits for it.

    Args:
      event: of JSON's types.

    Raises:
      RunError: it cannot be run, fails, or takes too long.
    """
    words = self._words
    try:
      # In a group of its own, so that what it starts can be ended with it.
      program = subprocess.Popen(
          words, stdin=subprocess.PIPE, text=True, start_new_session=True,
          cwd=_folder())
    except OSError as error:
      raise errors.RunError(
          f'`{words[0]}` cannot be run: {error.strerror}.') from error
    try:
      program.communicate(_json(event) + '\n', self.timeout_seconds)
    except subprocess.TimeoutExpired as error:
      raise errors.RunError(
          f'`{words[0]}` took longer than {self.timeout_seconds:g} s '
          '(`Command.timeout_seconds`) and was ended.') from error
    finally:
      if program.poll() is None:
        os.killpg(program.pid, signal.SIGKILL)
        program.wait()
    if program.returncode:
      raise errors.RunError(
          f'`{words[0]}` ended with exit code {program.returncode}.')


def _folder() -> str:
  """The folder in which the user typed the command."""
  return os.environ.get('BUILD_WORKING_DIRECTORY') or os.getcwd()


def _json(event: Any) -> str:
  """JSON has no number that is not finite; a string says which it is."""
  return json.dumps(_finite(event))


def _finite(value: Any) -> Any:
  if isinstance(value, Mapping):
    return {name: _finite(part) for name, part in value.items()}
  if isinstance(value, (list, tuple)):
    return [_finite(part) for part in value]
  if isinstance(value, float) and not math.isfinite(value):
    return str(value)
  return value
