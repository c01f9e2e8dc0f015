"""The one binary: gin files and flags in, a finished run out.

  main --gin_file=gin/runs/smoke.gin [--gin_file=MORE.gin]
       [--gin.SCOPE/MODULE.CLASS.PARAMETER=VALUE] [--work_dir=DIR]
       [--plan[=measure] | --status] [--only=STAGE,…] [--until=STAGE] [--redo=STAGE,…]
       [--verify] [--branch_from=DIR]

A STAGE is one of a generation, `student1/train`, or all of it, `student1`.
Relative paths are meant from the folder in which the command was typed. Exit
code: 0 finished, 1 the run failed, 2 the command or the configuration is wrong,
42 ended by SIGTERM with nothing lost, 130 interrupted, 141 nobody reads the
output. Loads TensorFlow only to run or to measure, never to plan or to complain.
"""

from collections.abc import Sequence
import errno
import os
import re
import sys

from absl import app
from absl import flags
from absl import logging

from ns import config
from ns.core import errors
from ns.core import files
from ns.core import termination
from ns.core.runtime import named_output

_GIN_FILE = flags.DEFINE_multi_string(
    'gin_file', [], 'The run file; repeat for files that override it.')
_GIN_BINDINGS = flags.DEFINE_multi_string(
    'gin_bindings', [],
    'An override, NAME=VALUE; --gin.NAME=VALUE is the same.')
_GIN_SEARCH_PATHS = flags.DEFINE_list(
    'gin_search_paths', [], 'Folders in which gin files are looked for first.')
_WORK_DIR = flags.DEFINE_string(
    'work_dir', None, 'Where the run is kept and, on a restart, goes on; '
    'work/NAME_OF_THE_RUN_FILE if not given.')
_PLAN = flags.DEFINE_enum(
    'plan', None, ['schedule', 'measure'],
    'Check everything, print the schedule and stop; --plan=measure also tries '
    'the networks out on this machine, for a short while, and says how long '
    'everything takes.')
_STATUS = flags.DEFINE_bool(
    'status', False, 'Print where the run stands and stop.')
_ONLY = flags.DEFINE_list(
    'only', [], 'Make these stages and no others; what they are made from '
    'should be finished.')
_UNTIL = flags.DEFINE_string('until', '', 'The last stage to make.')
_REDO = flags.DEFINE_list(
    'redo', [], 'Remove these stages and all that is made from them, and make '
    'them again.')
_VERIFY = flags.DEFINE_bool(
    'verify', False, 'Compare the checksums of all finished stages first.')
_BRANCH_FROM = flags.DEFINE_string(
    'branch_from', '', 'The work directory of another run: stages that are the '
    'same in both are copied from there.')

# How TensorFlow says it: `/path; No such file`, `/path is not a directory`.
_REFUSED = (
    re.compile(r'(?:^|\s)(?P<path>(?:\w+:/)?/\S*?)(?:;| is) '
               r'(?P<reason>.+?)(?: \[Op:|$)', re.MULTILINE),
    re.compile(r"(?P<reason>File system scheme '\w+' not implemented) "
               r"\(file: '(?P<path>.+?)'\)"),
    re.compile(r'Error executing an HTTP request: (?P<reason>.+)\s+when \w+ '
               r'(?P<path>gs://\S*)', re.DOTALL))
_FULL = os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT)
_EXAMPLE = '--gin_file=gin/runs/smoke.gin'


def rewrite(argv: Sequence[str]) -> list[str]:
  """Turns `--gin.NAME=VALUE` and `--plan` into flags that absl knows."""
  rewritten = []
  for index, argument in enumerate(argv):
    if argument == '--':
      return [*rewritten, *argv[index:]]
    if argument in ('--plan', '-plan'):
      argument = '--plan=schedule'
    for dashes in ('--gin.', '-gin.'):
      if argument.startswith(dashes):
        argument = f'--gin_bindings={argument[len(dashes):]}'
    rewritten.append(argument)
  return rewritten


def default_work_dir(gin_file: str) -> str:
  """`work/<stem of the gin file>` in the workspace, else in this folder."""
  base = os.environ.get('BUILD_WORKSPACE_DIRECTORY') or os.getcwd()
  stem = os.path.splitext(os.path.basename(gin_file))[0]
  return os.path.join(base, 'work', stem)


def _parse_flags(argv: Sequence[str]) -> list[str]:
  if any(argument in ('--help', '-help', '-h') for argument in argv[1:]):
    print(__doc__)
    print(flags.FLAGS.module_help(sys.modules[__name__]))
    sys.exit(0)
  try:
    return flags.FLAGS(rewrite(argv))
  except flags.Error as error:
    _complain(error)
    sys.exit(2)


def _complain(reason: object) -> None:
  print('error:', ' '.join(str(reason).split()), file=sys.stderr)


def run() -> None:
  """Composes the run, prints its plan, and runs it unless `--plan`."""
  if not _GIN_FILE.value:
    raise errors.ConfigError(
        f'No gin file is given; name a run file, for example `{_EXAMPLE}`.')
  if _WORK_DIR.value == '':
    raise errors.ConfigError(
        '`--work_dir` is empty; give a folder, or leave the flag out.')
  composition = config.compose(
      _GIN_FILE.value, _GIN_BINDINGS.value, _GIN_SEARCH_PATHS.value)
  worker = composition.worker
  if worker:
    named_output.begin(worker)
  for note in composition.notes if not worker else ():
    print(f'note: {note}', file=sys.stderr)
  work_dir = (files.user_path(_WORK_DIR.value) if _WORK_DIR.value
              else default_work_dir(composition.run_file))
  if _STATUS.value:
    print(composition.status(work_dir))
    return
  parts = {'only': _ONLY.value, 'until': _UNTIL.value, 'redo': _REDO.value}
  if _PLAN.value or not worker:  # The chief's plan is that of all hosts.
    how = {'measure': True} if _PLAN.value == 'measure' else {}
    print(composition.plan(work_dir, **how, **parts))
  if not _PLAN.value:
    reuse = _BRANCH_FROM.value and files.user_path(_BRANCH_FROM.value)
    with termination.heard():
      composition.run(work_dir, verify=_VERIFY.value, reuse=reuse, **parts)


def storage_failure(error: Exception) -> str | None:
  """What the file system refused, as a sentence; None for other errors.

  TensorFlow's own errors count where they name a path; others may be bugs.
  """
  if isinstance(error, OSError):
    path, reason = error.filename, error.strerror or str(error)
    is_full = files.is_full(error)
  else:
    tf = sys.modules.get('tensorflow')
    if tf is None or not isinstance(error, tf.errors.OpError):
      return None
    named = next(filter(None, (refused.search(error.message)
                               for refused in _REFUSED)), None)
    if not named:
      return None
    path, reason = named['path'], ' '.join(named['reason'].split())
    is_full = reason in _FULL
  if is_full:
    what = f'`{path}`' if path else 'A file'
    return (f'{what} cannot be written, since the disk is full. What is '
            'finished and the last checkpoint are kept: make space, and the '
            'same command goes on from there.')
  return f'{path}: {reason}' if path else reason


def main(argv: Sequence[str]) -> int:
  """Runs, or says in one line on stderr why not; returns the exit code."""
  sys.stdout.reconfigure(line_buffering=True)
  if not flags.FLAGS['verbosity'].present:
    logging.set_verbosity(logging.ERROR)
  try:
    if argv[1:]:
      raise errors.ConfigError(
          f'`{argv[1]}` is not a flag; write gin files as `{_EXAMPLE}` and '
          'overrides as `--gin.NAME=VALUE`.')
    run()
  except errors.ConfigError as error:
    _complain(error)
    return 2
  except errors.RunError as error:
    _complain(error)
    return 1
  except BrokenPipeError:
    # Python writes what is left once more when it ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141  # As of a program that SIGPIPE ends.
  except errors.Terminated:
    print('Asked to end (SIGTERM), and nothing is lost; the same command goes '
          'on.', file=sys.stderr)
    return 42
  except KeyboardInterrupt:
    print('Interrupted; the same command goes on from what is finished and '
          'the last checkpoint.', file=sys.stderr)
    return 130
  except Exception as error:
    failure = storage_failure(error)
    if failure is None:
      raise
    _complain(failure)
    return 1
  return 0


if __name__ == '__main__':
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  app.run(main, flags_parser=_parse_flags)
