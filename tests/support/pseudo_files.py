"""Records of pseudo-labelled images, as a selection would leave them."""

import pathlib

import numpy as np
import tensorflow as tf

from ns.mixture import pseudo_record


def write(folder, images, probabilities, copies, files: int = 2
          ) -> list[tuple[str, int]]:
  """Writes `pseudo-*.tfrecord`, records going to the files in turn.

  Args:
    folder: made if need be.
    images: [number, height, width, channels] uint8.
    probabilities: [number, classes].
    copies: [number], how often each is used.
    files: how many.

  Returns:
    The path of each file, and its number of examples, counting copies.
  """
  folder = pathlib.Path(folder)
  folder.mkdir(parents=True, exist_ok=True)
  written = []
  for file in range(files):
    name = f'pseudo-{file:05}-of-{files:05}.tfrecord'
    with tf.io.TFRecordWriter(str(folder / name)) as writer:
      for i in range(file, len(images), files):
        row = np.asarray(probabilities[i], np.float32)
        writer.write(pseudo_record.serialise(
            key=f'pool/{i}', image=images[i], probabilities=row,
            label=int(row.argmax()), confidence=float(row.max()),
            copies=int(copies[i])))
    written.append((str(folder / name), int(sum(copies[file::files]))))
  return written
