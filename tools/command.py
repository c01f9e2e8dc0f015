"""What the command lines of tools have in common: flags, runs, complaints.

  def parse(argv):
    flags = command.Flags('show_noise', __doc__)
    command.add_run(flags)
    return flags.parse(argv)

  def main(argv: Sequence[str]) -> int:
    return command.finish(lambda: show(parse(argv)))

  if __name__ == '__main__':
    command.start(main)

Exit code: 0 finished, 1 the work failed, 2 the command or the configuration is
wrong, 130 interrupted. What is wrong is one line on stderr.
"""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import io
import os
import sys
from typing import Any

from ns import config
from ns import main as ns_main
from ns.config import nearest
from ns.core import errors
from ns.core import files


class Flags(argparse.ArgumentParser):
  """The flags of a tool, which raises `ConfigError` where one is wrong."""

  def __init__(self, tool: str, doc: str):
    """Flags are added as to any `ArgumentParser`.

    Args:
      tool: its name.
      doc: what `--help` says before the flags; the docstring of its module.
    """
    super().__init__(
        prog=tool, description=doc, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)

  def parse(self, argv: Sequence[str]) -> argparse.Namespace:
    """The arguments; `--gin.NAME=VALUE` counts as `--gin_bindings`.

    Raises:
      ConfigError: there is what is no flag, or a flag lacks what it needs.
    """
    arguments, others = self.parse_some(argv)
    for other in others:
      name = other.split('=')[0]
      known = [option for action in self._actions
               for option in action.option_strings]
      raise errors.ConfigError(
          f'There is no flag `{name}`{nearest.suggest(name, known)}')
    return arguments

  def parse_some(self, argv: Sequence[str]
                 ) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and the flags of others among them; raises as `parse`."""
    arguments, others = self.parse_known_args(ns_main.rewrite(argv))
    for other in others:
      if not other.startswith('-'):
        raise errors.ConfigError(
            f'`{other}` is not a flag; write `--NAME=VALUE`.')
    return arguments, others

  def error(self, message: str):
    """What argparse calls where an argument is wrong."""
    raise errors.ConfigError(f'{message[:1].upper()}{message[1:]}; `--help` '
                             'says what the flags take.')


def add_gin(flags: Flags) -> None:
  """Adds the flags that name gin files, and override what is in them."""
  flags.add_argument('--gin_file', action='append', default=[],
                     help='the run file; repeat for files that override it')
  flags.add_argument('--gin_bindings', action='append', default=[],
                     help='an override, NAME=VALUE; or --gin.NAME=VALUE')
  flags.add_argument('--gin_search_paths', default='',
                     help='folders in which gin files are looked for first')


def add_run(flags: Flags, generation: str = 'the last one') -> None:
  """Adds those of a run: gin files, work directory and generation.

  Args:
    flags: to add to.
    generation: which it is if none is given, for the help.
  """
  add_gin(flags)
  flags.add_argument('--work_dir', help='the folder of the run; '
                     'work/NAME_OF_THE_RUN_FILE if not given')
  flags.add_argument('--generation', help=f'{generation} if not given')


def compose(arguments: argparse.Namespace) -> config.Composition:
  """The run that the arguments of `add_gin` describe.

  Raises:
    ConfigError, RunError: as `config.compose` does.
  """
  return config.compose(
      arguments.gin_file, arguments.gin_bindings,
      [path for path in arguments.gin_search_paths.split(',') if path])


def work_dir(arguments: argparse.Namespace, run_file: str) -> str:
  """The folder of the run, given or by default that of its file."""
  if arguments.work_dir:
    return str(files.user_path(arguments.work_dir))
  return ns_main.default_work_dir(run_file)


def generation_of(run, name: str | None):
  """The generation named `name`; the last one without a name.

  Raises:
    ConfigError: the run has none of that name.
  """
  names = [generation.name for generation in run.generations]
  if name is None:
    return run.generations[-1]
  if name not in names:
    raise errors.ConfigError(
        f'`--generation` should be one of {", ".join(names)}, but is {name!r}.')
  return run.generations[names.index(name)]


def output_file(path: str, flag: str = 'output') -> str:
  """The path that a flag says, in a folder that is there.

  Raises:
    ConfigError: it is not.
  """
  path = str(files.user_path(path))
  if not files.is_remote(path) and not os.path.isdir(os.path.dirname(path)):
    raise errors.ConfigError(
        f'`--{flag}` should be a file in a folder that is there, but is '
        f'`{path}`.')
  return path


def write_picture(path: str, picture: Any) -> None:
  """Writes a picture of PIL as PNG."""
  content = io.BytesIO()
  picture.save(content, format='PNG')
  files.write_whole(path, content.getvalue())


def finish(work: Callable[[], str | None]) -> int:
  """Works and prints what that returns, or says why not; the exit code."""
  try:
    told = work()
    if told is not None:
      print(told)
    return 0
  except (errors.ConfigError, errors.RunError) as error:
    reason, code = error, 2 if isinstance(error, errors.ConfigError) else 1
  except KeyboardInterrupt:
    reason, code = 'interrupted.', 130
  except Exception as error:
    reason, code = ns_main.storage_failure(error), 1
    if reason is None:
      raise
  print('error:', ' '.join(str(reason).split()), file=sys.stderr)
  return code


def start(main: Callable[[Sequence[str]], int]) -> None:
  """Ends the program with the exit code of its `main`."""
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  sys.exit(main(sys.argv[1:]))
