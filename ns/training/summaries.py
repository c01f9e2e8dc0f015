"""What TensorBoard shows: scalars, histograms, images, and a text."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from etils import epath
import numpy as np
from tensorboard.plugins.histogram import summary_v2 as histogram
import tensorflow as tf

from ns.core import types

# Of a sheet of images, in each direction.
_COLUMNS, _ROWS = 8, 4


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

  def write_text(self, name: str, text: str) -> None:
    """Writes a text as it stands, at step 0."""
    with self._writer.as_default(0):
      # Indented, Markdown leaves it as it is.
      tf.summary.text(name, ''.join(
          f'    {line}\n' for line in text.splitlines()))

  def write_images(self, batch: Mapping[str, Any]) -> None:
    """Writes sheets of the labelled and the pseudo-labelled images of a batch.

    Args:
      batch: with the features `image` [batch, height, width, channels] uint8
        and `is_labelled` [batch].
    """
    is_labelled = np.asarray(batch[types.IS_LABELLED]) > 0
    with self._writer.as_default(0):
      for name, chosen in (('labelled', is_labelled),
                           ('pseudo_labelled', ~is_labelled)):
        if chosen.any():
          tf.summary.image(f'images/{name}', sheet(
              np.asarray(batch[types.IMAGE])[chosen])[np.newaxis])

  def write_histograms(self, step: int, variables: Iterable[Any]) -> None:
    """Writes a histogram of each variable at `step`."""
    # By NumPy: each would be some dozens of operations of TensorFlow.
    summary = tf.compat.v1.Summary()
    for variable in variables:
      summary.MergeFromString(histogram.histogram_pb(
          variable.path, variable.numpy()).SerializeToString())
    with self._writer.as_default(step):
      tf.summary.experimental.write_raw_pb(summary.SerializeToString())


def sheet(images: np.ndarray) -> np.ndarray:
  """The first images side by side, in rows.

  Args:
    images: [count, height, width, channels] uint8.

  Returns:
    [rows * height, columns * width, channels] uint8, black where there is none.
  """
  images = images[:_COLUMNS * _ROWS]
  count, height, width, channels = images.shape
  rows = -(-count // _COLUMNS)
  empty = np.zeros((rows * _COLUMNS - count, *images.shape[1:]), images.dtype)
  grid = np.concatenate([images, empty]).reshape(
      rows, _COLUMNS, height, width, channels)
  return grid.transpose(0, 2, 1, 3, 4).reshape(
      rows * height, _COLUMNS * width, channels)
