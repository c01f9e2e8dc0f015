"""Images of a selection encoded anew, smaller than the pool's."""

import dataclasses
import io

from ns.core import checks
from ns.core import errors
from ns.core import op_error


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reencode:
  """Decodes an image, makes it smaller if it is to be, and encodes it.

  It is decoded as for a teacher and for training, whatever is transparent in it
  or has 16 bits.

  Attributes:
    format: 'jpeg', which loses a little, or 'png', which loses nothing.
    quality: of JPEG, from 1 to 95. The reference takes 100 for what it converts
      (filter_unlabel.py); above 95 files grow and pictures do not get better.
    size: the length in pixels of the shorter side, to which larger images are
      made smaller, bicubic with antialiasing; None leaves them.
  """
  format: str = 'jpeg'
  quality: int = 95
  size: int | None = None

  def __post_init__(self):
    checks.one_of(self, 'format', ('jpeg', 'png'))
    checks.integer(self, 'quality', at_least=1)
    if self.quality > 95:
      raise ValueError('`Reencode.quality` should be at most 95, but is '
                       f'{self.quality}.')
    if self.size is not None:
      checks.integer(self, 'size', at_least=1)

  def apply(self, image, key: str) -> bytes:
    """The new bytes of an image.

    Args:
      image: encoded bytes, or [height, width, 1 or 3] uint8 pixels.
      key: names the image in an error.

    Raises:
      RunError: it cannot be decoded.
    """
    from PIL import Image
    if isinstance(image, bytes):
      image = _decoded(image, key)
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    shorter = min(picture.size)
    if self.size is not None and shorter > self.size:
      picture = picture.resize(
          tuple(max(1, round(side * self.size / shorter))
                for side in picture.size), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    if self.format == 'jpeg':
      # Colour at full resolution, as far as JPEG goes.
      picture.save(buffer, format='JPEG', quality=self.quality, subsampling=0)
    else:
      picture.save(buffer, format='PNG', compress_level=1)
    return buffer.getvalue()


def _decoded(image: bytes, key: str):
  """[height, width, 1 or 3] uint8."""
  import tensorflow as tf
  from ns.images import decode
  try:
    return decode.decode(tf.constant(image)).numpy()
  except tf.errors.OpError as error:
    raise errors.RunError(
        f'The image `{key}` cannot be decoded to be encoded anew '
        f'({op_error.reason(error)}); repair it, or leave '
        '`Materialise.reencode` out.') from error
