"""A teacher: a finished network, with what is known of it."""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np

from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teacher:
  """A network that labels, without noise.

  Attributes:
    name: of its generation.
    predict: [batch, height, width, channels] uint8 -> [batch, classes] float32,
      each row a distribution, or zeros for an image that does not decode, if
      the network itself decodes ([batch] object, bytes). Where logits are
      asked for, `predict.logits` gives them (`ns.models.inference`).
    fingerprint: of the stage that it comes from.
    view: what it sees of an image (`ns.mixture.views`); pixels as they are
      without one.
    accuracy: on validation; None where it is not known.
  """
  name: str
  predict: Callable[[np.ndarray], np.ndarray]
  fingerprint: str
  view: Any = None
  accuracy: float | None = None

  def answer(self, images: np.ndarray, with_logits: bool = False
             ) -> tuple[np.ndarray, np.ndarray | None]:
    """Probabilities [batch, classes], and logits if they are asked for.

    Raises:
      RunError: logits are asked for, and it gives none.
    """
    if not with_logits:
      return np.asarray(self.predict(images)), None
    if not hasattr(self.predict, 'logits'):
      raise errors.RunError(
          f'The teacher `{self.name}` should give logits for the score '
          '`energy`, but gives probabilities only; leave `energy` out of '
          '`Labelling.scores`.')
    logits = np.asarray(self.predict.logits(images), np.float32)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True), logits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answers:
  """What is said of the images of a batch.

  Attributes:
    keys: [rows] object (bytes).
    probabilities: [rows, classes] float32, each row a distribution.
    logits: [rows, classes] float32, or None.
    is_good: [rows] bool: False where an image does not decode, and the answer
      means nothing.
    fingerprints: [rows, 8] uint8, of the images as they are stored; or None.
  """
  keys: np.ndarray
  probabilities: np.ndarray
  logits: np.ndarray | None
  is_good: np.ndarray
  fingerprints: np.ndarray | None = None


def check_shape(name: str, probabilities: np.ndarray, rows: int, source
                ) -> None:
  """Checks what the teacher `name` gave for `rows` images of a source.

  Raises:
    RunError: it is of another shape.
  """
  expected = rows, source.classes
  if probabilities.shape != expected:
    raise errors.RunError(
        f'The teacher `{name}` should give probabilities of shape [batch, '
        f'classes] = {list(expected)} for `{source.name}`, but gave shape '
        f'{list(probabilities.shape)}; take a teacher of {source.classes} '
        'classes.')
