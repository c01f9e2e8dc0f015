"""Checkpoints of a training that may be killed and started again."""

from etils import epath
import tensorflow as tf

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
    self._manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(
            network=_by_path(state.network), average=_by_path(state.average),
            optimizer=_by_path(state.optimizer), step=self._step,
            seconds=self._seconds),
        str(self._folder), max_to_keep=2, checkpoint_name='step')

  def restore(self) -> tuple[int, float]:
    """Reads the last checkpoint into the state, if there is one.

    Returns:
      The steps taken and the seconds spent until then, 0 and 0 without one.
    """
    latest = self._manager.latest_checkpoint
    if latest:
      self._manager.checkpoint.restore(latest).assert_consumed()
    return int(self._step.numpy()), float(self._seconds.numpy())

  def save(self, step: int, seconds: float) -> None:
    """Writes the state after `step` steps."""
    self._step.assign(step)
    self._seconds.assign(seconds)
    self._manager.save(checkpoint_number=step)


def _by_path(owner) -> dict[str, tf.Variable]:
  variables = {variable.path: variable.value for variable in owner.variables}
  if len(variables) < len(owner.variables):
    paths = [variable.path for variable in owner.variables]
    twice = next(path for path in paths if paths.count(path) > 1)
    raise ValueError(f'`{type(owner).__name__}` should have variables of '
                     f'distinct paths, but has `{twice}` twice.')
  return variables
