"""Calibration of the teacher before its confidences meet a threshold."""

import dataclasses

import numpy as np

from ns.core import checks
from ns.objective import calibration


@dataclasses.dataclass(frozen=True, kw_only=True)
class TemperatureScaling:
  """One temperature for the teacher's logits, fitted on validation.

  A threshold on confidences means the same for every teacher only if these are
  probabilities. The paper thresholds what the network says, and so do the
  recipes here; this is a choice besides. See `ns.objective.calibration`.

  Attributes:
    bins: of the reliability table and of the expected calibration error.
  """
  bins: int = 15

  def __post_init__(self):
    checks.integer(self, 'bins', at_least=1)

  def fit(self, probabilities: np.ndarray, labels: np.ndarray) -> dict:
    """Fits the temperature.

    Args:
      probabilities: [images, classes] float32, what the teacher says of
        labelled images that it was not trained on and that no test has.
      labels: [images] integers, what they are.

    Returns:
      `temperature`, for `calibration.scaled`; `images`; and `before` and
      `after`, with `cross_entropy`, `ece` and `reliability`, a list of bins
      each.
    """
    labels = np.asarray(labels)
    temperature = calibration.fit_temperature(probabilities, labels)
    return {'temperature': temperature, 'images': len(labels),
            'before': self._measured(probabilities, labels, 1.0),
            'after': self._measured(probabilities, labels, temperature)}

  def _measured(self, probabilities, labels, temperature) -> dict:
    scaled = calibration.scaled(np.asarray(probabilities), temperature)
    found = calibration.reliability(
        scaled.max(axis=1), scaled.argmax(axis=1) == labels, self.bins)
    return {'cross_entropy': calibration.cross_entropy(
        probabilities, labels, temperature), 'ece': found.error,
            'reliability': found.rows()}
