"""Published weights into a file that a generation can start from.

  bazel run //tools:import_checkpoint -- --model=b0 \\
      --checkpoint=noisy_student_efficientnet-b0/model.ckpt --output=b0.npz
  bazel run //tools:import_checkpoint -- --model=b0 \\
      --keras_weights=efficientnetb0.h5 --output=b0.npz

A TensorFlow 1 checkpoint of EfficientNet or Noisy Student, or weights of
`keras.applications`. Every variable has to be accounted for. The file says
where its weights came from; nothing in it depends on the time or the place.
"""

import argparse
from collections.abc import Sequence
import hashlib
import json

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files
from tools import catalogue
from tools import command

_GIN_FILE = 'gin/models/efficientnet.gin'


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments of this tool; raises ConfigError where one is wrong."""
  flags = command.Flags('import_checkpoint', __doc__)
  flags.add_argument('--checkpoint',
                     help='a TensorFlow 1 checkpoint, …/model.ckpt')
  flags.add_argument('--keras_weights',
                     help='weights of keras.applications, .weights.h5 or .h5')
  flags.add_argument('--model', help='the network: a row of the gin files, '
                     'e.g. b0 or l2_475')
  flags.add_argument('--gin_file', action='append', default=[],
                     help=f'where the row is; {_GIN_FILE} if not given')
  flags.add_argument('--output', help='the file to write, NAME.npz')
  flags.add_argument('--classes', type=int, default=1000,
                     help='number of classes; 1000 if not given')
  flags.add_argument('--raw', action='store_true', help='take the weights '
                     'themselves, not their moving average')
  flags.add_argument('--scope', help='the scope of the variables, if not '
                     'efficientnet-MODEL')
  flags.add_argument('--probe', help='a photo (JPEG or PNG) to classify with '
                     'the weights')
  arguments = flags.parse(argv)
  if (arguments.checkpoint is None) == (arguments.keras_weights is None):
    raise errors.ConfigError(
        'Give one of `--checkpoint` and `--keras_weights`: where the weights '
        'are.')
  for name in 'model', 'output':
    if not getattr(arguments, name):
      raise errors.ConfigError(
          f'`--{name}` is needed; write `--model=b0 --output=b0.npz`.')
  if not arguments.output.endswith('.npz'):
    raise errors.ConfigError(
        f'`--output` should end with `.npz`, but is `{arguments.output}`.')
  if arguments.keras_weights is not None and (arguments.raw or arguments.scope):
    raise errors.ConfigError(
        '`--raw` and `--scope` are for `--checkpoint`: weights of Keras have '
        'neither moving averages nor scopes.')
  if arguments.classes < 2:
    raise errors.ConfigError(
        f'`--classes` should be at least 2, but is {arguments.classes}.')
  return arguments


def run(arguments: argparse.Namespace) -> str:
  """Imports what the arguments say; returns what it was."""
  architecture = catalogue.row(
      arguments.gin_file or [_GIN_FILE], arguments.model)
  photo = _read_photo(arguments.probe)
  network, origin = _import(arguments, architecture)
  origin['probe'] = _probe(network, architecture, arguments.probe, photo)
  from ns.models import weights
  output = files.user_path(arguments.output)
  try:
    weights.save(network, output, {'origin': origin})
  except OSError as error:
    raise errors.RunError(
        f'`--output` should be a file that can be written, but `{output}` '
        f'cannot: {error.strerror or error}.') from error
  return f'{json.dumps(origin, indent=1)}\n{_told(arguments.output, origin)}'


def _import(arguments, architecture):
  """The network with its weights, and what is to be said of them."""
  from ns.models import cost
  from ns.models import efficientnet
  from ns.models import import_checkpoint
  from ns.models import keras_weights
  from ns.models import weights
  from ns.noise import model_noise

  if not isinstance(architecture, efficientnet.EfficientNet):
    raise errors.ConfigError(
        f'The row `{arguments.model}` should be a `models.EfficientNet`, but is '
        f'a `{type(architecture).__name__}`.')
  source = arguments.checkpoint or arguments.keras_weights
  try:
    if arguments.checkpoint is not None:
      arrays, origin = import_checkpoint.read(
          source, architecture, arguments.classes, model=arguments.model,
          scope=arguments.scope, raw=arguments.raw)
    else:
      arrays, origin = keras_weights.read(source, architecture, arguments.classes)
  except ValueError as error:
    raise errors.ConfigError(f'`{arguments.model}`: {error}') from error
  network = architecture.build(model_noise.ModelNoise(), arguments.classes)
  weights.assign(network, arrays, source)
  parameters = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
  expected = cost.of(architecture, arguments.classes).parameters
  if parameters != expected:
    raise errors.RunError(
        f'`{arguments.model}` should have {expected:,} parameters, but its '
        f'network has {parameters:,}.')
  return network, {
      'kind': 'TensorFlow 1 checkpoint' if arguments.checkpoint is not None
              else 'Keras weights',
      'model': arguments.model, 'classes': arguments.classes,
      'image_size': architecture.image_size,
      'pixel_mean': list(architecture.pixel_mean),
      'pixel_std': list(architecture.pixel_std),
      'parameters': parameters, **origin}


def _read_photo(path: str | None) -> bytes | None:
  if path is None:
    return None
  path = epath.Path(files.user_path(path))
  if not path.exists():
    raise errors.RunError(f'`{path}` should be a photo, but does not exist.')
  return path.read_bytes()


def _probe(network, architecture, path, photo: bytes | None) -> dict:
  from ns.images import crop
  from ns.models import probe

  size, channels = architecture.image_size, architecture.channels
  found = {'fixed': probe.of(network, probe.image(size, channels))}
  if photo is not None:
    import tensorflow as tf
    pixels, is_good = crop.CentreCrop(padding=32).apply(
        tf.constant(photo), size, channels)
    if not is_good:
      raise errors.RunError(f'`{path}` should be a JPEG or PNG, but '
                            'cannot be decoded.')
    found['photo'] = {'name': epath.Path(path).name,
                      'sha256': hashlib.sha256(photo).hexdigest(),
                      **probe.of(network, np.asarray(pixels))}
  return found


def _told(output: str, origin: dict) -> str:
  """What was imported, in a sentence or two."""
  lines = [f'{output}: the {origin["copy"]} of {origin["path"]}, '
           f'{origin["parameters"]:,} parameters, {origin["classes"]} classes.']
  if 'without_average' in origin:
    lines.append(f'{origin["without_average"]} frozen variables have no moving '
                 'average: theirs are the weights themselves.')
  for name, found in origin['probe'].items():
    top = ', '.join(f'{row["class"]} ({row["probability"]:.3f})'
                    for row in found['top'])
    lines.append(f'Classes of the {name} probe: {top}.')
  return '\n'.join(lines)


def main(argv: Sequence[str]) -> int:
  """Imports, or says in one line on stderr why not; returns the exit code."""
  return command.finish(lambda: run(parse(argv)))


if __name__ == '__main__':
  command.start(main)
