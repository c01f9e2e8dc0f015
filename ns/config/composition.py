"""Composes a run: files and flags -> one finished object, and its record."""

from collections.abc import Sequence
import contextlib
import dataclasses
import os
from typing import Any

from ns.config import bound as bounds
from ns.config import engine
from ns.config import failures
from ns.config import program as programs
from ns.config import statements
from ns.config import symbols as tables
from ns.config import usage as usages
from ns.core import errors

_ROOT = 'SelfTraining'
_GENERATIONS = 'generations'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Composition:
  """A run that is ready to start.

  Attributes:
    root: the `loop.SelfTraining` that the config describes.
    resolved: gin that alone gives the same root: all bindings that have an
      effect, with nothing included and no flag.
    operative: gin with the parameters of every object built, with defaults.
    notes: what overrides have left of the run file without effect, a sentence
      for each class.
    run_file: the first file given that binds the generations.
    used: the bindings that have an effect.
  """
  root: Any
  resolved: str
  operative: str
  notes: tuple[str, ...]
  run_file: str
  used: tuple[bounds.Bound, ...]

  @property
  def worker(self) -> int:
    """Which host of the run this program is; raises RunError as `plan`."""
    with self._placing():
      return self.root.worker

  def plan(self, work_dir: str, **parts: Any) -> str:
    """The schedule as text, checked against the data and `work_dir`.

    Args:
      work_dir: the run's folder.
      **parts: as the root's `plan` takes them.

    Raises:
      RunError: the run cannot start; with the place of the binding it names.
    """
    with self._placing():
      return self.root.plan(work_dir, **parts)

  def status(self, work_dir: str) -> str:
    """Where the run in `work_dir` stands; raises RunError as `plan` does."""
    with self._placing():
      return self.root.status(work_dir)

  def run(self, work_dir: str, **how: Any) -> None:
    """Runs in `work_dir`; `how` as the root's `run` takes it.

    Raises:
      RunError: as `plan` does.
    """
    with self._placing():
      self.root.run(work_dir, self.resolved, self.operative, **how)

  @contextlib.contextmanager
  def _placing(self):
    try:
      yield
    except errors.RunError as error:
      raise failures.placed(error, self.used) from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Built:
  root: Any
  operative: str
  usage: usages.Usage


def compose(gin_files: Sequence[str], bindings: Sequence[str] = (),
            search_paths: Sequence[str] = ()) -> Composition:
  """Reads, checks and builds a run.

  Args:
    gin_files: the run file, then files that override it; each from a search
      path, the workspace root or the user's folder.
    bindings: `NAME=VALUE`, overrides that come after all files.
    search_paths: folders that are searched first, for included files too.

  Raises:
    ConfigError: one sentence: what is wrong, where, the nearest valid name.
    RunError: a component found, when it was built, that the run cannot start.
  """
  if not gin_files:
    raise errors.ConfigError('No gin file is given; a run file is needed.')
  program = programs.read(gin_files, bindings, search_paths)
  built = _build(program)
  blamed, excused = _judge(built, gin_files, search_paths)
  if blamed:
    raise usages.error([built.usage.sentence(bound) for bound in blamed])
  used = built.usage.used()
  # What has no effect is left out, so that the text alone passes this very
  # check.
  engine.load(program.imports, used)
  return Composition(
      root=built.root,
      resolved=_head('Resolved config', program) + engine.config(),
      operative=_head('Operative config', program) + built.operative,
      notes=built.usage.notes(excused), run_file=_run_file(program),
      used=tuple(used))


def _run_file(program: programs.Program) -> str:
  """The first file of the command line that binds the list of generations."""
  files = [b.where.file for b in program.bindings if is_root(b)]
  return next((file for file in files if file in program.files),
              program.files[0])


def is_root(binding: statements.Binding) -> bool:
  """Whether it binds the list of generations: what makes a file a run file."""
  return (binding.parameter == _GENERATIONS and not binding.scope
          and binding.selector.split('.')[-1] == _ROOT)


def _find_root(found: Sequence[bounds.Bound]) -> bounds.Bound | None:
  return next((b for b in found if is_root(b.binding)), None)


def _build(program: programs.Program) -> _Built:
  found = bounds.bind(program)
  root = _find_root(found)
  if root is None:
    raise errors.ConfigError(
        f'{program.files[0]}: no file of this run binds '
        f'`loop.{_ROOT}.{_GENERATIONS}`; give a run file, such as those in '
        '`gin/runs/`.')
  found += _names(root, found)
  bounds.check_scopes(found)
  engine.load(program.imports, found)
  try:
    built = engine.build(root.target)
  except errors.RunError as error:
    raise failures.placed(error, found) from error
  except (ValueError, TypeError, RecursionError) as error:
    raise failures.translate(error, found, root) from error
  operative = engine.operative()
  return _Built(root=built, operative=operative,
                usage=usages.Usage(engine.calls(operative), tuple(found)))


def _names(root: bounds.Bound,
           found: Sequence[bounds.Bound]) -> list[bounds.Bound]:
  """A binding of `name` for each generation that has none: its scope."""
  bound_keys = {bound.key for bound in found}
  names = {}
  for reference, target in root.references:
    parameters, _ = tables.parameters(target)
    if 'name' not in parameters:
      continue
    key = reference.scope, target, 'name'
    if key in bound_keys:
      continue
    if not reference.scope:
      raise errors.ConfigError(
          f'{root.binding.where}: the generation `{reference}` has no scope to '
          f'be named by; write `@teacher/{reference.selector}`.')
    names[key] = bounds.Bound(target=target, binding=statements.Binding(
        scope=reference.scope, selector=reference.selector, parameter='name',
        value=reference.scope, where=root.binding.where))
  return list(names.values())


def _judge(built: _Built, gin_files: Sequence[str],
           search_paths: Sequence[str]) -> tuple[list, list]:
  """The unused bindings that are errors, and those an override excuses.

  A binding of the run file is excused if the run file alone uses it.
  """
  unused = built.usage.unused()
  own = [bound for bound in unused if not bound.binding.override]
  if not own or not any(b.binding.override for b in built.usage.found):
    return unused, []
  try:
    alone = _build(programs.read(gin_files[:1], (), search_paths))
  except errors.ConfigError:
    return unused, []  # The run file needs its overrides: judge the whole.
  known = {bound.key for bound in alone.usage.unused()}
  excused = [bound for bound in own if bound.key not in known]
  return [bound for bound in unused if bound not in excused], excused


def _head(title: str, program: programs.Program) -> str:
  """The comment at the head of a config: what it was made from."""
  files = [os.path.basename(file) if os.path.isabs(file) else file
           for file in program.files]
  lines = [f'{title}, made from {", ".join(files)}']
  lines += [f'  --gin.{flag}' for flag in program.flags]
  # A value may hold a line break; the rest of it must stay a comment.
  return ''.join(f'# {line}\n' for text in lines
                 for line in text.splitlines()) + '\n'
