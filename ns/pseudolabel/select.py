"""Select: which pseudo-labelled images the student sees, and how often."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses

import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import seeds
from ns.pseudolabel import choice as choices
from ns.pseudolabel import header as headers
from ns.pseudolabel import materialise as materialise_lib
from ns.pseudolabel import scan as scans
from ns.pseudolabel import score_bound
from ns.pseudolabel import selecting
from ns.pseudolabel import truth as truths


@dataclasses.dataclass(frozen=True, kw_only=True)
class Select:
  """Keeps the confident images, balances the classes and writes the images.

  The selection streams over labels and confidences some times, with memory that
  does not grow with the pool (see `decision`); then distributions and images
  are joined by key and written.

  Attributes:
    min_confidence: images of a lower confidence are dropped; the comparison is
      in float32, as the confidences are. A sequence has a number for each
      class. None keeps all. The paper takes 0.3 (arXiv 1911.04252, section
      3.1).
    bounds: `ScoreBound`s of other scores, all of which an image has to meet;
      the predictions must have these scores.
    balance: an object as `ns.pseudolabel.balance` says.
    materialise: how the images are written.
  """
  min_confidence: float | Sequence[float] | None = 0.3
  bounds: Sequence[score_bound.ScoreBound] = ()
  balance: object
  materialise: materialise_lib.Materialise = materialise_lib.Materialise()

  def __post_init__(self):
    if isinstance(self.min_confidence, (list, tuple)):
      for label, value in enumerate(self.min_confidence):
        if (isinstance(value, bool) or not isinstance(value, (int, float))
            or not 0 <= value <= 1):
          raise ValueError(
              '`Select.min_confidence` should have a number at least 0 and at '
              f'most 1 for each class, but has {value!r} for class {label}.')
    elif self.min_confidence is not None:
      checks.number(self, 'min_confidence', at_least=0, at_most=1)
    checks.instance(self, 'bounds', list, tuple)
    for bound in self.bounds:
      if not isinstance(bound, score_bound.ScoreBound):
        raise TypeError('`Select.bounds` should be of `ScoreBound`s, but has '
                        f'{bound!r}.')
    checks.has_methods(self, 'balance', 'copies')
    checks.instance(self, 'materialise', materialise_lib.Materialise)

  def run(self, predictions_folder: str, source, folder: str,
          seed: seeds.Seed, classes: int, num_shards: int = 8,
          on_progress: Callable[[int, int], None] | None = None) -> dict:
    """Writes `selection.parquet` and the student's records.

    Files of an earlier selection in `folder` are removed, but for parts of
    records that are finished and the same; `selection.parquet` is the last to
    appear.

    Args:
      predictions_folder: where `Labelling.run` wrote.
      source: the pool that it labelled.
      folder: where the files go; made if need be.
      seed: for the balance.
      classes: how many classes the student tells apart.
      num_shards: how many files of records a part has, see `Materialise`; fewer
        if there are fewer images.
      on_progress: called with the number of images written, and that of all.

    Returns:
      Counts: `pool`, `kept` (confident enough), `used` (with a copy) and
      `copies` (of these); each also by class, as `pool_per_class` and so on;
      `most_copies`, of one image;
      `broken`, where there are images that do not decode, which are in none of
      those; and, for each file of records, `records`, its examples with copies
      counted, and `record_images`, its images. Where the source has hidden
      labels or foreign images, also what `truth.report` says; that decides on
      nothing.

    Raises:
      RunError: predictions are missing or not of this source and these
        classes; no image is confident enough; a class is empty.
    """
    return selecting.run(
        lambda header, path: self.choose(
            predictions_folder, source, seed, classes, header, path),
        self.materialise, predictions_folder, source, folder, classes,
        num_shards, on_progress)

  def check_fits(self, classes: int, scores: Sequence[str]) -> None:
    """Checks what can be known before anything is labelled.

    Args:
      classes: how many classes the student tells apart.
      scores: which the predictions will have.

    Raises:
      RunError: the thresholds are not one for each class, or a bound is of a
        score that there will not be.
    """
    self._min_confidences(classes)
    missing = [bound.score for bound in self.bounds
               if bound.score not in scores]
    if missing:
      raise errors.RunError(
          '`Select.bounds` should be of scores that `Labelling.scores` names, '
          f'{", ".join(map(repr, scores)) or "none"}, but has one of '
          f'{missing[0]!r}; name that there too.')

  def choose(self, predictions_folder: str, source, seed: seeds.Seed,
             classes: int, header: headers.Header, path: str
             ) -> choices.Choice:
    """Decides on the selection and writes it to `path`, without the images.

    Args:
      predictions_folder, source, seed, classes: as of `run`.
      header: of the predictions.
      path: where the selection goes.

    Raises:
      RunError: as of `run`.
    """
    scan = scans.Scan(
        folder=predictions_folder, shards=tuple(source.shards), classes=classes,
        min_confidences=self._min_confidences(classes),
        bounds=tuple(self.bounds))
    return choices.choose(
        scan, self.balance, seed, header, path,
        truths.of(source, scan.num_images), source.name, self._asked())

  def _min_confidences(self, classes: int) -> np.ndarray:
    """[classes] float32."""
    if not isinstance(self.min_confidence, (list, tuple)):
      return np.full(classes, self.min_confidence or 0, np.float32)
    if len(self.min_confidence) != classes:
      raise errors.RunError(
          '`Select.min_confidence` should be one number, or one for each of '
          f'{classes} classes, but has {len(self.min_confidence)}.')
    return np.array(self.min_confidence, np.float32)

  def _asked(self) -> str:
    """What the filter asks, for an error."""
    asked = []
    if isinstance(self.min_confidence, (list, tuple)):
      asked.append("its class's `Select.min_confidence`")
    elif self.min_confidence is not None:
      asked.append(f'`Select.min_confidence` = {self.min_confidence:g}')
    if self.bounds:
      asked.append('`Select.bounds`')
    return ' and '.join(asked)
