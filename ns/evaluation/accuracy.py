"""Accuracy of a network on labelled sources."""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import manifest
from ns.mixture import sources
from ns.mixture import views


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
          source: sources.Source, view: views.View) -> dict[str, Any]:
    """Evaluates.

    Args:
      predict: images [batch, height, width, channels] uint8 to probabilities
        [batch, classes] float32.
      source: with labels.
      view: what is seen of an image.

    Returns:
      `accuracy`, `num_examples`, `accuracy_by_class`, a list with None where a
      class has no image, and, where images do not decode, which do not count,
      `broken`: see `ns.mixture.broken.Limit.told`.

    Raises:
      RunError: more images are broken than may be, or all.
    """
    from ns.core import types
    from ns.mixture import tasks
    right = np.zeros(source.classes, np.int64)
    total = np.zeros(source.classes, np.int64)
    broken = []
    examples = tasks.dataset(tasks.evaluation(source, view))
    for batch in examples.batch(self.batch_size).as_numpy_iterator():
      images, good = batch[types.IMAGE], batch[types.WEIGHT] > 0
      pad = [(0, self.batch_size - len(images))] + [(0, 0)] * 3
      predicted = predict(np.pad(images, pad))[:len(images)].argmax(-1)
      label = batch[types.LABEL].argmax(-1)
      np.add.at(total, label, good)
      np.add.at(right, label, good & (predicted == label))
      broken += [key.decode() for key in batch[types.KEY][~good]]
    source.limit.check(len(broken), broken)
    if not total.any():
      raise errors.RunError(
          f'No image of `{source.name}` decodes, of {source.num_examples}; the '
          f'first is `{(broken or [""])[0]}`. Look at its files.')
    return {
        'accuracy': float(right.sum() / total.sum()),
        'num_examples': int(total.sum()),
        'accuracy_by_class': [float(r / t) if t else None
                              for r, t in zip(right, total)],
        **({'broken': source.limit.told(len(broken), broken)}
           if broken else {}),
    }
