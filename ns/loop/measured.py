"""What a short probe says of the time that a stage takes."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
  """Of one stage.

  Attributes:
    images_per_second: once it goes; None of a stage that has no images.
    seconds: of the whole stage, its beginning included.
    note: what is special to how that was measured; may be empty.
  """
  images_per_second: float | None = None
  seconds: float
  note: str = ''
