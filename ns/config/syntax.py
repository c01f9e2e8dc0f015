"""Why a line is not gin, in words: gin's own messages are terse."""

import re

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
)


def reason(content: str, message: str) -> str:
  """The reason, without a full stop.

  Args:
    content: the line at which the parser stopped.
    message: what gin's parser or Python's tokenizer said.
  """
  if re.match(r'include\b[^\'"]*$', content):
    return 'an include is a path in quotes'
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
  for part, explained in _REASONS:
    if part in message:
      return explained
  return message.splitlines()[0].rstrip('.')
