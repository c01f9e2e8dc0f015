"""Made images of no class: noise, stripes, checks and clouds."""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import hashlib
import json

import numpy as np

from ns.core import checks
from ns.core import seeds
from ns.images import encode
from ns.mixture import foreign
from ns.mixture import lane
from ns.mixture import sources

KINDS = 'noise', 'stripes', 'checks', 'clouds'

_AT_ONCE = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Textures(sources.Source):
  """Images that are made as they are read, each from (seed, index) alone.

  Attributes:
    num_examples: how many.
    image_size: side, in pixels.
    name: a short name, the beginning of the keys.
    channels: 1 for grey, 3 for colour.
    kinds: of `KINDS`, which follow each other from image to image: pixels
      without a pattern; soft stripes of any direction and width; a chess-board,
      turned; patches that run into each other.
    seed: of what is on them.
    encoded: whether they come as PNG, beside sources of encoded images; else
      as pixels.
  """
  num_examples: int
  image_size: int
  name: str = 'textures'
  channels: int = 3
  kinds: Sequence[str] = KINDS
  seed: int = 0
  encoded: bool = False
  is_labelled = False
  is_random_access = True
  classes = 0
  class_names = ()

  def __post_init__(self):
    checks.integer(self, 'num_examples', at_least=1)
    checks.integer(self, 'image_size', at_least=1)
    checks.instance(self, 'name', str)
    checks.one_of(self, 'channels', (1, 3))
    checks.instance(self, 'kinds', list, tuple)
    object.__setattr__(self, 'kinds', tuple(self.kinds))
    unknown = [kind for kind in self.kinds if kind not in KINDS]
    if unknown or not self.kinds:
      raise ValueError(f'`Textures.kinds` should be of {list(KINDS)}, but is '
                       f'{list(self.kinds)}.')
    checks.integer(self, 'seed', at_least=0)
    seeds.Seed(self.seed)  # It is below 2**64, too.
    checks.one_of(self, 'encoded', (True, False))

  @property
  def image_shape(self) -> tuple[int, int, int] | None:
    # As of others: what is in a PNG is not known beforehand.
    return None if self.encoded else self._shape

  @property
  def _shape(self) -> tuple[int, int, int]:
    return self.image_size, self.image_size, self.channels

  @property
  def shards(self) -> tuple[sources.Shard, ...]:
    return sources.even_shards(self.num_examples)

  def digest(self) -> str:
    declared = json.dumps({field.name: getattr(self, field.name)
                           for field in dataclasses.fields(self)})
    return hashlib.sha256(f'textures 1 {declared}'.encode()).hexdigest()

  def keys(self, indices: np.ndarray | None = None) -> list[str]:
    return sources.numbered(
        self.name, sources.all_or(indices, self.num_examples),
        self.num_examples)

  def read(self) -> None:
    """There is nothing to be missing."""

  def hidden_labels(self) -> np.ndarray:
    return np.full(self.num_examples, foreign.NO_CLASS)

  def foreign(self) -> np.ndarray:
    return np.ones(self.num_examples, bool)

  def at(self, indices: np.ndarray):
    import tensorflow as tf
    indices = np.asarray(indices)

    def chunks() -> Iterator[dict[str, np.ndarray]]:
      for begin in range(0, len(indices), _AT_ONCE):
        yield self.columns(indices[begin:begin + _AT_ONCE])

    images = (tf.TensorSpec([None], tf.string) if self.encoded else
              tf.TensorSpec([None, *self._shape], tf.uint8))
    with tf.device('cpu'):
      return tf.data.Dataset.from_generator(chunks, output_signature={
          'key': tf.TensorSpec([None], tf.string), 'image': images}).unbatch()

  def columns(self, indices: np.ndarray) -> lane.Columns:
    images = [self.pixels(int(index)) for index in indices]
    keys = [key.encode() for key in self.keys(indices)]
    return {'key': np.array(keys, object), 'image': (
        np.array([encode.png(image) for image in images], object)
        if self.encoded else np.reshape(
            np.array(images, np.uint8), (-1, *self._shape)))}

  def pixels(self, index: int) -> np.ndarray:
    """[size, size, channels] uint8: image `index`."""
    seed = seeds.Seed(self.seed).child('textures', index)
    kind = self.kinds[index % len(self.kinds)]
    size, channels = self.image_size, self.channels
    if kind == 'noise':
      drawn = _uniform(seed, size * size * channels)
      return _bytes(drawn.reshape(size, size, channels))
    # Two colours, and where an image is how much of the one or the other.
    two = _uniform(seed.child('colours'), 2 * channels).reshape(2, channels)
    share = _SHARES[kind](seed, size)[..., np.newaxis]
    return _bytes(two[0] * share + two[1] * (1 - share))


def _uniform(seed: seeds.Seed, count: int) -> np.ndarray:
  """[count] float64 in [0, 1)."""
  return (seed.bits(count) >> np.uint64(11)) * 2.0**-53


def _bytes(values: np.ndarray) -> np.ndarray:
  return np.minimum(values * 256, 255).astype(np.uint8)


def _turned(seed, size) -> tuple[np.ndarray, np.ndarray]:
  """Coordinates [size, size], turned, moved and scaled; 1 is half a period."""
  angle, width, *origin = _uniform(seed, 4)
  scale = 2 / size * 2**(2 * width)  # One to four periods on an image.
  y, x = np.mgrid[:size, :size] * scale + np.reshape(origin, [2, 1, 1]) * 2
  sine, cosine = np.sin(2 * np.pi * angle), np.cos(2 * np.pi * angle)
  return x * cosine + y * sine, y * cosine - x * sine


def _stripes(seed, size):
  return 0.5 + 0.5 * np.sin(np.pi * _turned(seed, size)[0])


def _checks(seed, size):
  x, y = _turned(seed, size)
  return (np.floor(x) + np.floor(y)) % 2


def _clouds(seed, size):
  corners = 5
  grid = _uniform(seed, corners**2).reshape(corners, corners)
  places = np.arange(size) * (corners - 1) / size
  low = places.astype(int)
  part = places - low
  rows = (grid[low] * (1 - part)[:, np.newaxis]
          + grid[low + 1] * part[:, np.newaxis])
  return rows[:, low] * (1 - part) + rows[:, low + 1] * part


_SHARES = {'stripes': _stripes, 'checks': _checks, 'clouds': _clouds}
