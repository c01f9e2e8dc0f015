"""Functional Keras networks, called as this project calls a network.

Keras' random layers draw from a state of their own: the same on every replica,
and not the same again after a restart. `adapt` copies a network with its
dropout replaced by `SeededDropout`, which draws for each image from (noise
seed, index of the image in the global batch), as `ns.models.network` does.
"""

import collections
from collections.abc import Callable
import contextlib
import importlib
import re
import threading

import keras
import tensorflow as tf

from ns.core import draws
from ns.core import errors
from ns.core import files

# Keras' efficientnet.py and efficientnet_v2.py: `drop_connect_rate` times the
# block's index over the number of blocks.
_STOCHASTIC_DEPTH = 0.2


class ImageSeeds(threading.local):
  """The seeds of the images at hand; each replica is a thread of its own."""

  def __init__(self):
    self.current = None

  @contextlib.contextmanager
  def of(self, seeds):
    before, self.current = self.current, seeds
    try:
      yield
    finally:
      self.current = before


class SeededDropout(keras.layers.Layer):
  """Dropout whose noise is a function of the images' seeds.

  Call arguments: inputs [batch, ...] float; training.
  """

  def __init__(self, rate: float, place: int, whole_image: bool,
               image_seeds: ImageSeeds, **kwargs):
    """`place`: among the random layers, from 0; `whole_image`: all or nothing.
    """
    super().__init__(**kwargs)
    self.rate = rate
    self.place = place
    self.whole_image = whole_image
    self.image_seeds = image_seeds

  def call(self, inputs, training=False):
    seeds = self.image_seeds.current
    if not training or not self.rate:
      return inputs
    if seeds is None:
      raise ValueError('`noise_seed` should be given when a network with '
                       f'dropout of {self.rate} is called with '
                       '`training=True`.')
    shape = [1] * (len(inputs.shape) - 1) if self.whole_image else (
        inputs.shape[1:])
    count = 1
    for size in shape:
      count *= size
    uniform = draws.uniform(draws.members(seeds, self.place), count)
    scale = tf.where(uniform < self.rate, 0.0, 1 / (1 - self.rate))
    return inputs * tf.cast(tf.reshape(scale, [-1, *shape]), inputs.dtype)


class KerasNetwork(keras.Model):
  """A functional network behind the contract of an architecture's `build`.

  Call arguments and result: as of `ns.models.network.Network`.
  """

  def __init__(self, network, image_seeds: ImageSeeds,
               prepare: Callable[[tf.Tensor], tf.Tensor]):
    super().__init__(name='network', autocast=False, dtype='float32')
    self.network = network
    self.image_seeds = image_seeds
    self.prepare = prepare
    self.built = True

  @property
  def variables(self):
    """All that training changes: not the states of unseeded random layers."""
    return self.weights

  def call(self, images, training=False, noise_seed=None, first_index=0):
    seeds = None
    if training and noise_seed is not None:
      index = tf.range(tf.shape(images)[0], dtype=tf.int64)
      seeds = draws.members(noise_seed,
                            index + tf.cast(first_index, tf.int64))
    with self.image_seeds.of(seeds):
      logits = self.network(self.prepare(images), training=training)
    return tf.cast(logits, tf.float32)


def of_application(architecture, model_noise, classes: int, image_size: int,
                   seed: int, precision: str) -> KerasNetwork:
  """The network of a `KerasApplication`; arguments as of its `build`."""
  function = getattr(keras.applications, architecture.name)
  size = max(image_size, architecture.network_size or 0)
  try:
    network = function(
        weights=None, input_shape=(size, size, 3), classes=classes,
        classifier_activation=None)
  except ValueError as error:
    raise errors.RunError(
        f'Keras cannot build {architecture.name} for images of {size} x '
        f'{size}: {_one_line(error)} A larger `KerasApplication.network_size` '
        'enlarges the images.') from error
  if architecture.weights is not None:
    _load(network, architecture)
  preprocess = importlib.import_module(function.__module__).preprocess_input

  def prepare(images):
    if images.shape[1] != size or images.shape[2] != size:
      images = tf.image.resize(images, (size, size))
    if architecture.channels == 1:
      images = tf.repeat(images, 3, axis=-1)
    return preprocess(images)

  return adapt(
      network, prepare, seed=seed, dropout=model_noise.dropout,
      stochastic_depth=model_noise.stochastic_depth / _STOCHASTIC_DEPTH,
      keep_weights=architecture.weights is not None, precision=precision,
      allow_unseeded_noise=architecture.allow_unseeded_noise)


def adapt(network: keras.Model, prepare=lambda images: images, *,
          seed: int = 0, keep_weights: bool = False,
          dropout: float | None = None, stochastic_depth: float = 1.0,
          precision: str = 'float32',
          allow_unseeded_noise: bool = False) -> KerasNetwork:
  """Copies a functional network into one that follows the contract of `build`.

  Args:
    network: of one input [batch, height, width, channels] and one output,
      logits [batch, classes].
    prepare: from images float32 in [0, 255] to what the network takes.
    seed: of new weights, in [0, 2**31).
    keep_weights: whether it keeps those of `network` instead.
    dropout: the rate of dropout, which comes before the last layer where the
      network has none; None leaves all as it is.
    stochastic_depth: factor on the rates of layers that drop the features of a
      whole image.
    precision: as of `EfficientNet.build`.
    allow_unseeded_noise: whether random layers that cannot be replaced may
      draw as Keras does.

  Raises:
    ValueError: the network is not functional, has random layers that cannot be
      replaced, or no place for dropout.
  """
  if not hasattr(network, 'operations'):
    raise ValueError(
        f'`network` should be a functional Keras model, but is {network!r}.')
  copier = _Copier(network, seed, dropout, stochastic_depth, precision,
                   allow_unseeded_noise)
  return KerasNetwork(copier.copy(keep_weights), copier.image_seeds, prepare)


class _Copier:
  """Copies one network, layer by layer, each under a name of its own."""

  def __init__(self, network, seed, dropout, stochastic_depth, precision,
               allow_unseeded_noise):
    self._network = network
    self._seed = seed
    self._dropout = dropout
    self._stochastic_depth = stochastic_depth
    self._precision = precision
    self._copies = []  # Pairs of old and new.
    self._made_up = collections.Counter()
    self._places = 0
    self.image_seeds = ImageSeeds()
    # What comes after the last layer with weights is float32, as it is.
    with_weights = [n for n, layer in enumerate(network.layers)
                    if layer.weights]
    self._last = network.layers[with_weights[-1]]
    self._tail = network.layers[with_weights[-1]:]
    layers = tuple(_replaceable(network))
    self._check_random(layers, allow_unseeded_noise)
    self._inserts = bool(dropout) and not any(
        _kind_of_noise(layer) == 'dropout' for layer in layers)
    if self._inserts and not isinstance(self._last, keras.layers.Dense):
      raise ValueError(
          f'`dropout` should be None or 0 for {network.name}, which has none '
          'and no dense layer at its end before which it could stand, but is '
          f'{dropout}.')

  def copy(self, keep_weights: bool):
    made = keras.models.clone_model(
        self._network, clone_function=self._layer, call_function=self._call,
        recursive=True)
    for old, new in self._copies if keep_weights else ():
      if new.weights:
        new.set_weights(old.get_weights())
    for _, layer in self._copies:
      _name_variables(layer)
    return made

  def _check_random(self, layers, allowed: bool) -> None:
    left = [f'`{layer.name}` ({type(layer).__name__})' for layer in layers
            if _kind_of_noise(layer) is None and _is_random(layer)]
    if left and not allowed:
      raise ValueError(
          '`network` should have no random layers that the noise seed does not '
          f'reach, but {self._network.name} has {", ".join(left)}; remove '
          'them, or set `allow_unseeded_noise=True`, with which a rerun is not '
          'the same.')

  def _layer(self, old):
    if not isinstance(old, keras.layers.Layer):
      return old  # An operation: it has no state.
    kind = _kind_of_noise(old)
    if kind == 'dropout':
      rate = old.rate if self._dropout is None else self._dropout
      return self._seeded(rate, False, self._name(old))
    if kind == 'stochastic depth':
      rate = getattr(old, 'drop_path_rate', None)
      rate = old.rate if rate is None else rate
      return self._seeded(rate * self._stochastic_depth, True, self._name(old))
    new = type(old).from_config(self._config(old))
    self._copies.append((old, new))
    return new

  def _config(self, old) -> dict:
    config = {**old.get_config(), 'name': self._name(old)}
    for key, value in config.items():
      if isinstance(value, dict) and 'seed' in (value.get('config') or {}):
        config[key] = {**value, 'config': {
            **value['config'], 'seed': self._next_seed()}}
    if self._precision != 'float32':
      config['dtype'] = ('float32' if any(old is layer for layer in self._tail)
                         else self._precision)
    if isinstance(old, keras.layers.BatchNormalization):
      # Moving statistics are then the same on every replica.
      strategy = tf.distribute.get_strategy()
      config['synchronized'] = strategy.num_replicas_in_sync > 1
    if isinstance(old, keras.layers.Normalization) and old.weights:
      # As constants: its count is a whole number, and has no average.
      config['mean'] = old.adapt_mean.numpy().tolist()
      config['variance'] = old.adapt_variance.numpy().tolist()
    return config

  def _name(self, old) -> str:
    """The layer's own; those that Keras makes up count from 0 in each copy."""
    kind = _snake_case(type(old).__name__)
    if not re.fullmatch(rf'{kind}(_[0-9]+)?', old.name):
      return old.name
    self._made_up[kind] += 1
    return f'{kind}_{self._made_up[kind] - 1}'

  def _next_seed(self) -> int:
    self._seed += 1
    return (self._seed - 1) % 2**31

  def _seeded(self, rate: float, whole_image: bool, name=None):
    if not 0 <= rate < 1:
      raise ValueError(
          f'`stochastic_depth` should leave all rates of {self._network.name} '
          f'below 1, but `{name}` would have {rate:g}.')
    self._places += 1
    return SeededDropout(rate, self._places - 1, whole_image, self.image_seeds,
                         name=name, dtype=self._precision)

  def _call(self, layer, *args, **kwargs):
    if self._inserts and any(old is self._last and new is layer
                             for old, new in self._copies):
      inputs, *args = args
      args = [self._seeded(self._dropout, False, 'dropout')(inputs), *args]
    return layer(*args, **kwargs)


def _replaceable(network):
  """The layers that Keras' `clone_model` asks for, one by one.

  It goes into models and not into other layers that have layers in them.
  """
  for layer in network.layers:
    if isinstance(layer, keras.Model):
      yield from _replaceable(layer)
    else:
      yield layer


def _kind_of_noise(layer) -> str | None:
  """'dropout', 'stochastic depth', or None: not to be replaced."""
  # ConvNeXt's own layer, which is not public. Other layers may keep a rate of
  # that name beside weights, and are more than noise.
  if (type(layer).__name__ == 'StochasticDepth'
      and hasattr(layer, 'drop_path_rate') and not layer.weights):
    return 'stochastic depth'
  if type(layer) is keras.layers.Dropout:
    if layer.noise_shape is None:
      return 'dropout'
    if all(size == 1 for size in layer.noise_shape[1:]):
      return 'stochastic depth'
  return None


def _is_random(layer) -> bool:
  """Whether it, or a layer in it, draws from a state of its own."""
  return any(isinstance(value, keras.random.SeedGenerator)
             # There is no public way to the layers in a layer.
             # pylint: disable-next=protected-access
             for inner in layer._flatten_layers()
             for value in vars(inner).values())


def _name_variables(layer) -> None:
  """Numbers those without a name from 0; Keras counts on through a program."""
  unnamed = [variable for variable in layer.weights
             if re.fullmatch('variable(_[0-9]+)?', variable.name)]
  for number, variable in enumerate(unnamed):
    # There is no public way: ConvNeXt's LayerScale gives its variable no name.
    # pylint: disable=protected-access
    folder = variable.path.rpartition('/')[0]
    variable._name = f'variable_{number}'
    variable._path = f'{folder}/{variable._name}'.lstrip('/')


def _snake_case(name: str) -> str:
  """As Keras makes names of layers (keras/src/utils/naming.py)."""
  name = re.sub('(.)([A-Z][a-z]+)', r'\1_\2', name)
  return re.sub('([a-z])([A-Z])', r'\1_\2', name).lower()


def _load(network, architecture) -> None:
  path = str(files.data_path(architecture.weights))
  try:
    network.load_weights(path)
  except (ValueError, OSError) as error:
    raise errors.RunError(
        f'`KerasApplication.weights` should be of {architecture.name}, but '
        f'`{path}` is not: {_one_line(error)}') from error


def _one_line(error: Exception) -> str:
  return ' '.join(str(error).split())
