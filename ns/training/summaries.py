"""What TensorBoard shows: scalars, histograms, images, and a text.

A killed training takes steps again of which there are points already, and so
does one that goes back. An event says from which step on, and TensorBoard drops
what it read before of those steps. It reads files by the order of their names.
"""

from collections.abc import Iterable
from collections.abc import Mapping
import os
import socket
import time
from typing import Any

from etils import epath
import numpy as np
from tensorboard.compat.proto import event_pb2
from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.histogram import summary_v2 as histogram
from tensorboard.plugins.image import metadata as image
from tensorboard.plugins.scalar import summary_v2 as scalar
from tensorboard.plugins.text import summary_v2 as text_summary
from tensorboard.util import tensor_util
import tensorflow as tf

from ns.core import types

# Of a sheet of images, in each direction.
_COLUMNS, _ROWS = 8, 4
_VERSION = 'brain.Event:2'  # From which on a START counts.


class Writer:
  """Writes an event file; a context manager."""

  def __init__(self, folder: epath.PathLike, first: int = 0):
    """Goes on with step `first`, at which `forget` begins."""
    folder = epath.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    now = time.time_ns()
    self._records = tf.io.TFRecordWriter(str(
        folder / f'events.out.tfevents.{now // 10**9:010}.{now % 10**9:09}.'
        f'{socket.gethostname()}.{os.getpid()}'))
    self._add(file_version=_VERSION)
    self.forget(first)

  def __enter__(self):
    return self

  def __exit__(self, *error):
    self._records.close()

  def forget(self, first: int) -> None:
    """All that was written at step `first` or later counts no more."""
    self._add(first, session_log=event_pb2.SessionLog(
        status=event_pb2.SessionLog.START))
    self._records.flush()

  def write(self, step: int, scalars: Mapping[str, float],
            descriptions: Mapping[str, str] | None = None) -> None:
    """Writes the scalars, by name, at `step`; and what is said of some."""
    said = descriptions or {}
    self._show(step, *(scalar.scalar_pb(name, value, said.get(name))
                       for name, value in scalars.items()))

  def write_text(self, name: str, text: str) -> None:
    """Writes a text as it stands, at step 0."""
    # Indented, Markdown leaves it as it is.
    self._show(0, text_summary.text_pb(name, ''.join(
        f'    {line}\n' for line in text.splitlines())))

  def write_images(self, batch: Mapping[str, Any]) -> None:
    """Writes sheets of the labelled and the pseudo-labelled images of a batch.

    Args:
      batch: with the features `image` [batch, height, width, channels] uint8
        and `is_labelled` [batch].
    """
    is_labelled = np.asarray(batch[types.IS_LABELLED]) > 0
    self._show(0, *(
        _image(f'images/{name}', sheet(np.asarray(batch[types.IMAGE])[chosen]))
        for name, chosen in (('labelled', is_labelled),
                             ('pseudo_labelled', ~is_labelled))
        if chosen.any()))

  def write_histograms(self, step: int, variables: Iterable[Any]) -> None:
    """Writes a histogram of each variable at `step`."""
    self._show(step, *(
        histogram.histogram_pb(variable.path, variable.numpy())
        for variable in variables))

  def _show(self, step: int, *summaries: summary_pb2.Summary) -> None:
    """Writes all of them in one event, which is there when this returns."""
    whole = summary_pb2.Summary()
    for summary in summaries:
      whole.MergeFrom(summary)
    self._add(step, summary=whole)
    self._records.flush()

  def _add(self, step: int = 0, **what: Any) -> None:
    self._records.write(event_pb2.Event(
        wall_time=time.time(), step=step, **what).SerializeToString())


def _image(name: str, pixels: np.ndarray) -> summary_pb2.Summary:
  """An image, [height, width, channels] uint8."""
  height, width, _ = pixels.shape
  return summary_pb2.Summary(value=[summary_pb2.Summary.Value(
      tag=name, metadata=image.create_summary_metadata(
          display_name=None, description=None),
      tensor=tensor_util.make_tensor_proto(
          [str(width).encode(), str(height).encode(),
           tf.io.encode_png(pixels).numpy()]))])


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
