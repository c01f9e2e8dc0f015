"""Teachers that label together: the mean of what each says of each picture.

A picture is an image as a teacher sees it or, with `augment`, that and its
mirror image. The mean is one of probabilities. Its logits are the logarithms of
the mean plus the mean of the pictures' energies log(sum(exp(z))), so that their
softmax is the mean of the probabilities and their energy that of the energies.
A temperature is one of the mean: its logits are divided by it.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses

import numpy as np

from ns.core import errors
from ns.core import manifest
from ns.objective import calibration
from ns.pseudolabel import scores
from ns.pseudolabel import teacher as teachers_lib

AUGMENTS = (None, 'flip')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ensemble:
  """One or more teachers.

  Attributes:
    teachers: at least one.
    weights: of each teacher in the mean; equal ones if None.
    augment: 'flip' if each teacher also sees the mirror images; or None.
    temperature: what the logits of the mean are divided by; no part of the
      fingerprint, since a file's header has it.
  """
  teachers: Sequence[teachers_lib.Teacher]
  weights: Sequence[float] | None = None
  augment: str | None = None
  temperature: float = 1.0

  def __post_init__(self):
    check_weights(self.weights, len(self.teachers))

  @property
  def fingerprint(self) -> str:
    """Of all that decides on the answers; of a lone teacher its own."""
    if len(self.teachers) == 1 and self.augment is None:
      return self.teachers[0].fingerprint
    return manifest.fingerprint({
        'teachers': [teacher.fingerprint for teacher in self.teachers],
        'weights': self.weights and list(self.weights),
        'augment': self.augment})

  def answers(self, source, shard, batch_size: int, with_logits: bool = False
              ) -> Iterator[teachers_lib.Answers]:
    """Yields the answers for a shard, in the order of its records.

    Args:
      source: the pool (`ns.mixture.sources`).
      shard: one of `source.shards`.
      batch_size: images at a time; the last ones are filled up with black
        images, so that one compiled shape serves.
      with_logits: whether logits are wanted too.

    Raises:
      RunError: a teacher gives something else than distributions over the
        source's classes, or the source cannot be read.
    """
    from ns.pseudolabel import shard_batches
    views = []
    for teacher in self.teachers:
      if teacher.view not in views:
        views.append(teacher.view)
    # One view is read beside the other: decoding costs less than a network.
    for seen in zip(*(shard_batches.batches(source, shard, batch_size, view)
                      for view in views), strict=True):
      keys = seen[0].keys
      is_good = np.all([batch.is_good for batch in seen], axis=0)
      answers = []
      for teacher in self.teachers:
        images = _filled(seen[views.index(teacher.view)].images, batch_size)
        for picture in self._pictures(images):
          probabilities, logits = teacher.answer(picture, with_logits)
          teachers_lib.check_shape(
              teacher.name, probabilities, batch_size, source)
          answers.append((probabilities[:len(keys)],
                          logits[:len(keys)] if with_logits else None))
          is_good &= answers[-1][0].any(axis=1)
      probabilities, logits = self._scaled(
          *self._mean(answers, with_logits), is_good)
      yield teachers_lib.Answers(
          keys=keys, probabilities=probabilities, logits=logits,
          is_good=is_good, fingerprints=seen[0].fingerprints)

  def _pictures(self, images: np.ndarray) -> list[np.ndarray]:
    return [images] if self.augment is None else [images, images[:, :, ::-1]]

  def _mean(self, answers, with_logits):
    if len(answers) == 1:
      return answers[0]
    pictures = len(answers) // len(self.teachers)
    weights = np.repeat(self.weights or [1.0] * len(self.teachers), pictures)
    mean = np.average([probabilities for probabilities, _ in answers], axis=0,
                      weights=weights).astype(np.float32)
    if not with_logits:
      return mean, None
    energies = np.average([scores.of('energy', *answer) for answer in answers],
                          axis=0, weights=weights)
    logarithms = np.log(np.maximum(mean, np.float32(1e-37)))
    return mean, (logarithms + energies[:, np.newaxis]).astype(np.float32)

  def _scaled(self, probabilities, logits, is_good):
    if self.temperature == 1:
      return probabilities, logits
    # A network that decodes gives zeros for a broken image.
    known = np.where(is_good[:, np.newaxis], probabilities, np.float32(1))
    return (calibration.scaled(known, self.temperature),
            None if logits is None else logits / np.float32(self.temperature))


def check_weights(weights: Sequence[float] | None, teachers: int) -> None:
  """Checks that there is a weight for each of so many teachers, or none.

  Raises:
    RunError: there are others.
  """
  if weights is not None and len(weights) != teachers:
    raise errors.RunError(
        f'`Labelling.weights` should be one for each of the {teachers} '
        f'teachers, but are {len(weights)}.')


def _filled(images: np.ndarray, batch_size: int) -> np.ndarray:
  """The images, and black ones up to the size of the batch."""
  padding = batch_size - len(images)
  if not padding:
    return images
  # Of encoded images, empty bytes, which are a broken one.
  black = np.full((padding, *images.shape[1:]),
                  b'' if images.dtype == object else 0, images.dtype)
  return np.concatenate([images, black])
