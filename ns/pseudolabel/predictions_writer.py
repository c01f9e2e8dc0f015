"""Takes the predictions for a shard, and writes what is kept of them."""

from collections.abc import Sequence

import numpy as np

from ns.pseudolabel import distribution
from ns.pseudolabel import rows_writer
from ns.pseudolabel import scores


class PredictionsWriter(rows_writer.RowsWriter):
  """Of one file; made by `store.writing_predictions`."""

  def write(self, keys: Sequence[str | bytes], probabilities: np.ndarray,
            logits: np.ndarray | None = None,
            is_good: np.ndarray | None = None) -> None:
    """Appends the rows of one batch.

    Label, confidence and scores are taken from the float32 distribution, before
    it is rounded to float16. The row of a broken image is that of a teacher
    that knows nothing (all classes alike, logits of 0), with a confidence of 0.

    Args:
      keys: [rows] str, or bytes in UTF-8.
      probabilities: [rows, classes] float32, each row a distribution.
      logits: [rows, classes] float32 that the distributions are made from;
        needed for the score `energy`.
      is_good: [rows] bool: False for a broken image, whose answer counts for
        nothing; None if all are good.

    Raises:
      ValueError: the shapes do not agree, or there are no logits for `energy`.
      RunError: a row is not a distribution (its key is named), or a key is not
        UTF-8.
    """
    import pyarrow as pa
    expected = (len(keys), self.header.classes)
    probabilities = np.ascontiguousarray(probabilities, np.float32)
    for name, values in ('probabilities', probabilities), ('logits', logits):
      if values is not None and np.shape(values) != expected:
        raise ValueError(
            f'`{name}` should be of shape [rows, classes] = {list(expected)}, '
            f'but is of shape {list(np.shape(values))}.')
    if is_good is not None and not np.all(is_good):
      good = np.asarray(is_good)[:, np.newaxis]
      probabilities = np.where(
          good, probabilities, np.float32(1 / self.header.classes))
      logits = None if logits is None else np.where(
          good, logits, np.float32(0))
    distribution.check(keys, probabilities)
    labels = probabilities.argmax(axis=1)  # The first one on a tie.
    confidences = probabilities[np.arange(len(keys)), labels]
    if is_good is not None:
      confidences = np.where(is_good, confidences, np.float32(0))
    self.append([
        self.keys(keys), pa.array(labels, pa.int32()), pa.array(confidences),
        *(pa.array(scores.of(name, probabilities, logits), pa.float32())
          for name in self.header.scores),
        *self._distribution(probabilities)])

  def _distribution(self, probabilities: np.ndarray) -> list:
    """The columns that hold the distribution."""
    import pyarrow as pa
    listed = lambda name, values: pa.FixedSizeListArray.from_arrays(
        values, type=self.schema.field(name).type)
    # numpy rounds to the same, but to numbers below 6e-5 many times slower.
    halves = lambda values: pa.array(values.reshape(-1)).cast(pa.float16())
    if self.header.top_k is None:
      return [listed('probabilities', halves(probabilities))]
    top = distribution.highest(probabilities, self.header.top_k)
    number = str(self.schema.field('top_classes').type.value_type)
    highest = np.take_along_axis(probabilities, top, axis=1)
    rest = 1 - highest.sum(axis=1, dtype=np.float64)
    return [listed('top_classes', pa.array(top.astype(number).reshape(-1))),
            listed('top_probabilities', halves(highest)),
            pa.array(np.maximum(rest, 0), pa.float32())]
