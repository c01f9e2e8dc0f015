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

from ns.core import graphs


def attempt(function: Callable[..., Any], otherwise: Any, *inputs: tf.Tensor
            ) -> Any:
  """`function(*inputs)`, or `otherwise` where one of its ops fails.

  Args:
    function: without side effects; tensors that it uses may also come from
      around it.
    otherwise: what it would give: the same structure, types and ranks.
    inputs: what it is given. Eager tensors from around it become constants, on
      which TensorFlow tries ops while it builds the graph, also those of
      branches not taken, and some of them log that they failed.

  Returns:
    As `function`.
  """
  one = graphs.mapped(tf.data.Dataset.from_tensors((0, *inputs)),
                      lambda _, *given: function(*given))
  other = tf.data.Dataset.from_tensors(otherwise)
  # Nothing is logged: whoever asks knows what to do about the failure.
  return one.ignore_errors().concatenate(other).take(1).get_single_element()
