"""How a label becomes the distribution that a network is trained towards.

What differs between kinds of labels is decided here, where the label is made;
the loss has no branch for it (arXiv 1911.04252, section 2; the reference's
main.py for smoothing and temperature). A policy for pseudo-labels offers
`apply(probabilities, label)`: the teacher's stored distribution [..., classes]
float32 and its top class [...] int64, to [..., classes] float32.
"""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class SoftLabels:
  """The teacher's distribution p, as p^(1/temperature), normalised.

  Attributes:
    temperature: 1 leaves the distribution as it is; below 1 sharpens it. Above
      1, classes whose stored probability is 0 stay at 0 (float16 ends at 3e-8).
  """
  temperature: float = 1.0

  def __post_init__(self):
    checks.number(self, 'temperature', above=0)

  def apply(self, probabilities, label):
    """See the module."""
    del label
    import tensorflow as tf
    tiny = tf.constant(1e-30, probabilities.dtype)
    return tf.nn.softmax(
        tf.math.log(tf.maximum(probabilities, tiny)) / self.temperature)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardLabels:
  """The teacher's top class, smoothed as true labels are.

  Attributes:
    smoothing: the share spread evenly over all classes; the reference: 0.1.
  """
  smoothing: float = 0.1

  def __post_init__(self):
    checks.number(self, 'smoothing', at_least=0, below=1)

  def apply(self, probabilities, label):
    """See the module. The label is what was balanced: rounding for the store
    may have made a tie of the two highest probabilities."""
    return one_hot(label, probabilities.shape[-1], self.smoothing)


def one_hot(label, classes: int, smoothing: float):
  """A class id as a distribution: 1 - smoothing on it, the rest spread evenly.

  Args:
    label: […] int64.
    classes: number of classes.
    smoothing: in [0, 1).

  Returns:
    […, classes] float32: (1 - smoothing) * one_hot + smoothing / classes.
  """
  import tensorflow as tf
  return tf.one_hot(label, classes) * (1 - smoothing) + smoothing / classes
