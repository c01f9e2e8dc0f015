"""Checkpoints of a training that may be killed and started again.

TensorFlow writes a checkpoint to files of other names and renames them, then
does the same with the list of checkpoints, and then removes the oldest. So one
that a killed program was at is on no list, and those before it are as they were.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import json
import re
import sys
from typing import Any

from etils import epath
import tensorflow as tf

from ns.core import errors
from ns.training import train_step

_NAME = re.compile(r'(?:attempt-(\d+)-)?step-(\d+)$')


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


class Checkpoints:
  """The last checkpoints of a training, and the way back.

  Those of its cadence are in a folder, and one that was written because the
  program was asked to end is in `ended` below it: a training that goes back
  takes one of its cadence, wherever it was interrupted.

  A variable is found again by its path. Keras' own keys count variables, so
  that one more would shift them; and of a Keras object a checkpoint has only
  what hangs on it as attributes, and not the layers in its lists.
  """

  def __init__(self, folder: epath.PathLike, state: train_step.State,
               keep: int = 2,
               more: Mapping[str, Mapping[str, tf.Variable]] | None = None):
    """Looks at `folder`.

    Args:
      folder: of the checkpoints.
      state: what they are of.
      keep: how many there are of the cadence.
      more: further variables that belong to the state.
    """
    self._folder, self._keep = epath.Path(folder), keep
    self._position = tf.Variable('{}', dtype=tf.string)
    self._checkpoint = tf.train.Checkpoint(
        network=_by_path(state.network), average=_by_path(state.average),
        optimizer=_by_path(state.optimizer), position=self._position,
        **(more or {}))
    _ = self._checkpoint.save_counter  # It is made by being looked at.

  @property
  def is_empty(self) -> bool:
    """Whether there is none of the cadence."""
    return not self._written(self._folder)

  def restore(self) -> Position:
    """Reads the last checkpoint into the state, if there is one.

    A damaged one is told, and the one before it taken.

    Returns:
      As `save` was given it; the very beginning without a checkpoint.

    Raises:
      RunError: there are checkpoints, but none can be read.
    """
    written = [*self._written(self._folder / 'ended'),
               *self._written(self._folder)]
    # Of two at the same step one is as good as the other.
    return self._read(sorted(written, key=_order)[::-1])

  def go_back(self) -> Position:
    """Reads the last checkpoint of the cadence, as `restore` does."""
    return self._read(self._written(self._folder)[::-1])

  def save(self, position: Position, ends: bool = False) -> None:
    """Writes the state.

    Args:
      position: how far it is.
      ends: whether that is because the program is to end.
    """
    self._position.assign(json.dumps(dataclasses.asdict(position)))
    manager = (self._ended if ends else self._manager)(position.attempt)
    manager.save(checkpoint_number=position.step)
    if not ends and (self._folder / 'ended').exists():
      (self._folder / 'ended').rmtree()  # An older one.

  def _read(self, paths: Sequence[str]) -> Position:
    for path in paths:
      try:
        self._checkpoint.restore(path).assert_consumed()
        break
      # TensorFlow's reader of the index says IndexError of one that is cut off.
      except (AssertionError, IndexError, ValueError,
              tf.errors.OpError) as error:
        print(f'The checkpoint `{path}` cannot be read and is passed over: '
              f'{(str(error) or repr(error)).splitlines()[0]}',
              file=sys.stderr, flush=True)
    else:
      if paths:
        raise errors.RunError(
            f'No checkpoint in `{self._folder}` can be read: they are damaged '
            'or of another version of this program; remove that folder to '
            'train from the start.')
    return Position(**json.loads(self._position.numpy()))

  def _written(self, folder: epath.Path) -> Sequence[str]:
    """The checkpoints in a folder, the last one last.

    By its list; by the files where the list is damaged or gone, since the index
    of a checkpoint is the last of its files. One without a whole index was not
    finished: there is no list, too, where that was the first.
    """
    try:
      listed = self._managed(folder, self._keep, 0).checkpoints
    except ValueError:  # The list is empty.
      (folder / 'checkpoint').unlink()
      listed = ()
    return listed or sorted(
        (str(path).removesuffix('.index')
         for path in (folder.iterdir() if folder.exists() else ())
         if path.suffix == '.index' and _is_whole(path)), key=_order)

  def _manager(self, attempt: int = 0) -> tf.train.CheckpointManager:
    """Of the checkpoints of the cadence; their list is in the folder."""
    return self._managed(self._folder, self._keep, attempt)

  def _ended(self, attempt: int = 0) -> tf.train.CheckpointManager:
    return self._managed(self._folder / 'ended', 1, attempt)

  def _managed(self, folder, keep, attempt):
    name = f'attempt-{attempt}-step' if attempt else 'step'
    return tf.train.CheckpointManager(
        self._checkpoint, str(folder), max_to_keep=keep, checkpoint_name=name)


def _is_whole(index: epath.Path) -> bool:
  """Whether the index of a checkpoint is there to its end."""
  try:
    tf.train.load_checkpoint(str(index).removesuffix('.index'))
  except (IndexError, ValueError, tf.errors.OpError):
    return False
  return True


def _order(path: str) -> tuple[int, int]:
  """Attempt and step of a checkpoint."""
  attempt, step = _NAME.search(path).groups()
  return int(attempt or 0), int(step)


def _by_path(owner) -> dict[str, tf.Variable]:
  variables = {variable.path: variable.value for variable in owner.variables}
  if len(variables) < len(owner.variables):
    paths = [variable.path for variable in owner.variables]
    twice = next(path for path in paths if paths.count(path) > 1)
    raise ValueError(f'`{type(owner).__name__}` should have variables of '
                     f'distinct paths, but has `{twice}` twice.')
  return variables
