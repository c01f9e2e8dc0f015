"""The files that a student reads: `pseudo-00000-of-00008.tfrecord` and so on.

Records go to the files in turn. A pool is often sorted (by class, by day);
in turn, each file is a sample of the whole, as the training stream wants it.
All work: it imports TensorFlow, so the facade does not import it.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib

from etils import epath
import tensorflow as tf

from ns.core import files
from ns.mixture import pseudo_record


@contextlib.contextmanager
def writing(folder: epath.PathLike, num_files: int
            ) -> Iterator[Callable[[bytes], None]]:
  """Gives a function that appends a record.

  The files get their names when the block ends well, else there are none.
  """
  with contextlib.ExitStack() as stack:
    writers = []
    for number in range(num_files):
      aside = stack.enter_context(files.written_aside(
          pseudo_record.path(folder, number, num_files)))
      writers.append(stack.enter_context(tf.io.TFRecordWriter(str(aside))))
    written = 0

    def write(record: bytes) -> None:
      nonlocal written
      writers[written % num_files].write(record)
      written += 1

    yield write
