"""What an error of a TensorFlow op says, without what is said around it.

An error that Python raises within a pipeline, and an assertion in one, come out
as a `tf.errors.OpError`, whose message has the place in the graph and a trace
around what was said. Free of TensorFlow: it looks at `message` alone.
"""

import re

_RUN_ERROR = re.compile(r'\bRunError: (.*)$', re.MULTILINE)
_ASSERTION = re.compile(r'assertion failed: \[(.*?)\]', re.MULTILINE)
_AROUND = re.compile(r'^{{.*?}} | \[Op:.*$')


def run_error(error) -> str | None:
  """The sentence of the `RunError` that was raised within, if it was one."""
  said = _RUN_ERROR.search(error.message)
  return said and said[1]


def reason(error) -> str:
  """The one line that says what is wrong, without a full stop."""
  said = run_error(error)
  if said is None:
    assertion = _ASSERTION.search(error.message)
    said = assertion[1] if assertion else _AROUND.sub(
        '', error.message.splitlines()[0])
  return said.strip().removesuffix('.')
