"""How functions become graphs of TensorFlow: as they are written.

AutoGraph would rewrite each of them, and all that they call, so that Python's
`if` and `while` may ask tensors. Nothing here does, and rewriting is a quarter
of the time in which a graph is made. So it is off for all of them: for
`tf.function` by its argument `autograph=False`, in pipelines by `mapped`. What
a team gives to be called there, a crop or a noise, uses `tf.where` and
`tf.cond`, as it has to under `noise.OnDevice`, or is a `tf.function` itself.
"""

from collections.abc import Callable
from typing import Any


def as_written(function: Callable[..., Any]) -> Callable[..., Any]:
  """The function, with AutoGraph off in it and in all that it calls.

  Pipelines that are built while it runs take their functions as written, too.
  """
  import tensorflow as tf
  return tf.autograph.experimental.do_not_convert(function)


def mapped(records, function: Callable[..., Any], **how: Any):
  """`records.map(function, **how)` of a `tf.data.Dataset`, as it is written."""
  return records.map(as_written(function), **how)
