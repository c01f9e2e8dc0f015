"""Accuracy of a network on labelled sources."""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np

from ns.core import checks
from ns.core import manifest
from ns.mixture import sources


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accuracy:
  """Share of the images whose top class is the label's, over all and by class.

  Attributes:
    batch_size: images at a time; the last batch is padded with weight 0.
  """
  batch_size: int = manifest.execution(default=512)

  def __post_init__(self):
    checks.integer(self, 'batch_size', at_least=1)

  def run(self, predict: Callable[[np.ndarray], np.ndarray],
          source: sources.Subset, image_shape) -> dict[str, Any]:
    """Evaluates.

    Args:
      predict: images [batch, height, width, channels] uint8 to probabilities
        [batch, classes] float32.
      source: with labels.
      image_shape: (height, width, channels).

    Returns:
      `accuracy`, `num_examples`, and `accuracy_by_class`, a list with None
      where a class has no image.
    """
    from ns.mixture import tasks
    right = np.zeros(source.classes, np.int64)
    total = np.zeros(source.classes, np.int64)
    examples = tasks.dataset(tasks.evaluation(source, image_shape))
    for batch in examples.batch(self.batch_size).as_numpy_iterator():
      count = len(batch['image'])
      pad = [(0, self.batch_size - count)] + [(0, 0)] * 3
      predicted = predict(np.pad(batch['image'], pad))[:count].argmax(-1)
      label = batch['label'].argmax(-1)
      np.add.at(total, label, 1)
      np.add.at(right, label, predicted == label)
    return {
        'accuracy': float(right.sum() / total.sum()),
        'num_examples': int(total.sum()),
        'accuracy_by_class': [float(r / t) if t else None
                              for r, t in zip(right, total)],
    }
