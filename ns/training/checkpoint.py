"""Checkpoints of a training that may be killed and started again.

One is a file of weights as `ns.models.weights` writes them, of all variables of
the training; how far it is are the metadata. The file is written aside, gets
its name when it is whole, and then the oldest goes. So one that a killed
program was at is none, and those before it are as they were.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import re
import sys
from typing import Any

from etils import epath

from ns.core import errors
from ns.core import files
from ns.models import weights
from ns.training import train_step

_NAME = re.compile(r'(?:attempt-(\d+)-)?step-(\d+)\.npz$')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Position:
  """How far a training is.

  Attributes:
    step: how many steps were taken.
    attempt: which one it is, from 0.
    seconds: spent until then, by all starts.
    recent: the metrics of the steps that are not summed up yet.
    returns: why the attempts before ended: `step` and `reason` of each, and
      `returned_to`, the step at which the next one began.
    best: `step` and `accuracy` of the best weights; empty before there are any.
    broken: the keys of the images met so far that do not decode, by kind
      (`ns.training.broken`).
  """
  step: int = 0
  attempt: int = 0
  seconds: float = 0.0
  recent: Sequence[Mapping[str, float]] = ()
  returns: Sequence[Mapping[str, Any]] = ()
  best: Mapping[str, float] = dataclasses.field(default_factory=dict)
  broken: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)

  @classmethod
  def of(cls, told: Mapping[str, Any]) -> 'Position':
    """From fields as JSON has them; what an earlier version lacked is empty.

    Raises:
      RunError: that is no position.
    """
    names = {field.name for field in dataclasses.fields(cls)}
    if not {'step'} <= told.keys() <= names:
      raise errors.RunError(
          'A position should have `step` and no more than '
          f'{", ".join(sorted(names))}, but has '
          f'{", ".join(sorted(told)) or "nothing"}.')
    return cls(**told)

  @property
  def file(self) -> str:
    """The name of its checkpoint."""
    attempt = f'attempt-{self.attempt}-' if self.attempt else ''
    return f'{attempt}step-{self.step}.npz'


class Checkpoints:
  """The last checkpoints of a training, and the way back.

  Those of its cadence are in a folder, and one that was written because the
  program was asked to end is in `ended` below it: a training that goes back
  takes one of its cadence, wherever it was interrupted.

  A variable is found again by its path, so that one more shifts no others.
  """

  def __init__(self, folder: epath.PathLike, state: train_step.State,
               keep: int = 2,
               more: Mapping[str, Mapping[str, Any]] | None = None):
    """Looks at `folder`.

    Args:
      folder: of the checkpoints.
      state: what they are of.
      keep: how many there are of the cadence.
      more: further variables that belong to the state.
    """
    self._folder, self._keep = epath.Path(folder), keep
    self._ended = self._folder / 'ended'
    parts = {name: weights.by_path(getattr(state, name))
             for name in ('network', 'average', 'optimizer')} | (more or {})
    self._variables = {f'{part}/{path}': variable
                       for part, variables in parts.items()
                       for path, variable in variables.items()}

  @property
  def is_empty(self) -> bool:
    """Whether there is none of the cadence."""
    return not _written(self._folder)

  def restore(self) -> Position:
    """Reads the last checkpoint into the state, if there is one.

    A damaged one is told, and the one before it taken.

    Returns:
      As `save` was given it; the very beginning without a checkpoint.

    Raises:
      RunError: there are checkpoints, but none can be read.
    """
    # Of two at the same step one is as good as the other.
    return self._read(sorted(
        [*_written(self._ended), *_written(self._folder)], key=_order))

  def go_back(self) -> Position:
    """Reads the last checkpoint of the cadence, as `restore` does."""
    return self._read(_written(self._folder))

  def save(self, position: Position, ends: bool = False) -> None:
    """Writes the state.

    Args:
      position: how far it is.
      ends: whether that is because the program is to end.
    """
    folder, keep = (self._ended, 1) if ends else (self._folder, self._keep)
    path = folder / position.file
    weights.write(path, self._variables, dataclasses.asdict(position))
    for old in _superseded(path, keep):
      old.unlink()
    if not ends and self._ended.exists():
      self._ended.rmtree()  # An older one.

  def _read(self, paths: Sequence[epath.Path]) -> Position:
    """Reads the last of the files that is whole."""
    for path in reversed(paths):
      try:
        position = Position.of(weights.metadata(path))
        weights.give(self._variables, weights.read(path), str(path))
        return position
      except errors.RunError as error:
        print(f'The checkpoint `{path}` cannot be read and is passed over: '
              f'{error.__cause__ or error}', file=sys.stderr, flush=True)
    if paths:
      raise errors.RunError(
          f'No checkpoint in `{self._folder}` can be read: they are damaged '
          'or of another version of this program; remove that folder to '
          'train from the start.')
    return Position()


def _written(folder: epath.Path) -> list[epath.Path]:
  """The checkpoints in a folder, the last one last."""
  found = folder.iterdir() if folder.exists() else ()
  return sorted((path for path in found if _NAME.fullmatch(path.name)),
                key=_order)


def _superseded(path: epath.Path, keep: int) -> Iterator[epath.Path]:
  """What need not be kept once the checkpoint at `path` is there.

  All but the last `keep`; those of later steps, which could not be read; and
  what a killed program was at.
  """
  written = _written(path.parent)
  place = written.index(path) + 1
  yield from written[:max(place - keep, 0)]
  yield from written[place:]
  yield from filter(files.is_aside, path.parent.iterdir())


def _order(path: epath.Path) -> tuple[int, int]:
  """Attempt and step of a checkpoint."""
  attempt, step = _NAME.fullmatch(path.name).groups()
  return int(attempt or 0), int(step)
