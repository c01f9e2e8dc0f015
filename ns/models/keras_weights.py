"""Weights from and to the EfficientNets of `keras.applications`.

Theirs have the layers of B0 to B7 under other names, and the same padding, once
the image size is fixed. They differ in the pixels' normalisation, which is two
or three layers there (the third, another scaling, only for `weights='imagenet'`
and never in a file) and constants of the architecture here. It is therefore
compared, or written, and never taken over.
"""

from collections.abc import Iterator
import itertools
from typing import Any

from etils import epath
import h5py
import keras
import numpy as np

from ns.core import errors
from ns.core import files
from ns.models import efficientnet
from ns.models import scaling

_NORMALIZATION = ('gamma', 'beta', 'moving_mean', 'moving_variance')
# B0 to B7 by width and depth.
_MODELS = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8),
           (1.6, 2.2), (1.8, 2.6), (2.0, 3.1))
# `IMAGENET_STDDEV_RGB` in keras/applications/efficientnet.py.
_PUBLISHED = (0.229, 0.224, 0.225)


def names(architecture: efficientnet.EfficientNet) -> dict[str, str]:
  """Keras' path of each of the network's variables, by its own.

  Raises:
    ValueError: the architecture is none of Keras'.
  """
  return dict(_names(architecture))


def model(architecture: efficientnet.EfficientNet, classes: int,
          image_size: int | None = None) -> keras.Model:
  """Keras' network of the same form: pixels in [0, 255] to logits.

  Args:
    architecture: one of B0 to B7.
    classes: number of classes.
    image_size: side of the images, in pixels; the architecture's if None.

  Raises:
    ValueError: the architecture is none of Keras'.
  """
  _check_family(architecture)
  scale = architecture.width, architecture.depth
  if scale not in _MODELS:
    raise ValueError(
        '`architecture` should have the width and depth of one of B0 to B7, '
        f'which Keras has, but has {scale[0]} and {scale[1]}.')
  make = getattr(keras.applications, f'EfficientNetB{_MODELS.index(scale)}')
  size = image_size or architecture.image_size
  return make(
      weights=None, input_shape=(size, size, architecture.channels),
      classes=classes, classifier_activation=None)


def from_keras(source: keras.Model, architecture: efficientnet.EfficientNet,
               name: str = 'the Keras model') -> dict[str, np.ndarray]:
  """The value of each of the network's variables, by path.

  Args:
    source: an EfficientNet of `keras.applications` with its top.
    architecture: that the weights are of.
    name: of the source, for errors.

  Raises:
    RunError: it lacks a variable, has another, or normalises pixels otherwise
      than `architecture` does.
    ValueError: the architecture is none of Keras'.
  """
  pixels = _normalization(source, name)
  # What a model has beside its weights: of its pixels, and of its noise.
  other = {v.path for v in pixels.variables} | {
      v.path for v in source.variables if 'seed_generator' in v.path}
  theirs = {v.path: v.numpy() for v in source.variables if v.path not in other}
  wanted = names(architecture)
  for kind, found in (('lacks', {*wanted.values()} - theirs.keys()),
                      ('has also', theirs.keys() - {*wanted.values()})):
    if found:
      raise errors.RunError(
          f'`{name}` should have exactly the variables of the network, but '
          f'{kind} {", ".join(sorted(found)[:5])} ({len(found)} in all); is it '
          'of another model?')
  _check_pixels(pixels.adapt_mean.numpy(), pixels.adapt_variance.numpy(),
                architecture, name)
  return {ours: theirs[path][0, 0] if '/squeeze_excite/' in ours
          and path.endswith('/kernel') else theirs[path]
          for ours, path in wanted.items()}


def to_keras(network, target: keras.Model) -> None:
  """Gives Keras' model the weights of a network, and its pixel statistics.

  Args:
    network: a `ns.models.network.Network`.
    target: an EfficientNet of `keras.applications` of the same form.

  Raises:
    RunError: it is of another form.
    ValueError: the network's architecture is none of Keras'.
  """
  architecture = network.architecture
  ours = {v.path: v.numpy() for v in network.variables}
  theirs = {v.path: v for v in target.variables}
  values = {path: ours[name] for name, path in names(architecture).items()}
  # Keras may scale once more behind the normalisation (see above).
  normalization = _normalization(target, 'the Keras model')
  behind = target.layers[target.layers.index(normalization) + 1:]
  scale = next((np.array(layer.scale) for layer in behind
                if isinstance(layer, keras.layers.Rescaling)), 1.0)
  mean, std = (np.array(numbers) / 255 for numbers in (
      architecture.pixel_mean, architecture.pixel_std))
  values[normalization.adapt_mean.path] = mean
  values[normalization.adapt_variance.path] = (std * scale)**2
  for path, value in values.items():
    if path not in theirs:
      raise errors.RunError(f'The Keras model should have `{path}`, but has '
                            'not; is it of another model, or without its top?')
    shape = tuple(theirs[path].shape)
    # A squeeze and excitation is of 1x1 convolutions there.
    values[path] = value = (value[np.newaxis, np.newaxis]
                            if len(shape) == value.ndim + 2 else value)
    if value.shape != shape:
      raise errors.RunError(f'The Keras model should have `{path}` of shape '
                            f'{value.shape}, but has {shape}.')
  # Only now, so that an error leaves the model as it was.
  for path, value in values.items():
    theirs[path].assign(value)
  normalization.finalize_state()


def read(path: epath.PathLike, architecture: efficientnet.EfficientNet,
         classes: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
  """The weights in a file of Keras' (`.weights.h5`, or the older `.h5`).

  Returns:
    The value of each of the network's variables, by path; and the origin, of
    JSON's types: `path` and `files` with their SHA-256.

  Raises:
    RunError: no such file, or it is not of this network.
    ValueError: the architecture is none of Keras'.
  """
  given, path = str(path), files.user_path(str(path))
  if not epath.Path(path).exists():
    raise errors.RunError(f'`{path}` should be weights of Keras, but does not '
                          'exist.')
  if not path.endswith('.h5'):
    raise errors.RunError(
        f'`{path}` should be weights of Keras, of a name that ends with '
        '`.weights.h5` or `.h5`, by which Keras tells the two formats apart.')
  target = model(architecture, classes)
  try:
    # Keras does not look at what it does not need.
    _check_size(path, target)
    target.load_weights(path)
  except (ValueError, OSError, KeyError) as error:
    reason = ' '.join(str(error).split())
    raise errors.RunError(
        f'`{path}` should be weights of Keras of this network with {classes} '
        f'classes, but Keras refuses it: {reason}') from error
  arrays = from_keras(target, architecture, path)
  return arrays, {'path': given, 'copy': 'weights',
                  'files': {epath.Path(path).name: files.sha256(path)}}


def _normalization(source: keras.Model, name: str) -> keras.layers.Layer:
  """The layer of the pixels, which Keras numbers within a process."""
  for layer in source.layers:
    if isinstance(layer, keras.layers.Normalization):
      return layer
  raise errors.RunError(
      f'`{name}` should be an EfficientNet of `keras.applications`, but has no '
      '`Normalization`.')


def _check_size(path: str, target: keras.Model) -> None:
  """Raises ValueError unless a file has as many numbers as the model."""
  sizes = []

  def visit(name, item):
    # Counters have no axes.
    if (isinstance(item, h5py.Dataset) and item.dtype.kind == 'f'
        and item.shape and not name.startswith('optimizer')):
      sizes.append(item.size)

  with h5py.File(path, 'r') as file:
    file.visititems(visit)
  wanted = sum(int(np.prod(v.shape)) for v in target.variables
               if 'float' in v.dtype and v.shape)
  if sum(sizes) != wanted:
    raise ValueError(f'it has {sum(sizes):,} numbers, and the network '
                     f'{wanted:,}.')


def _check_family(architecture: efficientnet.EfficientNet) -> None:
  own = efficientnet.EfficientNet()
  for name in ('block_groups', 'stem_filters', 'stem_stride', 'head_filters'):
    if getattr(architecture, name) != getattr(own, name):
      raise ValueError(
          f'`architecture.{name}` should be that of B0, since Keras has no '
          f'other, but is {getattr(architecture, name)}.')


def _check_pixels(mean, variance, architecture, name: str) -> None:
  """Raises unless the normalisation is that of `architecture`."""
  ours = np.array([architecture.pixel_mean, architecture.pixel_std])
  plain = np.sqrt(variance)
  # The published weights have the deviation where the variance should be, and
  # `weights='imagenet'` divides by its root once more.
  is_published = np.allclose(variance, _PUBLISHED, rtol=1e-3)
  std = variance if is_published else plain
  if np.allclose([255 * mean, 255 * std], ours, rtol=1e-3):
    return
  shown = [', '.join(f'{255 * value:.6g}' for value in values)
           for values in (mean, std)]
  raise errors.RunError(
      f'`{name}` should normalise pixels as the architecture does, but has '
      f'`pixel_mean` = [{shown[0]}] and `pixel_std` = [{shown[1]}]; bind these.'
  )


def _names(architecture) -> Iterator[tuple[str, str]]:
  _check_family(architecture)

  def convolution(ours, conv, norm):
    yield f'network/{ours}/conv/kernel', f'{conv}/kernel'
    for name in _NORMALIZATION:
      yield f'network/{ours}/norm/{name}', f'{norm}/{name}'

  yield from convolution('stem', 'stem_conv', 'stem_bn')
  for block, place in zip(architecture.blocks, _places(architecture)):
    ours, theirs = f'block_{block.index}', f'block{place}_'
    if block.expansion != 1:
      yield from convolution(f'{ours}/expand', f'{theirs}expand_conv',
                             f'{theirs}expand_bn')
    yield from convolution(f'{ours}/depthwise', f'{theirs}dwconv',
                           f'{theirs}bn')
    for dense, name in itertools.product(('reduce', 'expand'),
                                         ('kernel', 'bias')):
      yield (f'network/{ours}/squeeze_excite/{dense}/{name}',
             f'{theirs}se_{dense}/{name}')
    yield from convolution(f'{ours}/project', f'{theirs}project_conv',
                           f'{theirs}project_bn')
  yield from convolution('head', 'top_conv', 'top_bn')
  for name in 'kernel', 'bias':
    yield f'network/classifier/{name}', f'predictions/{name}'


def _places(architecture) -> Iterator[str]:
  """Keras' number of each block: group and letter, 1a, 2a, 2b."""
  for number, group in enumerate(architecture.block_groups, start=1):
    repeats = scaling.round_repeats(group.repeats, architecture.depth)
    yield from (f'{number}{chr(ord("a") + repeat)}'
                for repeat in range(repeats))
