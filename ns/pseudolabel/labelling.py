"""Labelling: the teacher's distribution for every image of the pool."""

from collections.abc import Callable
import dataclasses

import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import manifest
from ns.pseudolabel import header as headers
from ns.pseudolabel import store


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelling:
  """Runs the teacher over a pool and stores what it says, shard by shard.

  A shard's file exists when the shard is finished, so a run that was stopped
  goes on with the first shard that has none, and ends with the same bytes.

  Attributes:
    batch_size: images in a call of the teacher. The last batch of a shard is
      filled up with black images, so that one compiled shape serves; what the
      teacher says of those is dropped.
    precision: what the teacher's convolutions compute in: 'float32', or
      'mixed_bfloat16', which is faster where the device computes in bfloat16.
  """
  batch_size: int = manifest.execution(default=512)
  precision: str = 'float32'

  def __post_init__(self):
    checks.integer(self, 'batch_size', at_least=1)
    checks.one_of(self, 'precision', ('float32', 'mixed_bfloat16'))

  def run(self, predict: Callable[[np.ndarray], np.ndarray], source,
          folder: str, teacher_fingerprint: str,
          on_progress: Callable[[int, int], None] | None = None,
          view=None) -> dict:
    """Writes `<folder>/predictions-<shard name>.parquet` for each shard.

    A file that is already there is kept if it was made by this teacher from
    this source, and written again otherwise.

    Args:
      predict: the teacher without noise: `[batch_size, height, width, channels]
        uint8 -> [batch_size, classes] float32`, each row a distribution.
      source: the pool (`ns.mixture.sources`).
      folder: where the files go; made if need be.
      teacher_fingerprint: names the teacher in the files.
      on_progress: called with the number of images finished, those of kept
        files included, and the number of all.
      view: what the teacher sees of an image (`ns.mixture.views`); pixels as
        they are without one.

    Returns:
      Counts: `images`, and of these `images_labelled` now; `shards` and
      `shards_kept`; `per_class`, how many images each class has; and
      `mean_confidence`.

    Raises:
      RunError: the teacher gives something else than distributions over the
        source's classes, or the source cannot be read.
    """
    header = headers.Header(
        classes=source.classes, teacher_fingerprint=teacher_fingerprint,
        source_name=source.name, source_digest=source.digest())
    shards = tuple(source.shards)
    _check_shards(source, shards)
    done = labelled = kept = 0
    report = on_progress or (lambda done, total: None)
    for shard in shards:
      path = store.predictions_path(folder, shard.name)
      if _is_finished(path, header, shard):
        kept += 1
      else:
        self._label(predict, source, view, shard, path, header,
                    lambda rows: report(done + rows, source.num_examples))
        labelled += shard.num_examples
      done += shard.num_examples
      report(done, source.num_examples)
    per_class, mean = _summary(folder, shards, header.classes)
    return {
        'images': done, 'images_labelled': labelled, 'shards': len(shards),
        'shards_kept': kept, 'per_class': per_class, 'mean_confidence': mean}

  def _label(self, predict, source, view, shard, path, header, report) -> None:
    from ns.pseudolabel import shard_batches
    rows = 0
    with store.writing_predictions(path, header) as writer:
      for keys, images in shard_batches.batches(
          source, shard, self.batch_size, view):
        padding = self.batch_size - len(images)
        if padding:
          black = np.zeros((padding, *images.shape[1:]), images.dtype)
          images = np.concatenate([images, black])
        probabilities = np.asarray(predict(images))
        expected = (self.batch_size, header.classes)
        if probabilities.shape != expected:
          raise errors.RunError(
              'The teacher should give probabilities of shape [batch, classes] '
              f'= {list(expected)} for `{source.name}`, but gave shape '
              f'{list(probabilities.shape)}; take a teacher of '
              f'{header.classes} classes.')
        writer.write(keys, probabilities[:len(keys)])
        rows += len(keys)
        if rows < shard.num_examples:  # The whole shard is told by the caller.
          report(rows)


def _check_shards(source, shards) -> None:
  names = [shard.name for shard in shards]
  if not names:
    raise errors.RunError(
        f'The pool `{source.name}` should have images to label, but has no '
        'shard; look at its path.')
  twice = sorted({name for name in names if names.count(name) > 1})
  if twice:
    raise errors.RunError(
        f'The shards of `{source.name}` should have distinct names, but '
        f'`{twice[0]}` is there {names.count(twice[0])} times; rename one.')


def _is_finished(path, header, shard) -> bool:
  try:
    return store.read_header(path) == (header, shard.num_examples)
  except errors.RunError:  # None yet, or not ours: it is written anew.
    return False


def _summary(folder, shards, classes) -> tuple[list[int], float | None]:
  per_class, total = np.zeros(classes, np.int64), 0.0
  for shard in shards:
    path = store.predictions_path(folder, shard.name)
    for rows in store.read(path, ['label', 'confidence'], classes=classes):
      per_class += np.bincount(rows['label'], minlength=classes)
      total += rows['confidence'].sum(dtype=np.float64)
  images = int(per_class.sum())
  return per_class.tolist(), float(total / images) if images else None
