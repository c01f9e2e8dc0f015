"""Networks as SavedModel, TFLite and ONNX.

The SavedModel takes images as they come from a camera or a disk; all that is
done to them before the network sees them is inside. The others take pixels of
the network's size: their runtimes have no ops for the rest.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import functools
import json
from typing import Any
import warnings

from etils import epath
import numpy as np
import tensorflow as tf

from ns.core import errors
from ns.core import files
from ns.core import manifest
from ns.core import termination
from ns.images import attempt
from ns.images import encode
from ns.models import exporting
from ns.models import inference
from ns.models import probe

# Largest difference of a probability. float32: only the order of operations may
# differ. Eight bits: it is reported, and has no bound but that of a mistake.
_TOLERANCE = {'saved_model': 1e-5, 'tflite': 1e-4, 'tflite_int8': 0.5}
# Of ONNX: well below the newest, for older runtimes, and all that is needed.
_OPSET = 17


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interface:
  """What an exported network takes and gives; as of `Export.run`."""
  class_names: tuple[str, ...]
  image_size: int
  channels: int
  crop: Any

  @property
  def image_shape(self) -> tuple[int, int, int]:
    return self.image_size, self.image_size, self.channels


def write(formats: Sequence[str], network, folder: epath.Path,
          interface: Interface, provenance: Mapping[str, Any]
          ) -> dict[str, Any]:
  """Writes and compares; see `Export.run`."""
  pixels = _pixels(interface)
  predict = inference.predictor(network)
  classes = predict(pixels).shape[1]
  if classes != len(interface.class_names):
    raise ValueError(
        f'`class_names` should be one for each of the {classes} classes, but '
        f'are {len(interface.class_names)}.')
  files.make_folder(folder)
  written = {}
  for name in formats:
    termination.check()
    path = folder / exporting.FORMATS[name]
    if path.is_dir():  # Of a start that was killed: parts have other names.
      path.rmtree()
    predict_written = _WRITERS[name](network, path, interface)
    written[name] = {'file': path.name, 'bytes': _size(path)}
    if predict_written is not None:
      seen = _cropped(pixels, interface) if name == 'saved_model' else pixels
      error = float(np.abs(predict_written(pixels) - predict(seen)).max())
      written[name]['error'] = error
      if not error <= _TOLERANCE[name]:
        raise errors.RunError(
            f'`{path}` should give the probabilities of the network, but '
            f'differs by {error:.2g}; it is not to be used.')
  files.write_whole(folder / 'export.json', json.dumps({
      'class_names': interface.class_names,
      'image_size': interface.image_size, 'channels': interface.channels,
      'crop': manifest.canonical(interface.crop), 'formats': written,
      'provenance': provenance}, indent=1, sort_keys=True) + '\n')
  return {'formats': written}


def _pixels(interface: Interface) -> np.ndarray:
  """A few images to compare with: [batch, size, size, channels] uint8."""
  image = probe.image(interface.image_size, interface.channels)
  return np.stack([image, image[::-1], 255 - image, image // 4])


def _size(path: epath.Path) -> int:
  if not path.is_dir():
    return path.stat().length
  return sum((epath.Path(folder) / name).stat().length
             for folder, _, names in files.walk(path) for name in names)


class _Variables(tf.Module):
  """Holds what the functions of a network read, for what saves them."""

  def __init__(self, network):
    super().__init__()
    self.all = [variable.value for variable in network.variables]


def _probabilities(network) -> Callable[[tf.Tensor], tf.Tensor]:
  """As of `ns.models.inference.predictor`, as tensors."""
  return lambda pixels: tf.nn.softmax(
      network(tf.cast(pixels, tf.float32), training=False))


def _saved_model(network, path: epath.Path, interface: Interface):
  probabilities = _probabilities(network)
  size, channels = interface.image_size, interface.channels
  # The ops of this project are not where a SavedModel goes.
  crop = interface.crop
  if hasattr(crop, 'form'):
    crop = dataclasses.replace(crop, form='tensorflow')

  def cropped(image):
    return crop.apply(image, size, channels, tf.zeros([], tf.int64))

  def whole_or_black(image):
    """A broken image must not cost the others of its batch their answers."""
    black = tf.zeros(interface.image_shape, tf.uint8), False
    return attempt.attempt(lambda: cropped(image), black)

  def answer(images, crop_one):
    pixels, is_good = tf.map_fn(crop_one, images, fn_output_signature=(
        tf.TensorSpec(interface.image_shape, tf.uint8),
        tf.TensorSpec([], tf.bool)))
    # No images: convolutions want at least one.
    count = tf.shape(pixels)[0]
    black = tf.zeros([tf.cast(count == 0, tf.int32), *interface.image_shape],
                     tf.uint8)
    found = probabilities(tf.concat([pixels, black], 0))[:count]
    names = tf.constant(interface.class_names)
    return {
        'probabilities': tf.where(is_good[:, tf.newaxis], found, 0.0),
        # Servers want of each output one row an image.
        'classes': tf.tile(names[tf.newaxis], [count, 1]),
        'is_good': is_good}

  @tf.function(input_signature=[
      tf.TensorSpec([None], tf.string, name='image_bytes')])
  def from_bytes(image_bytes):
    return answer(image_bytes, whole_or_black)

  @tf.function(input_signature=[
      tf.TensorSpec([None, None, None, channels], tf.uint8, name='images')])
  def from_pixels(images):
    return answer(images, cropped)

  module = _Variables(network)
  module.from_bytes, module.from_pixels = from_bytes, from_pixels
  tf.saved_model.save(module, str(path), signatures={
      'serving_default': from_bytes, 'images': from_pixels})
  return _served(path)


def _served(path: epath.Path) -> Callable[[np.ndarray], np.ndarray]:
  """What a SavedModel gives for images in PNG."""
  serve = tf.saved_model.load(str(path)).signatures['serving_default']
  return lambda pixels: serve(tf.constant(
      [encode.png(image) for image in pixels]))['probabilities'].numpy()


def _cropped(pixels: np.ndarray, interface: Interface) -> np.ndarray:
  """What the evaluation shows the network of the same images."""
  return np.stack([
      interface.crop.apply(
          tf.constant(encode.png(image)), interface.image_size,
          interface.channels, tf.zeros([], tf.int64))[0] for image in pixels])


def _tflite(network, path: epath.Path, interface: Interface, int8: bool = False
            ) -> Callable[[np.ndarray], np.ndarray]:
  """One image at a time: its CPU kernels want a shape that is known."""
  function = _of_pixels(network, (1, *interface.image_shape))
  converter = tf.lite.TFLiteConverter.from_concrete_functions(
      [function.get_concrete_function()], _Variables(network))
  if int8:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
  content = converter.convert()
  files.write_whole(path, content)
  with warnings.catch_warnings():
    # TensorFlow 2.20 says that this will be another package's one day.
    warnings.simplefilter('ignore', UserWarning)
    interpreter = tf.lite.Interpreter(model_content=content)
  run = interpreter.get_signature_runner('serving_default')
  return lambda pixels: np.concatenate(
      [run(images=image[np.newaxis])['probabilities'] for image in pixels])


def _onnx(network, path: epath.Path, interface: Interface) -> None:
  try:
    import tf2onnx
  except ImportError as error:
    raise errors.RunError(
        '`Export.formats` has \'onnx\', which needs the package tf2onnx: '
        f'{error}.') from error
  function = _of_pixels(network, (None, *interface.image_shape))
  model, _ = tf2onnx.convert.from_function(
      function, input_signature=function.input_signature, opset=_OPSET)
  files.write_whole(path, model.SerializeToString())


def _of_pixels(network, shape):
  probabilities = _probabilities(network)
  return tf.function(
      lambda images: {'probabilities': probabilities(images)},
      input_signature=[tf.TensorSpec(shape, tf.uint8, name='images')])


_WRITERS = {
    'saved_model': _saved_model, 'tflite': _tflite,
    'tflite_int8': functools.partial(_tflite, int8=True), 'onnx': _onnx}
