"""Scalars for TensorBoard."""

from collections.abc import Mapping

from etils import epath
import tensorflow as tf


class Writer:
  """Writes event files; a context manager."""

  def __init__(self, folder: epath.PathLike):
    self._writer = tf.summary.create_file_writer(str(folder))

  def __enter__(self):
    return self

  def __exit__(self, *error):
    self._writer.close()

  def write(self, step: int, scalars: Mapping[str, float]) -> None:
    """Writes the scalars, by name, at `step`."""
    with self._writer.as_default(step):
      for name, value in scalars.items():
        tf.summary.scalar(name, value)
    self._writer.flush()
