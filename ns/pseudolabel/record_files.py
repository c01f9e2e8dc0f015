"""The files that a student reads: `pseudo-00000-of-00008.tfrecord` and so on.

Records go to the files in turn. A pool is often sorted (by class, by day);
in turn, each file is a sample of the whole, as the training stream wants it.
All work: it imports TensorFlow, so the facade does not import it.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import re

from etils import epath
import tensorflow as tf

from ns.core import files

_NAME = re.compile(r'pseudo-\d{5}-of-\d{5}\.tfrecord')


@contextlib.contextmanager
def writing(folder: epath.PathLike, num_files: int
            ) -> Iterator[Callable[[bytes], None]]:
  """Gives a function that appends a record.

  The files get their names when the block ends well, else there are none.
  """
  with contextlib.ExitStack() as stack:
    writers = []
    for number in range(num_files):
      name = f'pseudo-{number:05d}-of-{num_files:05d}.tfrecord'
      aside = stack.enter_context(
          files.written_aside(epath.Path(folder) / name))
      writers.append(stack.enter_context(tf.io.TFRecordWriter(str(aside))))
    written = 0

    def write(record: bytes) -> None:
      nonlocal written
      writers[written % num_files].write(record)
      written += 1

    yield write


def paths(folder: epath.PathLike) -> list[epath.Path]:
  """The files in `folder`, in order."""
  folder = epath.Path(folder)
  if not folder.exists():
    return []
  return sorted(p for p in folder.iterdir() if _NAME.fullmatch(p.name))
