"""The files that a student reads: `pseudo-00000-of-00008.tfrecord` and so on.

Records go to the files in turn. A pool is often sorted (by class, by day);
in turn, each file is a sample of the whole, as the training stream wants it.
All work: it imports TensorFlow, so the facade does not import it.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib

from etils import epath
import tensorflow as tf

from ns.core import files


@contextlib.contextmanager
def writing(paths: Sequence[epath.PathLike]
            ) -> Iterator[Callable[[bytes], int]]:
  """Gives a function that appends a record to the files at `paths`, in turn.

  It tells which of them it was.

  The files get their names when the block ends well, else there are none.
  """
  with contextlib.ExitStack() as stack:
    writers = []
    for path in paths:
      aside = stack.enter_context(files.written_aside(path))
      writers.append(stack.enter_context(tf.io.TFRecordWriter(str(aside))))
    written = 0

    def write(record: bytes) -> int:
      nonlocal written
      number = written % len(writers)
      writers[number].write(record)
      written += 1
      return number

    yield write
