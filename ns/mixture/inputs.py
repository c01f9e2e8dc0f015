"""What goes into a mixture (`ns.mixture.batches`)."""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

from ns.mixture import sources
from ns.mixture import views
from ns.noise import sequence


@dataclasses.dataclass(frozen=True, kw_only=True)
class PseudoLabelled:
  """Selected pseudo-labelled images, as files.

  Attributes:
    files: their paths, each with its number of examples, counting copies.
    images: how many there are, each counted once.
  """
  files: Sequence[tuple[str, int]]
  images: int

  @classmethod
  def selected(cls, folder, results: Mapping[str, Any]) -> 'PseudoLabelled':
    """As `Select` left them in `folder`, with these results."""
    return cls(files=tuple((str(folder / name), examples) for name, examples
                           in results['records'].items()),
               images=results['used'])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inputs:
  """All of it.

  Attributes:
    labelled: the labelled images.
    view: what the network sees of an image.
    pseudo_labelled: the teacher's, None in a generation without a teacher.
    unlabelled: the pool, where a teacher labels it in the step.
    teacher_view: what that teacher sees of an image.
    noise: input noise, an object with `apply` (`ns.noise`). One with
      `on_device` is left to the training step: the batches have seeds for it.
    batch_noise: noise that mixes images, an object with `mix`, or None.
    worker, workers: which of how many hosts this is: each makes the part of a
      batch that its lanes give, and the parts in order are the whole batch.
  """
  labelled: sources.Source
  view: views.View
  pseudo_labelled: PseudoLabelled | None = None
  unlabelled: sources.Source | None = None
  teacher_view: views.View | None = None
  noise: Any = sequence.Off()
  batch_noise: Any = None
  worker: int = 0
  workers: int = 1

  @property
  def noise_is_left(self) -> bool:
    """Whether the noise is left to the training step."""
    return getattr(self.noise, 'on_device', False)
