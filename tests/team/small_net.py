"""A team's own model: a small convolutional network, built of Keras' layers."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallNet:
  """Convolutions of stride 2, each with twice the filters of the one before.

  Attributes:
    image_size: side of the images, in pixels.
    channels: of the images.
    filters: of the first convolution.
    depth: number of convolutions.
  """
  image_size: int = 28
  channels: int = 1
  filters: int = 16
  depth: int = 3

  def __post_init__(self):
    for name in ('image_size', 'channels', 'filters', 'depth'):
      checks.integer(self, name, at_least=1)

  def build(self, model_noise, classes, image_size=None, seed=0,
            precision='float32'):
    """See `ns.models.EfficientNet.build`; stochastic depth has no place."""
    import keras
    from ns.models import keras_network
    size = image_size or self.image_size
    images = keras.Input((size, size, self.channels))
    features = keras.layers.Rescaling(1 / 127.5, offset=-1)(images)
    for number in range(self.depth):
      features = keras.layers.Conv2D(
          self.filters * 2**number, 3, strides=2, padding='same',
          use_bias=False)(features)
      features = keras.layers.BatchNormalization(momentum=0.9)(features)
      features = keras.layers.Activation('relu')(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    logits = keras.layers.Dense(classes)(features)
    return keras_network.adapt(
        keras.Model(images, logits), seed=seed, dropout=model_noise.dropout,
        precision=precision)
