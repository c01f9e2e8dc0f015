"""A teacher that `models.Export` wrote: a SavedModel, and what describes it.

It decodes and crops by itself, so it sees images as they are stored, and needs
nothing of this project but this file.
"""

import dataclasses
import functools
import json

from etils import epath
import numpy as np

from ns.core import errors
from ns.pseudolabel import teacher as teachers_lib


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exported:
  """A teacher in a folder; the network is not loaded before `teacher`.

  Attributes:
    folder: what the export wrote, with `export.json`.
    accuracy: on validation; None where it is not known.
  """
  folder: str
  accuracy: float | None = None

  @functools.cached_property
  def _description(self) -> dict:
    path = epath.Path(self.folder) / 'export.json'
    try:
      found = json.loads(path.read_text())
      _ = found['class_names'], found['provenance']['fingerprint']
      has_model = 'saved_model' in found['formats']
    except FileNotFoundError as error:
      raise errors.RunError(
          f'`{self.folder}` should be an exported network, but has no '
          '`export.json`; bind `Generation.export = @models.Export()` and make '
          'the stage `export`.') from error
    except (ValueError, KeyError, TypeError) as error:
      raise errors.RunError(f'`{path}` is damaged; make the stage `export` '
                            'again.') from error
    if not has_model:
      raise errors.RunError(
          f'`{self.folder}` should have the format \'saved_model\', but has '
          f'{", ".join(found["formats"])}; add it to `Export.formats`.')
    return found

  @property
  def name(self) -> str:
    """Of its generation."""
    stage = self._description['provenance'].get('stage', self.folder)
    return stage.partition('/')[0] or self.folder

  @property
  def fingerprint(self) -> str:
    """Of the stage that it comes from, as of a teacher that was not exported.
    """
    return self._description['provenance']['fingerprint']

  @property
  def classes(self) -> int:
    return len(self._description['class_names'])

  def teacher(self) -> teachers_lib.Teacher:
    """Loads the network."""
    import tensorflow as tf
    loaded = tf.saved_model.load(str(epath.Path(self.folder) / 'saved_model'))
    of_bytes = loaded.signatures['serving_default']
    of_pixels = loaded.signatures['images']

    def predict(images: np.ndarray) -> np.ndarray:
      if images.dtype == object:
        answer = of_bytes(image_bytes=tf.constant(images.tolist(), tf.string))
      else:
        answer = of_pixels(images=tf.constant(images))
      return answer['probabilities'].numpy()

    # The signatures live no longer than what they were loaded with.
    predict.loaded = loaded
    return teachers_lib.Teacher(
        name=self.name, predict=predict, fingerprint=self.fingerprint,
        accuracy=self.accuracy)
