"""Scores of a prediction besides its confidence; which there are: `header`."""

import numpy as np


def of(name: str, probabilities: np.ndarray,
       logits: np.ndarray | None = None) -> np.ndarray:
  """The score `name` of each row.

  Args:
    name: one of `header.SCORES`.
    probabilities: [rows, classes] float32, distributions.
    logits: [rows, classes] float32, for `energy`.

  Returns:
    [rows] float32.

  Raises:
    ValueError: `energy` is asked for without logits.
  """
  if name == 'entropy':
    logarithms = np.log(np.maximum(probabilities, np.float32(1e-37)))
    # Of float32 rows that add up to a little more than 1 it may be below 0.
    return np.maximum(
        -np.einsum('rc,rc->r', probabilities, logarithms), np.float32(0))
  if name == 'margin':
    highest = np.partition(probabilities, -2, axis=1)[:, -2:]
    return highest[:, 1] - highest[:, 0]
  if logits is None:
    raise ValueError(
        '`logits` should be given for the score `energy`, but are None; take a '
        'predictor that gives them, or leave that score out.')
  logits = np.asarray(logits, np.float32)
  most = logits.max(axis=1, keepdims=True)
  return most[:, 0] + np.log(np.exp(logits - most).sum(axis=1))
