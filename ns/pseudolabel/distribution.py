"""Distributions over classes on their way to a file of predictions and back."""

from collections.abc import Sequence

import numpy as np

from ns.core import errors

# How far from 1 a distribution may add up: a softmax of a thousand classes in
# bfloat16 stays within 0.004, logits taken for probabilities do not.
_SUM_TOLERANCE = 0.01


def check(keys: Sequence[str | bytes], probabilities: np.ndarray) -> None:
  """Checks that rows are distributions.

  Args:
    keys: [rows], by which an error names a row.
    probabilities: [rows, classes] float32.

  Raises:
    RunError: a row is none.
  """
  sums = probabilities.sum(axis=1, dtype=np.float64)
  # Written so that a sum that is not a number is bad too.
  bad = ~(np.abs(sums - 1) <= _SUM_TOLERANCE) | (probabilities < 0).any(axis=1)
  if not bad.any():
    return
  row = int(np.argmax(bad))
  key = keys[row].decode() if isinstance(keys[row], bytes) else keys[row]
  values = probabilities[row]
  strange = values[~np.isfinite(values)]
  if strange.size:
    raise errors.RunError(
        f'The probabilities of `{key}` should be finite, but hold '
        f"{strange[0]}; look at the teacher's weights and at that image.")
  raise errors.RunError(
      f'The probabilities of `{key}` should be a distribution, but go from '
      f'{values.min():g} to {values.max():g} and add up to {sums[row]:g}; end '
      'the teacher with a softmax.')


def highest(probabilities: np.ndarray, count: int) -> np.ndarray:
  """[rows, count] the classes of the highest; of equal ones the lowest."""
  rows, classes = probabilities.shape
  if not rows:
    return np.empty((0, count), np.int64)
  top = np.argpartition(probabilities, classes - count, axis=1)[
      :, classes - count:]
  last = np.take_along_axis(probabilities, top, axis=1).min(axis=1)
  tied = (probabilities >= last[:, np.newaxis]).sum(axis=1) > count
  if tied.any():  # Which of the equal ones are among them is left to chance.
    all_classes = np.broadcast_to(np.arange(classes), (tied.sum(), classes))
    top[tied] = _descending(probabilities[tied], all_classes)[:, :count]
  return _descending(np.take_along_axis(probabilities, top, axis=1), top)


def _descending(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
  """`classes` by their probabilities down, equal ones by class up."""
  # One number that sorts so: bits of floats that are not negative sort as the
  # floats do.
  bits = np.ascontiguousarray(probabilities).view(np.int32).astype(np.int64)
  return np.sort((2**31 - 1 - bits) << 32 | classes, axis=1) & (2**32 - 1)


def spread(classes: int, top_classes: np.ndarray,
           top_probabilities: np.ndarray, rest: np.ndarray) -> np.ndarray:
  """Whole distributions: the top classes, and an even share of the rest.

  Args:
    classes: how many.
    top_classes: [rows, top_k] integers.
    top_probabilities: [rows, top_k] of any float.
    rest: [rows] float32, what all other classes have together.

  Returns:
    [rows, classes] float32.
  """
  share = rest / np.float32(classes - top_classes.shape[1])
  whole = np.repeat(share[:, np.newaxis], classes, axis=1)
  np.put_along_axis(whole, top_classes.astype(np.int64),
                    top_probabilities.astype(np.float32), axis=1)
  return whole
