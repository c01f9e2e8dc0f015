"""Checks gin files: `lint_gin FILE…`, with paths from the workspace root.

Prints `file:line: sentence` for each finding; the exit code is 1 if there is
any. What a file of each kind should be:

* Every file: opens with a comment, parses, names only what exists, binds a name
  once, uses one level of scope, hides no called reference behind a macro (it
  would be built in the macro's scope, not in the generation's), and its imports
  do not load TensorFlow.
* A run file (it binds the list of generations): composes, and every binding is
  used.
* Any other: a catalogue, whose rows all have a scope, or wiring, where none
  has; a macro it needs from others is named in its opening comment.
* No Python in `gin/`: it would hide the package gin.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import os
import re
import sys

from ns import config
from ns.config import bound as bounds
from ns.config import composition
from ns.config import locate
from ns.config import parser
from ns.config import program as programs
from ns.config import statements
from ns.config import usage
from ns.core import errors


def lint(name: str) -> Iterator[str]:
  """The findings in one gin file, as sentences with their place."""
  loaded = 'tensorflow' in sys.modules
  try:
    file = locate.Locator().find(name)
    text = file.read()
    own = parser.parse(text, file.shown)
    yield from _head(text, file.shown)
    yield from _form(own)
    yield from _meaning(name, text, own)
  except (errors.ConfigError, errors.RunError) as error:
    yield _placed(str(error), name)
  if not loaded and 'tensorflow' in sys.modules:
    yield (f'{name}:1: composing it loads TensorFlow; import TensorFlow inside '
           'the functions that do the work.')


def _placed(sentence: str, name: str) -> str:
  """The sentence with a file and line before it, as a finding has."""
  return sentence if re.match(r'\S+:\d+: ', sentence) else (
      f'{name}:1: {sentence}')


def _bindings(own: Sequence[statements.Statement]) -> list[statements.Binding]:
  return [s for s in own if isinstance(s, statements.Binding)]


def _head(text: str, shown: str) -> Iterator[str]:
  if not text.startswith('#'):
    yield (f'{shown}:1: the file should open with a comment: what it is, what '
           'it needs and offers.')


def _form(own: Sequence[statements.Statement]) -> Iterator[str]:
  """Findings for which no name need be known."""
  first = {}
  for binding in _bindings(own):
    where, name = binding.where, binding.name
    if name in first:
      yield (f'{where}: `{name}` is bound twice; the first, at '
             f'{first[name]}, has no effect.')
    first.setdefault(name, where)
    leaves = list(statements.leaves(binding.value))
    references = [v for v in leaves if isinstance(v, statements.Reference)]
    if binding.is_macro:
      if binding.scope:
        yield f'{where}: a macro has no scope; bind the parameter itself.'
      for reference in references:
        if reference.called:
          yield (f'{where}: the macro `{name}` hides the called reference '
                 f'`{reference}`, which is then built in the scope of the '
                 'macro; bind it to the parameter itself.')
    for scope in (binding.scope, *(r.scope for r in references)):
      if '/' in scope:
        yield f'{where}: `{scope}` is a scope in a scope; use one level.'


def _meaning(name: str, text: str,
             own: Sequence[statements.Statement]) -> Iterator[str]:
  """Findings that need the names, and for a run file the whole run."""
  program = programs.read([name])
  try:
    if any(composition.is_root(binding) for binding in _bindings(own)):
      config.compose([name])
    else:
      bounds.bind(program, partial=True)
      yield from _macros(text, program)
      yield from _kind(own)
  except usage.UnusedError as error:
    yield from error.sentences


def _macros(text: str, program: programs.Program) -> Iterator[str]:
  """Macros that a wiring file needs and neither defines nor names."""
  head = re.match(r'(?:#.*\n?|\s*\n)*', text)[0]
  defined = {b.name for b in program.bindings if b.is_macro}
  for binding in program.bindings:
    for leaf in statements.leaves(binding.value):
      if (isinstance(leaf, statements.Macro) and not bounds.is_required(leaf)
          and leaf.name not in defined
          and not re.search(rf'\b{re.escape(leaf.name)}\b', head)):
        yield (f'{binding.where}: the macro `%{leaf.name}` is defined neither '
               'here nor in what is included; define it, or say in the opening '
               'comment that it is needed.')


def _kind(own: Sequence[statements.Statement]) -> Iterator[str]:
  bindings = _bindings(own)
  plain = [binding for binding in bindings if not binding.scope]
  if plain and len(plain) < len(bindings):
    odd = min(plain, [b for b in bindings if b.scope], key=len)[0]
    yield (f'{odd.where}: `{odd.name}` mixes two kinds of file; bind all under '
           'scopes (a catalogue) or all without (wiring).')


def python_in_gin() -> Iterator[str]:
  """Python files under `gin/`, which would hide the package gin."""
  folder = os.path.join(locate.root(), 'gin')
  for parent, _, files in os.walk(folder):
    for file in sorted(files):
      if file.endswith('.py'):
        path = os.path.relpath(os.path.join(parent, file), locate.root())
        yield f'{path}:1: no Python file may be in `gin/`; move it to `ns/`.'


def main(argv: Sequence[str]) -> int:
  """Checks the files in `argv`; returns the exit code."""
  if not argv:
    print('Name the gin files to check: lint_gin gin/runs/smoke.gin',
          file=sys.stderr)
    return 2
  findings = list(python_in_gin())
  for name in argv:
    findings += lint(name)
  for finding in dict.fromkeys(findings):
    print(finding)
  if findings:
    return 1
  print(f'{len(argv)} file{"s" if len(argv) > 1 else ""}, no findings')
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
