"""Labelling, selecting and materialising in a process that may be killed.

`Work` is what the process does; `start` starts it. Its moments are counted:
every file that Python opens for writing, renames or removes in the folder, every
batch of predictions and every record that is written. At a given moment it
sends itself SIGKILL. Processes are forked from one that has loaded TensorFlow
and has not used it yet, so that they start at once.
"""

import dataclasses
import multiprocessing
import os
import pathlib
import signal
import sys

from ns.core import seeds
from ns.pseudolabel import balance
from ns.pseudolabel import labelling
from ns.pseudolabel import materialise
from ns.pseudolabel import predictions_writer
from ns.pseudolabel import record_files
from ns.pseudolabel import select
from ns.pseudolabel import shard_batches  # Loads TensorFlow.
from tests.pseudolabel import fakes

del shard_batches

SIZES = (50, 40, 0, 60, 45)
TABLE = fakes.distributions(sum(SIZES), 3, seed=8)
_EVENTS = ('os.rename', 'os.remove', 'os.mkdir', 'os.rmdir')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work:
  """What a process does, in a folder.

  Attributes:
    folder: for labels and selection.
    moment: at which it kills itself, from 1; None to come to the end.
    seconds: after which somebody kills it; None if nobody does.
  """
  folder: str
  moment: int | None = None
  seconds: float | None = None

  def run(self, told) -> None:
    """Does it; sends the number of its moments to `told`, a pipe's end."""
    moments = _count(self.folder, self.moment)
    pool = fakes.Pool(SIZES)
    folder = pathlib.Path(self.folder)
    labelling.Labelling(batch_size=16).run(
        fakes.teachers(TABLE), pool, str(folder / 'label'))
    select.Select(
        min_confidence=0.4, balance=balance.Balance(images_per_class=70),
        materialise=materialise.Materialise(images_per_part=50)).run(
            str(folder / 'label'), pool, str(folder / 'select'),
            seeds.Seed(3), 3, num_shards=2)
    told.send(moments[0])


def _count(folder: str, last: int | None) -> list[int]:
  """Counts moments from now on, in the number that it gives."""
  moments = [0]

  def pass_moment():
    moments[0] += 1
    if moments[0] == last:
      os.kill(os.getpid(), signal.SIGKILL)

  def on_event(event, args):
    is_write = event in _EVENTS or (
        event == 'open' and args[2] & (os.O_WRONLY | os.O_RDWR))
    if is_write and str(args[0]).startswith(folder):
      pass_moment()

  def counted(function):
    def call(*args, **kwargs):
      pass_moment()
      return function(*args, **kwargs)
    return call

  sys.addaudithook(on_event)
  writer = predictions_writer.PredictionsWriter
  writer.write = counted(writer.write)
  record_files.tf.io.TFRecordWriter = _CountedWriter
  _CountedWriter.pass_moment = staticmethod(pass_moment)
  return moments


_TFRecordWriter = record_files.tf.io.TFRecordWriter


class _CountedWriter(_TFRecordWriter):
  """Counts the records that it writes."""

  def write(self, record):
    self.pass_moment()
    super().write(record)


def start(work: Work) -> int | None:
  """Does the work in a process; its moments, or None if it was killed."""
  context = multiprocessing.get_context('forkserver')
  context.set_forkserver_preload([__name__])
  ours, theirs = context.Pipe(duplex=False)
  process = context.Process(target=work.run, args=(theirs,))
  process.start()
  theirs.close()
  process.join(work.seconds)
  if process.exitcode is None:
    process.kill()
    process.join()
  if process.exitcode == -signal.SIGKILL:
    return None
  if process.exitcode:
    raise RuntimeError(f'The work ended with {process.exitcode}.')
  return ours.recv()


def contents(folder) -> dict[str, bytes]:
  """All files in a folder and below."""
  folder = pathlib.Path(folder)
  return {str(path.relative_to(folder)): path.read_bytes()
          for path in folder.rglob('*') if path.is_file()}
