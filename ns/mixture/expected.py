"""What a plan counts with while the files of a source are elsewhere."""

import dataclasses

from ns.core import checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Expected:
  """What a source in files is going to have in them.

  A plan of a large run is made before its data is, and elsewhere. It counts
  with these figures and says what is not there; a run reads the files, and
  counts what they have.

  Attributes:
    examples: how many images.
    image_bytes: of an encoded image, on the average; None if nobody knows.
    preparation: how the files come about, for people; may be empty.
  """
  examples: int
  image_bytes: float | None = None
  preparation: str = ''

  def __post_init__(self):
    checks.integer(self, 'examples', at_least=1)
    if self.image_bytes is not None:
      checks.number(self, 'image_bytes', above=0)
    checks.instance(self, 'preparation', str)
