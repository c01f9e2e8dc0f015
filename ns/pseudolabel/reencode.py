"""Images of a selection encoded anew, smaller than the pool's."""

import dataclasses
import io

from ns.core import checks
from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reencode:
  """Decodes an image, makes it smaller if it is to be, and encodes it.

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
    try:
      if isinstance(image, bytes):
        picture = Image.open(io.BytesIO(image))
        picture.load()
      else:
        picture = Image.fromarray(
            image[..., 0] if image.shape[2] == 1 else image)
    except (OSError, SyntaxError, ValueError) as error:
      raise errors.RunError(
          f'The image `{key}` cannot be decoded to be encoded anew ({error}); '
          'repair it, or leave `Materialise.reencode` out.') from error
    if picture.mode not in ('L', 'RGB'):
      picture = picture.convert('RGB')
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
