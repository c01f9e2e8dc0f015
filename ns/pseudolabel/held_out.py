"""What teachers say of labelled images that none of them was trained on."""

from collections.abc import Callable

import numpy as np

from ns.core import errors
from ns.pseudolabel import ensemble as ensembles


def answers(ensemble: ensembles.Ensemble, source, batch_size: int,
            on_progress: Callable[[int, int], None] | None = None
            ) -> tuple[np.ndarray, np.ndarray]:
  """The answers for a source, and what is right; without broken images.

  Args:
    ensemble: the teachers.
    source: with labels (`ns.mixture.sources`).
    batch_size: images at a time.
    on_progress: called with the number of images finished, and that of all.

  Returns:
    [images, classes] float32, distributions, and [images] int64, labels.

  Raises:
    RunError: no image decodes, or as of `Ensemble.answers`.
  """
  report = on_progress or (lambda done, total: None)
  found, labels, done = [], [], 0
  for shard in source.shards:
    for batch in ensemble.answers(source, shard, batch_size):
      count = len(batch.keys)
      found.append(batch.probabilities[batch.is_good])
      labels.append(source.class_ids[done:done + count][batch.is_good])
      done += count
      report(done, source.num_examples)
  if not sum(map(len, labels)):
    raise errors.RunError(
        f'No image of `{source.name}` decodes, of {source.num_examples}; look '
        'at its files.')
  return np.concatenate(found), np.concatenate(labels)
