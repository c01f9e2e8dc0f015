"""What may fail inside a graph, with a value for when it does.

TensorFlow has no exceptions inside a graph: an op that fails ends the whole
pipeline. A dataset of one element can pass over its failure, though, and a
dataset can be read inside a map. This costs about a quarter of a millisecond;
the native form (`ns.images.native`) does without.

Reading a dataset counts as stateful, because some datasets have a state; this
one has none. Whoever checkpoints an iterator over it has to say so:
`options.experimental_external_state_policy = ExternalStatePolicy.IGNORE`.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def attempt(function: Callable[..., Any], otherwise: Any) -> Any:
  """`function()`, or `otherwise` where one of its ops fails.

  Args:
    function: of no arguments, without side effects; tensors that it uses may
      come from around it.
    otherwise: what it would give: the same structure, types and ranks.

  Returns:
    As `function`.
  """
  one = tf.data.Dataset.from_tensors(0).map(lambda _: function())
  other = tf.data.Dataset.from_tensors(otherwise)
  # Nothing is logged: whoever asks knows what to do about the failure.
  return one.ignore_errors().concatenate(other).take(1).get_single_element()
