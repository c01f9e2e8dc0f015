"""A network of `keras.applications` as a declaration, free of TensorFlow."""

import dataclasses
import difflib

from ns.core import checks
from ns.core import errors
from ns.core import files
from ns.noise import model_noise as model_noise_lib

# As Keras 3 has them; a misspelt name is found without loading it.
NAMES = (
    'ConvNeXtBase', 'ConvNeXtLarge', 'ConvNeXtSmall', 'ConvNeXtTiny',
    'ConvNeXtXLarge', 'DenseNet121', 'DenseNet169', 'DenseNet201',
    *(f'EfficientNetB{number}' for number in range(8)), 'EfficientNetV2B0',
    'EfficientNetV2B1', 'EfficientNetV2B2', 'EfficientNetV2B3',
    'EfficientNetV2L', 'EfficientNetV2M', 'EfficientNetV2S',
    'InceptionResNetV2', 'InceptionV3', 'MobileNet', 'MobileNetV2',
    'MobileNetV3Large', 'MobileNetV3Small', 'NASNetLarge', 'NASNetMobile',
    'ResNet101', 'ResNet101V2', 'ResNet152', 'ResNet152V2', 'ResNet50',
    'ResNet50V2', 'VGG16', 'VGG19', 'Xception')
# Sides in pixels below which Keras builds none; 32 where nothing is said.
_SMALLEST = {'InceptionResNetV2': 75, 'InceptionV3': 75, 'Xception': 71}


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasApplication:
  """A network of `keras.applications`, with this project's model noise.

  The network is Keras' own, with its top; how it wants its pixels, it gets
  them. Its random layers are replaced, since Keras' draw the same on every
  replica and not the same again on a rerun: dropout has the rate of
  `ModelNoise.dropout`, and stands before the last layer where the application
  has none; layers that drop a block for a whole image have that of
  `ModelNoise.stochastic_depth`, as in `EfficientNet`. Only Keras'
  EfficientNets, of both versions, have such layers: bind 0 for the others.

  Attributes:
    name: of the function in `keras.applications`.
    image_size: side of the images, in pixels.
    channels: 3, or 1 for grey images, which the network sees as colour.
    network_size: side of the images inside the network, to which they are
      enlarged; `image_size` if None. All applications need 32 or more.
    weights: path of a file of weights that `load_weights` reads, of the whole
      network with as many classes; None for new ones. Nothing is downloaded.
    allow_unseeded_noise: whether random layers that cannot be replaced (no
      application of today's Keras has any) may draw as Keras does.
  """
  name: str
  image_size: int = 224
  channels: int = 3
  network_size: int | None = None
  weights: str | None = None
  allow_unseeded_noise: bool = False
  can_freeze = False  # Keras' networks have no `freeze(blocks)`.

  def __post_init__(self):
    if self.name not in NAMES:
      like = difflib.get_close_matches(str(self.name), NAMES, n=1)
      raise ValueError(
          '`KerasApplication.name` should be a name in `keras.applications`, '
          f'but is {self.name!r}'
          + (f'; did you mean `{like[0]}`?' if like else '.'))
    checks.integer(self, 'image_size', at_least=1)
    checks.one_of(self, 'channels', (1, 3))
    checks.one_of(self, 'allow_unseeded_noise', (False, True))
    if self.network_size is not None:
      checks.integer(self, 'network_size', at_least=self.image_size)
    smallest = _SMALLEST.get(self.name, 32)
    size = self.network_size or self.image_size
    if size < smallest:
      field = 'network_size' if self.network_size else 'image_size'
      raise ValueError(
          f'`KerasApplication.{field}` should be at least {smallest} for '
          f'{self.name}, but is {size}; bind '
          f'`KerasApplication.network_size = {smallest}`, to which images are '
          'enlarged.')
    if self.weights is not None:
      checks.instance(self, 'weights', str)
    if self.weights == 'imagenet':
      raise ValueError(
          "`KerasApplication.weights` should be None or the path of a file, "
          "but is 'imagenet'; nothing is downloaded.")

  @property
  def has_stochastic_depth(self) -> bool:
    return self.name.startswith('EfficientNet')

  def canonical(self) -> dict:
    """See `ns.core.manifest`: of the weights it is their content that counts.

    Raises:
      RunError: there is no such file.
    """
    fields = dataclasses.asdict(self)
    if self.weights is not None:
      fields['weights'] = files.sha256(self._weights_file())
    return {'': f'{__name__}.{type(self).__qualname__}', **fields}

  def check_noise(self, model_noise: model_noise_lib.ModelNoise) -> None:
    """Raises a RunError for noise that the network has no place for."""
    if model_noise.stochastic_depth and not self.has_stochastic_depth:
      raise errors.RunError(
          f'`ModelNoise.stochastic_depth` should be 0 for {self.name}, which '
          'has no layer that skips a block, but is '
          f'{model_noise.stochastic_depth}.')

  def build(self, model_noise: model_noise_lib.ModelNoise, classes: int,
            image_size: int | None = None, seed: int = 0,
            precision: str = 'float32'):
    """The Keras model; arguments and result as of `EfficientNet.build`.

    Raises:
      RunError: the images are too small for the network, the file of weights
        does not exist or is another network's, or see `check_noise`.
    """
    self.check_noise(model_noise)
    if self.weights is not None:
      self._weights_file()
    from ns.models import keras_network  # TensorFlow: only where it is needed.
    return keras_network.of_application(
        self, model_noise, classes, image_size or self.image_size, seed,
        precision)

  def _weights_file(self):
    path = files.data_path(self.weights)
    if not path.exists():
      raise errors.RunError(
          f'`KerasApplication.weights` should be a file, but `{path}` does not '
          'exist.')
    return path
