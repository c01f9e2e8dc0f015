"""Published weights into a file that a generation can start from.

  bazel run //tools:import_checkpoint -- --model=b0 \\
      --checkpoint=noisy_student_efficientnet-b0/model.ckpt --output=b0.npz
  bazel run //tools:import_checkpoint -- --model=b0 \\
      --keras_weights=efficientnetb0.h5 --output=b0.npz

A TensorFlow 1 checkpoint of EfficientNet or Noisy Student, or weights of
`keras.applications`. Every variable has to be accounted for. The file says
where its weights came from; nothing in it depends on the time or the place.
"""

from collections.abc import Sequence
import hashlib
import json
import os
import sys

from absl import app
from absl import flags
from absl import logging
from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files
from tools import catalogue

_CHECKPOINT = flags.DEFINE_string(
    'checkpoint', None, 'A TensorFlow 1 checkpoint, …/model.ckpt.')
_KERAS_WEIGHTS = flags.DEFINE_string(
    'keras_weights', None, 'Weights of keras.applications, .weights.h5 or .h5.')
_MODEL = flags.DEFINE_string(
    'model', None, 'The network: a row of the gin files, e.g. b0 or l2_475.')
_GIN_FILE = flags.DEFINE_multi_string(
    'gin_file', ['gin/models/efficientnet.gin'], 'Where the row is.')
_OUTPUT = flags.DEFINE_string('output', None, 'The file to write, NAME.npz.')
_CLASSES = flags.DEFINE_integer('classes', 1000, 'Number of classes.')
_RAW = flags.DEFINE_bool(
    'raw', False, 'Take the weights themselves, not their moving average.')
_SCOPE = flags.DEFINE_string(
    'scope', None, 'The scope of the variables, if not efficientnet-MODEL.')
_PROBE = flags.DEFINE_string(
    'probe', None, 'A photo (JPEG or PNG) to classify with the weights.')


def run() -> None:
  """Imports what the flags say and prints what it was."""
  if (_CHECKPOINT.value is None) == (_KERAS_WEIGHTS.value is None):
    raise errors.ConfigError(
        'Give one of `--checkpoint` and `--keras_weights`: where the weights '
        'are.')
  for flag in (_MODEL, _OUTPUT):
    if not flag.value:
      raise errors.ConfigError(
          f'`--{flag.name}` is needed; write `--model=b0 --output=b0.npz`.')
  if not _OUTPUT.value.endswith('.npz'):
    raise errors.ConfigError(
        f'`--output` should end with `.npz`, but is `{_OUTPUT.value}`.')
  if _KERAS_WEIGHTS.value is not None and (_RAW.value or _SCOPE.value):
    raise errors.ConfigError(
        '`--raw` and `--scope` are for `--checkpoint`: weights of Keras have '
        'neither moving averages nor scopes.')
  if _CLASSES.value < 2:
    raise errors.ConfigError(
        f'`--classes` should be at least 2, but is {_CLASSES.value}.')
  architecture = catalogue.row(_GIN_FILE.value, _MODEL.value)
  photo = _read_photo()
  network, origin = _import(architecture)
  origin['probe'] = _probe(network, architecture, photo)
  from ns.models import weights
  output = files.user_path(_OUTPUT.value)
  try:
    weights.save(network, output, {'origin': origin})
  except OSError as error:
    raise errors.RunError(
        f'`--output` should be a file that can be written, but `{output}` '
        f'cannot: {error.strerror or error}.') from error
  print(json.dumps(origin, indent=1))
  print(_told(origin))


def _import(architecture):
  """The network with its weights, and what is to be said of them."""
  from ns.models import cost
  from ns.models import efficientnet
  from ns.models import import_checkpoint
  from ns.models import keras_weights
  from ns.models import weights
  from ns.noise import model_noise

  if not isinstance(architecture, efficientnet.EfficientNet):
    raise errors.ConfigError(
        f'The row `{_MODEL.value}` should be a `models.EfficientNet`, but is '
        f'a `{type(architecture).__name__}`.')
  source = _CHECKPOINT.value or _KERAS_WEIGHTS.value
  try:
    if _CHECKPOINT.value is not None:
      arrays, origin = import_checkpoint.read(
          source, architecture, _CLASSES.value, model=_MODEL.value,
          scope=_SCOPE.value, raw=_RAW.value)
    else:
      arrays, origin = keras_weights.read(source, architecture, _CLASSES.value)
  except ValueError as error:
    raise errors.ConfigError(f'`{_MODEL.value}`: {error}') from error
  network = architecture.build(model_noise.ModelNoise(), _CLASSES.value)
  weights.assign(network, arrays, source)
  parameters = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
  expected = cost.of(architecture, _CLASSES.value).parameters
  if parameters != expected:
    raise errors.RunError(
        f'`{_MODEL.value}` should have {expected:,} parameters, but its '
        f'network has {parameters:,}.')
  return network, {
      'kind': 'TensorFlow 1 checkpoint' if _CHECKPOINT.value is not None
              else 'Keras weights',
      'model': _MODEL.value, 'classes': _CLASSES.value,
      'image_size': architecture.image_size,
      'pixel_mean': list(architecture.pixel_mean),
      'pixel_std': list(architecture.pixel_std),
      'parameters': parameters, **origin}


def _read_photo() -> bytes | None:
  if _PROBE.value is None:
    return None
  path = epath.Path(files.user_path(_PROBE.value))
  if not path.exists():
    raise errors.RunError(f'`{path}` should be a photo, but does not exist.')
  return path.read_bytes()


def _probe(network, architecture, photo: bytes | None) -> dict:
  from ns.images import crop
  from ns.models import probe

  size, channels = architecture.image_size, architecture.channels
  found = {'fixed': probe.of(network, probe.image(size, channels))}
  if photo is not None:
    import tensorflow as tf
    pixels, is_good = crop.CentreCrop(padding=32).apply(
        tf.constant(photo), size, channels)
    if not is_good:
      raise errors.RunError(f'`{_PROBE.value}` should be a JPEG or PNG, but '
                            'cannot be decoded.')
    found['photo'] = {'name': epath.Path(_PROBE.value).name,
                      'sha256': hashlib.sha256(photo).hexdigest(),
                      **probe.of(network, np.asarray(pixels))}
  return found


def _told(origin: dict) -> str:
  """What was imported, in a sentence or two."""
  lines = [f'{_OUTPUT.value}: the {origin["copy"]} of {origin["path"]}, '
           f'{origin["parameters"]:,} parameters, {origin["classes"]} classes.']
  if 'without_average' in origin:
    lines.append(f'{origin["without_average"]} frozen variables have no moving '
                 'average: theirs are the weights themselves.')
  for name, found in origin['probe'].items():
    top = ', '.join(f'{row["class"]} ({row["probability"]:.3f})'
                    for row in found['top'])
    lines.append(f'Classes of the {name} probe: {top}.')
  return '\n'.join(lines)


def _parse_flags(argv: Sequence[str]) -> list[str]:
  if any(argument in ('--help', '-help', '-h') for argument in argv[1:]):
    print(__doc__)
    print(flags.FLAGS.module_help(sys.modules[__name__]))
    sys.exit(0)
  try:
    return flags.FLAGS(argv)
  except flags.Error as error:
    print('error:', ' '.join(str(error).split()), file=sys.stderr)
    sys.exit(2)


def main(argv: Sequence[str]) -> int:
  """Imports, or says in one line on stderr why not; returns the exit code."""
  if not flags.FLAGS['verbosity'].present:
    logging.set_verbosity(logging.ERROR)
  try:
    if argv[1:]:
      raise errors.ConfigError(
          f'`{argv[1]}` is not a flag; write `--checkpoint=…/model.ckpt`.')
    run()
  except errors.ConfigError as error:
    print('error:', error, file=sys.stderr)
    return 2
  except (errors.RunError, OSError) as error:
    print('error:', error, file=sys.stderr)
    return 1
  return 0


if __name__ == '__main__':
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  app.run(main, flags_parser=_parse_flags)
