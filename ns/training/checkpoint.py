"""Checkpoints of a training that may be killed and started again."""

from etils import epath
import tensorflow as tf

from ns.training import train_step


class Checkpoints:
  """The last two checkpoints of a training, and the way back."""

  def __init__(self, folder: epath.PathLike, state: train_step.State):
    self._folder = epath.Path(folder)
    self._step = tf.Variable(0, dtype=tf.int64)
    self._seconds = tf.Variable(0.0, dtype=tf.float64)
    # Variable by variable: of a Keras object a checkpoint has only what hangs
    # on it as attributes, and not the layers in its lists.
    every = lambda owner: [variable.value for variable in owner.variables]
    self._manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(
            network=every(state.network), average=every(state.average),
            optimizer=every(state.optimizer), step=self._step,
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
