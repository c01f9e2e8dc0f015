"""Is a confidence a probability: temperature scaling and its measures.

A network that is right in 90 of 100 images of which it is 0.9 sure is
calibrated. Guo et al., "On Calibration of Modern Neural Networks", 2017: one
temperature, fitted on validation, makes modern networks so, nearly. Dividing
logits by it changes no label. Plain numpy, free of TensorFlow.
"""

import dataclasses

import numpy as np

# Temperatures that are looked at. A teacher that is always right has no best
# one: the colder, the better.
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.05, 20.0
# Rows whose logarithms are in memory in float64 at a time.
_ROWS = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reliability:
  """How right the answers of about the same confidence are; [bins] each.

  Attributes:
    edges: [bins + 1] float64, ascending from 0 to 1; a bin has the confidences
      above its lower edge up to its upper one, the first those of 0 too.
    counts: int64, answers in a bin.
    confidence: float64, their mean confidence; 0 for an empty bin.
    accuracy: float64, the share of right ones; 0 for an empty bin.
  """
  edges: np.ndarray
  counts: np.ndarray
  confidence: np.ndarray
  accuracy: np.ndarray

  @property
  def error(self) -> float:
    """The expected calibration error (ECE).

    sum over bins of counts / all * |accuracy - confidence| (Guo et al.,
    equation 3).
    """
    gaps = np.abs(self.accuracy - self.confidence)
    return float((self.counts * gaps).sum() / max(1, self.counts.sum()))

  def rows(self) -> list[dict]:
    """The bins as plain values, for a report."""
    return [{'from': float(low), 'to': float(high), 'count': int(count),
             'confidence': float(confidence), 'accuracy': float(accuracy)}
            for low, high, count, confidence, accuracy in zip(
                self.edges, self.edges[1:], self.counts, self.confidence,
                self.accuracy)]


def reliability(confidences: np.ndarray, right: np.ndarray,
                bins: int = 15) -> Reliability:
  """The reliability of answers.

  Args:
    confidences: [answers] in [0, 1].
    right: [answers] bool.
    bins: of equal width; 15 in Guo et al.
  """
  edges = np.linspace(0, 1, bins + 1)
  confidences = np.asarray(confidences, np.float64)
  # A softmax in float32 may be a little above 1.
  place = np.clip(np.searchsorted(edges, confidences, side='left') - 1, 0,
                  bins - 1)
  counts = np.bincount(place, minlength=bins)
  mean = lambda values: np.bincount(
      place, values, minlength=bins) / np.maximum(counts, 1)
  return Reliability(edges=edges, counts=counts, confidence=mean(confidences),
                     accuracy=mean(np.asarray(right, np.float64)))


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
  """The distributions whose logits are divided by `temperature`.

  p^(1 / temperature), normalised: what the softmax of logits / temperature is,
  for log p is the logits less a number of each row.

  Args:
    probabilities: [rows, classes] float32, distributions; what is 0 in float32
      stays 0.
    temperature: above 0; below 1 sharpens.

  Returns:
    [rows, classes] float32; the same array at a temperature of 1.
  """
  if temperature == 1:
    return probabilities
  # By the highest first, which keeps all in range at any temperature.
  highest = probabilities.max(axis=1, keepdims=True)
  powers = (probabilities / highest).astype(np.float32) ** np.float32(
      1 / temperature)
  return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray,
                  temperature: float = 1.0) -> float:
  """The mean of -log p[label] at a temperature, in nats.

  Args:
    probabilities: [rows, classes] float32, distributions.
    labels: [rows] integers.
    temperature: above 0.
  """
  return _cross_entropy(probabilities, labels, 1 / temperature)[0]


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
  """The temperature of the least cross-entropy.

  In b = 1 / temperature the cross-entropy is convex: its first derivative is
  the mean of E[z] - z[label] and its second that of Var[z], of logits z under
  the distribution at b. Newton's steps, halving where one leaves the bracket.

  Args:
    probabilities: [rows, classes] float32, distributions of a network at
      temperature 1.
    labels: [rows] integers, true ones that it was not trained on.

  Returns:
    The temperature, from `LEAST_TEMPERATURE` to `MOST_TEMPERATURE`; one of
    these where the best is beyond it.

  Raises:
    ValueError: the arguments do not fit together.
  """
  labels = np.asarray(labels)
  if np.ndim(probabilities) != 2 or labels.shape != (len(probabilities),) or (
      not len(labels)):
    raise ValueError(
        '`probabilities` and `labels` should be of shapes [rows, classes] and '
        f'[rows] with a row, but are of {list(np.shape(probabilities))} and '
        f'{list(labels.shape)}.')
  low, high = 1 / MOST_TEMPERATURE, 1 / LEAST_TEMPERATURE
  if _cross_entropy(probabilities, labels, low)[1] >= 0:
    return MOST_TEMPERATURE
  if _cross_entropy(probabilities, labels, high)[1] <= 0:
    return LEAST_TEMPERATURE
  inverse = 1.0
  while high - low > 1e-9 * high:
    _, slope, bend = _cross_entropy(probabilities, labels, inverse)
    if slope > 0:
      high = inverse
    else:
      low = inverse
    step = inverse - slope / bend if bend > 0 else -1.0
    new = step if low < step < high else (low + high) / 2
    if abs(new - inverse) <= 1e-9 * inverse:
      return float(1 / new)
    inverse = new
  return float(1 / inverse)


def _cross_entropy(probabilities, labels, inverse):
  """The mean cross-entropy at 1 / temperature, and its two derivatives."""
  value = slope = bend = 0.0
  tiny = np.finfo(np.float32).tiny
  for first in range(0, len(labels), _ROWS):
    part = np.asarray(probabilities[first:first + _ROWS], np.float64)
    logits = np.log(np.maximum(part, tiny))
    logits -= logits.max(axis=1, keepdims=True)
    weights = np.exp(inverse * logits)
    sums = weights.sum(axis=1)
    weights /= sums[:, np.newaxis]
    right = np.take_along_axis(
        logits, labels[first:first + _ROWS, np.newaxis], axis=1)[:, 0]
    mean = (weights * logits).sum(axis=1)
    value += (np.log(sums) - inverse * right).sum()
    slope += (mean - right).sum()
    bend += ((weights * logits**2).sum(axis=1) - mean**2).sum()
  return value / len(labels), slope / len(labels), bend / len(labels)
