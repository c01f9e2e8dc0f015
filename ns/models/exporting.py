"""What a trained network is exported as. Free of TensorFlow until `run`."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from etils import epath

from ns.core import checks

# The file or folder of each format.
FORMATS = {'saved_model': 'saved_model', 'tflite': 'model.tflite',
           'tflite_int8': 'model_int8.tflite', 'onnx': 'model.onnx'}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
  """A network as files that need nothing of this project.

  Attributes:
    formats: of 'saved_model', which takes encoded images, and decodes and crops
      them as the evaluation does; and of 'tflite', 'tflite_int8' (weights in
      eight bits) and 'onnx', which take pixels of the network's size.
  """
  formats: tuple[str, ...] = ('saved_model',)

  def __post_init__(self):
    checks.instance(self, 'formats', list, tuple)
    object.__setattr__(self, 'formats', tuple(self.formats))
    unknown = [name for name in self.formats if name not in FORMATS]
    if unknown or not self.formats or (
        len({*self.formats}) < len(self.formats)):
      raise ValueError(
          '`Export.formats` should be some of '
          f'{", ".join(map(repr, FORMATS))}, each once, but is '
          f'{list(self.formats)}.')

  def run(self, network, folder: epath.PathLike, *, class_names: Sequence[str],
          image_size: int, channels: int, crop,
          provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the formats, and `export.json`, which describes them.

    Each is compared with the network before it counts as written, but ONNX,
    for which no runtime is needed here.

    Args:
      network: called as `ns.models.network.Network` is; made outside the scope
        of a strategy.
      folder: for the files.
      class_names: of each class.
      image_size: side of the network's images, in pixels.
      channels: of the images, 1 or 3.
      crop: of the evaluation (`ns.images`); in the SavedModel.
      provenance: where the network came from, of JSON's types.

    Returns:
      `formats`: for each its file, its `bytes` and, where it was compared, its
      `error`: the largest difference of a probability.

    Raises:
      RunError: a format does not give what the network gives.
      ValueError: there is not one name for each class.
    """
    from ns.models import export  # TensorFlow: only where it is needed.
    return export.write(
        self.formats, network, epath.Path(folder), export.Interface(
            class_names=tuple(class_names), image_size=image_size,
            channels=channels, crop=crop), provenance)
