"""Calibration of the teacher before its confidences meet a threshold."""

from collections.abc import Callable
import dataclasses

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import errors
from ns.objective import calibration

DIAGRAM = 'reliability.png'


@dataclasses.dataclass(frozen=True, kw_only=True)
class TemperatureScaling:
  """One temperature for the teacher's logits, fitted on validation.

  A threshold on confidences means the same for every teacher only if these are
  probabilities. The paper thresholds what the network says, and so do the
  recipes here; this is a choice besides. Teachers that label together get one
  temperature for their mean. See `ns.objective.calibration`.

  Attributes:
    bins: of the reliability table and of the expected calibration error.
  """
  bins: int = 15

  def __post_init__(self):
    checks.integer(self, 'bins', at_least=1)

  def run(self, ensemble, source, folder: epath.PathLike, batch_size: int,
          on_progress: Callable[[int, int], None] | None = None) -> dict:
    """Fits the temperature of the teachers, and draws what it changes.

    Args:
      ensemble: an `Ensemble`, at a temperature of 1.
      source: labelled images for validation (`ns.mixture.sources`).
      folder: where `reliability.png` goes.
      batch_size: images at a time.
      on_progress: called with the number of images finished, and that of all.

    Returns:
      As of `fit`.

    Raises:
      RunError: no temperature is the best, or the source cannot be read.
    """
    from ns.pseudolabel import held_out
    from ns.pseudolabel import reliability_diagram
    probabilities, labels = held_out.answers(
        ensemble, source, batch_size, on_progress)
    found = self.fit(probabilities, labels)
    temperature, images = found['temperature'], found['images']
    if not (calibration.LEAST_TEMPERATURE < temperature
            < calibration.MOST_TEMPERATURE):
      wrong = np.count_nonzero(probabilities.argmax(axis=1) != labels)
      raise errors.RunError(
          '`TemperatureScaling` should find a temperature between '
          f'{calibration.LEAST_TEMPERATURE:g} and '
          f'{calibration.MOST_TEMPERATURE:g} for what '
          f'{" and ".join(each.name for each in ensemble.teachers)} said of '
          f'`{source.name}`, but the best is beyond {temperature:g} '
          f'({wrong:,} of {images:,} images are wrong); hold out more images, '
          'or leave `Generation.calibration` out.')
    reliability_diagram.write(
        f'{" and ".join(each.name for each in ensemble.teachers)}, '
        f'{images:,} images of {source.name}',
        [reliability_diagram.Panel(
            heading=heading, rows=part['reliability'],
            note=f'calibration error {100 * part["ece"]:.2f} %, cross-entropy '
            f'{part["cross_entropy"]:.4f}')
         for heading, part in (
             ('as the network says', found['before']),
             (f'at temperature {temperature:.3f}', found['after']))],
        epath.Path(folder) / DIAGRAM)
    return found

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
