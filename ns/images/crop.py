"""What part of an image the model sees.

A crop is a frozen dataclass with one method, the same for all of them:

    apply(image, size, channels, seed) -> (pixels, is_good)

It takes an encoded image or pixels and gives `[size, size, channels] uint8`.
Bytes that are no image (cut short, empty, of another kind) give black pixels
and `is_good` False, for the caller to give weight 0: the example keeps its
place. A crop is a pure function of the image and the seed. It may run in
`tf.data.Dataset.map`.

Windows are resized with TensorFlow 1's bicubic, see `ns/images/resize.py`.
The module loads without TensorFlow.
"""

import dataclasses

from ns.core import checks
from ns.core import manifest

# The draws of a crop have numbers of their own under its seed, so that they are
# not those of a noise that was given the same seed.
_FIRST_DRAW = 1 << 32

_FORMS = ('auto', 'native', 'tensorflow')


@dataclasses.dataclass(frozen=True, kw_only=True)
class AsIs:
  """All of the image, which has the model's size already.

  An image of another size is a mistake in the configuration and not a broken
  image: it ends the run with a sentence.

  Attributes:
    form: how it is computed, with equal results: 'auto', 'native' (C++) or
      'tensorflow'.
  """
  form: str = manifest.execution(default='auto')

  def __post_init__(self):
    checks.one_of(self, 'form', _FORMS)

  def apply(self, image, size: int, channels: int, seed=None):
    """The pixels of the image.

    Args:
      image: [] string, or [size, size, channels] uint8.
      size: of the image, in pixels.
      channels: of the result, 1 or 3.
      seed: not used.

    Returns:
      pixels: [size, size, channels] uint8, black where the image is broken.
      is_good: [] bool.

    Raises:
      ValueError: the image is known to have another size.
    """
    del seed  # Nothing is random here.
    from ns.images import window

    return window.whole(image, size=size, channels=channels,
                        form=self.form)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CentreCrop:
  """The square in the middle of the image: the crop of evaluation.

  Exactly one of the two says how much of the shorter side it takes. They agree
  at a size of 224 only.

  Attributes:
    padding: size / (size + padding) of it. The reference has 32 at every size
      (`preprocessing.py`, `center_crop`).
    fraction: this part of it. The weights of the TPU repository were evaluated
      with 0.875 at every size.
    form: see `AsIs`.
  """
  padding: int | None = None
  fraction: float | None = None
  form: str = manifest.execution(default='auto')

  def __post_init__(self):
    if (self.padding is None) == (self.fraction is None):
      raise ValueError(
          '`CentreCrop` should have one of `padding` and `fraction`, but has '
          f'{"neither" if self.padding is None else "both"}; the reference has '
          '`CentreCrop(padding=32)`.')
    if self.fraction is None:
      checks.integer(self, 'padding', at_least=0)
    else:
      checks.number(self, 'fraction', above=0, at_most=1)
    checks.one_of(self, 'form', _FORMS)

  def apply(self, image, size: int, channels: int, seed=None):
    """The middle of the image, resized.

    Args:
      image: [] string, or [height, width, channels] uint8.
      size: of the result, in pixels.
      channels: of the result, 1 or 3.
      seed: not used.

    Returns:
      pixels: [size, size, channels] uint8, black where the image is broken.
      is_good: [] bool.
    """
    del seed  # Nothing is random here.
    from ns.images import window

    return window.resized(
        image, lambda height, width: self.window(height, width, size), False,
        size=size, channels=channels, form=self.form)

  def window(self, height, width, size: int):
    """The square of an image of `height` and `width`.

    Args:
      height: [] int32, in pixels.
      width: [] int32.
      size: that it is resized to, in pixels.

    Returns:
      [4] int32: top, left, height and width.
    """
    import tensorflow as tf

    part = (size / (size + self.padding) if self.fraction is None
            else self.fraction)
    # In float32, as the reference computes it.
    shorter = tf.cast(tf.minimum(height, width), tf.float32)
    side = tf.maximum(tf.cast(part * shorter, tf.int32), 1)
    return tf.stack([(height - side + 1) // 2, (width - side + 1) // 2,
                     side, side])


@dataclasses.dataclass(frozen=True, kw_only=True)
class InceptionCrop:
  """A random window of random size and shape, mirrored or not: for training.

  TensorFlow's own `sample_distorted_bounding_box` with what the reference gives
  it (`preprocessing.py`, `_random_crop`). Where that takes the whole image, as
  it does when no attempt succeeds, the window is that of `CentreCrop`.

  Attributes:
    min_area: least part of the image's area. See also `min_covered`.
    max_area: greatest part of it.
    min_aspect: least width by height.
    max_aspect: greatest width by height.
    min_covered: of the image that a window must cover; the window's area is
      asked twice because the reference does, and so 0.1 is the least.
    attempts: before the whole image is taken.
    padding: of the crop in the middle, see `CentreCrop`.
    flip: whether half of the results are mirrored, left to right.
    form: see `AsIs`.
  """
  min_area: float = 0.08
  max_area: float = 1.0
  min_aspect: float = 3 / 4
  max_aspect: float = 4 / 3
  min_covered: float = 0.1
  attempts: int = 10
  padding: int = 32
  flip: bool = True
  form: str = manifest.execution(default='auto')

  def __post_init__(self):
    checks.number(self, 'min_area', above=0, at_most=1)
    checks.number(self, 'max_area', at_least=self.min_area, at_most=1)
    checks.number(self, 'min_aspect', above=0)
    checks.number(self, 'max_aspect', at_least=self.min_aspect)
    checks.number(self, 'min_covered', at_least=0, at_most=1)
    checks.integer(self, 'attempts', at_least=1)
    checks.integer(self, 'padding', at_least=0)
    checks.one_of(self, 'flip', (True, False))
    checks.one_of(self, 'form', _FORMS)

  def apply(self, image, size: int, channels: int, seed):
    """A window of the image, resized.

    Args:
      image: [] string, or [height, width, channels] uint8.
      size: of the result, in pixels.
      channels: of the result, 1 or 3.
      seed: [] int64, of the example.

    Returns:
      pixels: [size, size, channels] uint8, black where the image is broken.
      is_good: [] bool.
    """
    import tensorflow as tf
    from ns.core import draws
    from ns.images import window

    numbers = draws.members(
        seed, tf.range(_FIRST_DRAW, _FIRST_DRAW + 3, dtype=tf.int64))
    return window.resized(
        image, lambda height, width: self.window(
            height, width, size, numbers[:2]),
        numbers[2] < 0 if self.flip else False, size=size, channels=channels,
        form=self.form)

  def window(self, height, width, size: int, seed):
    """The window of an image of `height` and `width`.

    Args:
      height: [] int32, in pixels.
      width: [] int32.
      size: that it is resized to, in pixels.
      seed: [2] int64.

    Returns:
      [4] int32: top, left, height and width.
    """
    import tensorflow as tf

    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.stack([height, width, 3]), tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
        seed, min_object_covered=self.min_covered,
        aspect_ratio_range=(self.min_aspect, self.max_aspect),
        area_range=(self.min_area, self.max_area), max_attempts=self.attempts)
    drawn = tf.concat([begin[:2], extent[:2]], 0)
    middle = CentreCrop(padding=self.padding).window(height, width, size)
    is_whole = (drawn[2] == height) & (drawn[3] == width)
    return tf.where(is_whole, middle, drawn)
