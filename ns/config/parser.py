"""Reads gin text with gin's own parser; a syntax error is one sentence."""

from collections.abc import Callable
import dataclasses
import math
import tokenize

from gin import config_parser

from ns.config import statements
from ns.config import syntax
from ns.core import errors


class _Delegate(config_parser.ParserDelegate):
  """Makes records of references and macros."""

  def configurable_reference(self, scoped_configurable_name, evaluate):
    return statements.Reference(scoped_configurable_name, evaluate)

  def macro(self, macro_name):
    return statements.Macro(macro_name)


def parse(text: str, file: str) -> list[statements.Statement]:
  """The statements of `text`, in order.

  Args:
    text: gin.
    file: how messages name the text.

  Raises:
    ConfigError: the text is not gin.
  """
  return _parse(text, lambda line: statements.Where(file, line))


def parse_flag(binding: str) -> statements.Binding:
  """The binding of `--gin.NAME=VALUE`, given `NAME=VALUE`.

  Raises:
    ConfigError: it is not one binding.
  """
  where = statements.Where(f'--gin.{" ".join(binding.splitlines())}')
  if '=' not in binding:
    raise errors.ConfigError(
        f'{where}: the value is missing; write `--gin.{binding}=VALUE`.')
  found = _parse(binding, lambda line: where)
  if len(found) != 1 or not isinstance(found[0], statements.Binding):
    raise errors.ConfigError(
        f'{where}: a flag should hold one binding, `--gin.NAME=VALUE`.')
  return dataclasses.replace(found[0], override=True)


def _parse(
    text: str, place: Callable[[int], statements.Where],
) -> list[statements.Statement]:
  lines = text.splitlines()
  try:
    parser = config_parser.ConfigParser(text, _Delegate())
    found = [_record(statement, place(statement.location.line_num))
             for statement in parser]
  except (SyntaxError, tokenize.TokenError) as error:
    message, (line, *_) = (
        (error.msg, (error.lineno or 1,)) if isinstance(error, SyntaxError)
        else error.args)
    # The end of a text is reported behind its last line.
    line = min(line, max(len(lines), 1))
    content = lines[line - 1].strip() if lines else ''
    raise errors.ConfigError(
        f'{place(line)}: cannot read `{content}`: '
        f'{syntax.reason(content, message)}.') from error
  return [statement for statement in found if statement is not None]


def _record(statement, where: statements.Where) -> statements.Statement | None:
  if isinstance(statement, config_parser.BindingStatement):
    for leaf in statements.leaves(statement.value):
      # gin could not write it down again.
      if isinstance(leaf, float) and not math.isfinite(leaf):
        raise errors.ConfigError(f'{where}: the number is too large.')
    return statements.Binding(
        scope=statement.scope, selector=statement.selector,
        parameter=statement.arg_name, value=statement.value, where=where)
  if isinstance(statement, config_parser.ImportStatement):
    return statements.Import(
        text=statement.format(), module=statement.module,
        symbol=statement.bound_name(), where=where)
  if isinstance(statement, config_parser.IncludeStatement):
    return statements.Include(name=statement.filename, where=where)
  return None  # The head of a block; its bindings follow on their own.
