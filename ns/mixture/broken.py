"""How many images may be broken: those that do not decode.

They keep their place, black and with weight 0, so that nothing else moves; who
meets them counts them, and a limit says how many they may come to.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

from ns.core import errors

# Keys of broken images that an error names, and that results have.
_NAMED = 3
_TOLD = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limit:
  """A share of some images.

  Attributes:
    name: of the images, or of their source.
    images: how many there are.
    share: which of them may be broken.
    binding: what says so, such as 'Folder.max_excluded'.
    leave_out: how they can be left out, for the error.
  """
  name: str
  images: int
  share: float
  binding: str
  leave_out: str = 'take them out'

  def check(self, count: int, keys: Sequence[str], met: str = '') -> None:
    """Checks how many are broken.

    Args:
      count: how many.
      keys: of these, or of the first of them.
      met: where, if not all images were looked at, such as ' by step 20'.

    Raises:
      RunError: they are more than may be.
    """
    # Not a product: 0.29 x 100 is less than 29.
    if not count or count / self.images <= self.share:
      return
    named = ', '.join(f'`{key}`' for key in keys[:_NAMED])
    more = f' and {count - _NAMED:,} more' if count > _NAMED else ''
    raise errors.RunError(
        f'At most {self.share:.3g} of the {self.images:,} images of '
        f'`{self.name}` should be broken, which is `{self.binding}`, but '
        f'{count:,} do not decode{met}: {named}{more}; repair them, '
        f'{self.leave_out}, or allow more.')

  def told(self, count: int, keys: Sequence[str]) -> dict[str, Any]:
    """What results say; arguments as of `check`.

    Returns:
      What `told` gives, the `share` that these are of the images, and
      `max_share`, which they may be at most.
    """
    return {**told(count, keys), 'share': count / self.images,
            'max_share': self.share}


def told(count: int, keys: Sequence[str]) -> dict[str, Any]:
  """What results say where there is no limit: `count`, the first 20 `keys`."""
  return {'count': count, 'keys': list(keys[:_TOLD])}
