"""Where a training begins: the weights of its first step, if not new ones.

Both the network and its moving average begin there, with a new optimizer, as
the reference's `init_model` does (utils.py, lines 292 to 324). In the reference
that excludes a teacher in the step, of which alone it then reads the weights;
here one does not know of the other.
"""

import dataclasses
from typing import Any

from ns.core import checks
from ns.core import errors
from ns.core import manifest
from ns.training import weights_file

# What may differ between two networks with the same variables.
_FREE = ('image_size', 'normalization')
_SHOWN = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class FromTeacher:
  """Begins with the moving average of an earlier generation.

  Its architecture is this generation's; the size of the images may be another.

  Attributes:
    generation: the name of that generation. None: the teacher or, where there
      is none, the generation before this one.
  """
  generation: str | None = None

  def __post_init__(self):
    if self.generation is not None:
      checks.instance(self, 'generation', str)

  def check_architectures(self, name: str, model: Any, other_name: str,
                          other: Any) -> None:
    """Checks that the weights of one network are also those of another.

    Args:
      name: of the generation that begins with them.
      model: its architecture.
      other_name: of the generation that they are taken from.
      other: its architecture.

    Raises:
      RunError: the architectures differ.
    """
    ours, theirs = _form(model), _form(other)
    found = manifest.differences(theirs, ours)
    if not found:
      return
    more = len(found) - _SHOWN
    shown = '; '.join(found[:_SHOWN]) + (f'; {more} more' if more > 0 else '')
    raise errors.RunError(
        f'`Generation.model` of {name} should be that of {other_name}, apart '
        'from the size of its images, since `FromTeacher` begins with those '
        f'weights, but differs ({shown}); bind the same architecture, or None '
        'to `Generation.start`.')


@dataclasses.dataclass(frozen=True, kw_only=True)
class FromWeights(weights_file.WeightsFile):
  """Begins with the weights in a file, and trains them on.

  The file is one that a training wrote (`average.npz` in its folder), or one of
  `//tools:import_checkpoint`. `FromCheckpoint` takes such a file in place of
  any training.

  Attributes:
    path: of the npz file; `@repository/file` is a file of a Bazel repository.
  """


def _form(model) -> Any:
  form = manifest.canonical(model)
  if not isinstance(form, dict):
    return form
  return {name: value for name, value in form.items() if name not in _FREE}
