"""Checkpoints of a training that may be killed and started again."""

from collections.abc import Mapping
from collections.abc import Sequence
import json
import sys

from etils import epath
import tensorflow as tf

from ns.core import errors
from ns.training import train_step


class Checkpoints:
  """The last two checkpoints of a training, and the way back.

  A variable is found again by its path. Keras' own keys count variables, so
  that one more would shift them; and of a Keras object a checkpoint has only
  what hangs on it as attributes, and not the layers in its lists.
  """

  def __init__(self, folder: epath.PathLike, state: train_step.State):
    self._folder = epath.Path(folder)
    self._step = tf.Variable(0, dtype=tf.int64)
    self._seconds = tf.Variable(0.0, dtype=tf.float64)
    self._recent = tf.Variable('[]', dtype=tf.string)
    self._manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(
            network=_by_path(state.network), average=_by_path(state.average),
            optimizer=_by_path(state.optimizer), step=self._step,
            seconds=self._seconds, recent=self._recent),
        str(self._folder), max_to_keep=2, checkpoint_name='step')

  def restore(self) -> tuple[int, float, list[dict[str, float]]]:
    """Reads the last checkpoint into the state, if there is one.

    A damaged one is told, and the one before it taken.

    Returns:
      As `save` was given them; 0, 0 and none without a checkpoint.

    Raises:
      RunError: there are checkpoints, but none can be read.
    """
    written = self._manager.checkpoints[::-1]
    for path in written:
      try:
        self._manager.checkpoint.restore(path).assert_consumed()
        break
      except (AssertionError, ValueError, tf.errors.OpError) as error:
        print(f'The checkpoint `{path}` cannot be read and is passed over: '
              f'{str(error).splitlines()[0]}', file=sys.stderr, flush=True)
    else:
      if written:
        raise errors.RunError(
            f'No checkpoint in `{self._folder}` can be read: they are damaged '
            'or of another version of this program; remove that folder to '
            'train from the start.')
    return (int(self._step.numpy()), float(self._seconds.numpy()),
            json.loads(self._recent.numpy()))

  def save(self, step: int, seconds: float,
           recent: Sequence[Mapping[str, float]]) -> None:
    """Writes the state.

    Args:
      step: how many steps were taken.
      seconds: spent until then.
      recent: the metrics of the steps that are not summed up yet.
    """
    self._step.assign(step)
    self._seconds.assign(seconds)
    self._recent.assign(json.dumps(list(recent)))
    self._manager.save(checkpoint_number=step)


def _by_path(owner) -> dict[str, tf.Variable]:
  variables = {variable.path: variable.value for variable in owner.variables}
  if len(variables) < len(owner.variables):
    paths = [variable.path for variable in owner.variables]
    twice = next(path for path in paths if paths.count(path) > 1)
    raise ValueError(f'`{type(owner).__name__}` should have variables of '
                     f'distinct paths, but has `{twice}` twice.')
  return variables
