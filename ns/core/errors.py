"""The kinds of error that end a program with one sentence, not a trace.

Constructors raise plain `ValueError` and `TypeError`; `ns/config/` turns them
into a `ConfigError` that also names the file and line of the binding.
"""


class ConfigError(ValueError):
  """The configuration is wrong: what, where, and what to write instead."""


class RunError(RuntimeError):
  """The run cannot start or go on: why, and the way out."""


class Missing(RunError):
  """Files that a run needs are not here."""


class Terminated(BaseException):
  """The program was asked to end, and nothing is lost; no error of anyone's."""
