"""The statements of one gin text, each with the place it stands at.

gin's own parser reads the text; the values keep references and macros as plain
records instead of gin's live objects, so that a text can be read and judged
before anything it names is imported.
"""

from collections.abc import Iterator
import dataclasses
import math
import re
import tokenize
from typing import Any

from gin import config_parser

from ns.core import errors

DYNAMIC_REGISTRATION = '__gin__.dynamic_registration'


@dataclasses.dataclass(frozen=True)
class Where:
  """A place: a line of a file, or a flag of the command line (no line)."""
  file: str
  line: int | None = None

  def __str__(self) -> str:
    return self.file if self.line is None else f'{self.file}:{self.line}'


@dataclasses.dataclass(frozen=True, repr=False)
class Reference:
  """`@scope/module.Class`, or `@scope/module.Class()` when `called`."""
  name: str
  called: bool

  @property
  def scope(self) -> str:
    return self.name.rpartition('/')[0]

  @property
  def selector(self) -> str:
    return self.name.rpartition('/')[2]

  def __repr__(self) -> str:
    return f'@{self.name}{"()" if self.called else ""}'


@dataclasses.dataclass(frozen=True, repr=False)
class Macro:
  """`%NAME`."""
  name: str

  def __repr__(self) -> str:
    return f'%{self.name}'


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Binding:
  """`scope/selector.parameter = value`; a macro's has no parameter.

  Attributes:
    value: a Python literal, in which `Reference` and `Macro` may stand.
    override: it comes from the command line or a later `--gin_file`.
    catalogue: it is a row of a catalogue, which need not be used.
  """
  scope: str
  selector: str
  parameter: str
  value: Any
  where: Where
  override: bool = False
  catalogue: bool = False

  @property
  def is_macro(self) -> bool:
    return not self.parameter

  @property
  def name(self) -> str:
    scoped = f'{self.scope}/{self.selector}' if self.scope else self.selector
    return f'{scoped}.{self.parameter}' if self.parameter else scoped

  def __str__(self) -> str:
    return f'{self.name} = {self.value!r}'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Import:
  """`text` imports `module` and makes it known as `symbol`."""
  text: str
  module: str
  symbol: str
  where: Where


@dataclasses.dataclass(frozen=True, kw_only=True)
class Include:
  """`include 'name'`."""
  name: str
  where: Where


Statement = Binding | Import | Include


class _Delegate(config_parser.ParserDelegate):
  """Makes records of references and macros."""

  def configurable_reference(self, scoped_configurable_name, evaluate):
    return Reference(scoped_configurable_name, evaluate)

  def macro(self, macro_name):
    return Macro(macro_name)


def leaves(value: Any) -> Iterator[Any]:
  """All that stands in a value: its literals, references and macros."""
  if isinstance(value, dict):
    for item in value.items():
      yield from leaves(item)
  elif isinstance(value, (list, tuple)):
    for item in value:
      yield from leaves(item)
  else:
    yield value


def parse(text: str, file: str) -> list[Statement]:
  """The statements of `text`, in order.

  Args:
    text: gin.
    file: how messages name the text.

  Raises:
    ConfigError: the text is not gin.
  """
  return _parse(text, lambda line: Where(file, line))


def parse_flag(binding: str) -> Binding:
  """The binding of `--gin.NAME=VALUE`, given `NAME=VALUE`.

  Raises:
    ConfigError: it is not one binding.
  """
  where = Where(f'--gin.{binding}')
  if '=' not in binding:
    raise errors.ConfigError(
        f'{where}: the value is missing; write `--gin.{binding}=VALUE`.')
  found = _parse(binding, lambda line: where)
  if len(found) != 1 or not isinstance(found[0], Binding):
    raise errors.ConfigError(
        f'{where}: a flag should hold one binding, `--gin.NAME=VALUE`.')
  return dataclasses.replace(found[0], override=True)


def _parse(text, place) -> list[Statement]:
  lines = text.splitlines()
  try:
    parser = config_parser.ConfigParser(text, _Delegate())
    found = [_record(statement, place(statement.location.line_num))
             for statement in parser]
  except SyntaxError as error:
    # gin reports the end of a text behind its last line.
    line = min(error.lineno or 1, max(len(lines), 1))
    raise errors.ConfigError(
        _unreadable(place(line), lines, line, error.msg)) from error
  except tokenize.TokenError as error:
    message, (line, _) = error.args
    line = min(line, max(len(lines), 1))
    raise errors.ConfigError(
        _unreadable(place(line), lines, line, message)) from error
  return [statement for statement in found if statement is not None]


def _record(statement, where: Where) -> Statement | None:
  if isinstance(statement, config_parser.BindingStatement):
    for leaf in leaves(statement.value):
      if isinstance(leaf, float) and not math.isfinite(leaf):
        raise errors.ConfigError(f'{where}: the number is too large.')
    return Binding(
        scope=statement.scope, selector=statement.selector,
        parameter=statement.arg_name, value=statement.value, where=where)
  if isinstance(statement, config_parser.ImportStatement):
    return Import(text=statement.format(), module=statement.module,
                  symbol=statement.bound_name(), where=where)
  if isinstance(statement, config_parser.IncludeStatement):
    return Include(name=statement.filename, where=where)
  return None  # The head of a block; its bindings follow on their own.


_REASONS = (
    ('Unable to parse value',
     'a value is a number, text in quotes, True, False, None, a list, '
     '`@module.Class()` or `%MACRO`'),
    ("expected ':' or '='",
     'a line is `module.Class.parameter = value`, an import or an include'),
    ('Malformatted scope or selector',
     'a name is `scope/module.Class.parameter`, without spaces'),
    ('Unexpected token',
     'a name begins with a letter: `scope/module.Class.parameter`'),
    ('Expected newline', 'something follows the value'),
    ('Expected indentation',
     'the lines of a block are indented: two spaces, `parameter = value`'),
    ('EOF in multi-line', 'a bracket or a quote is not closed'),
    ('unindent does not match', 'the indentation fits no line above'),
    ('Expected file path', 'an include is a path in quotes'),
)


def _unreadable(where: Where, lines: list[str], line: int, message: str) -> str:
  """The sentence for a syntax error at `line` (from 1)."""
  content = lines[line - 1].strip() if lines else ''
  return f'{where}: cannot read `{content}`: {_reason(content, message)}.'


def _reason(content: str, message: str) -> str:
  token = re.search("Failed to parse token '(.*)'", message, re.DOTALL)
  if token:
    word = token[1]
    if word.capitalize() in ('True', 'False', 'None'):
      return f'write `{word.capitalize()}` for `{word}`'
    return (f'`{word}` is not a value; put quotes around text, `@` before a '
            'class, `%` before a macro')
  missing = re.search(r"Expected ',' or '(.)'", message)
  if missing:
    return f'a comma or the closing `{missing[1]}` is missing'
  if content.count('"') % 2 or content.count("'") % 2:
    return 'a quote is not closed'
  for part, reason in _REASONS:
    if part in message:
      return reason
  return message.splitlines()[0].rstrip('.')
