"""What a source that is made from another has in common with it."""

import dataclasses

from ns.mixture import broken
from ns.mixture import sources


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Derived(sources.Source):
  """Some images of another source, or all of them in another sense.

  Attributes:
    source: where the images are.
  """
  source: sources.Source

  @property
  def classes(self) -> int:
    return self.source.classes

  @property
  def class_names(self) -> tuple[str, ...]:
    return self.source.class_names

  @property
  def is_random_access(self) -> bool:
    return self.source.is_random_access

  @property
  def image_shape(self) -> tuple[int, int, int] | None:
    return self.source.image_shape

  @property
  def image_bytes(self) -> float | None:
    return self.source.image_bytes

  @property
  def missing(self) -> str | None:
    return self.source.missing

  @property
  def limit(self) -> broken.Limit:
    return dataclasses.replace(
        self.source.limit, name=self.name, images=self.num_examples)

  def read(self) -> None:
    self.source.read()
