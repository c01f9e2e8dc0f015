"""A whole run on made-up images, in a program that may kill itself.

`run` is the run. As a program (`command`) it is made, and the moments of each
of its stages are counted: every file that Python opens for writing, renames or
removes in the work directory, and every advance of a progress bar (a step, a
batch). At a given moment of a given stage the program sends itself SIGKILL, so
that a test can end it where it likes, and in the same place again.
"""

import collections
import json
import os
import signal
import sys

from ns import pseudolabel
from ns.core import progress
from ns.loop import stages
from ns.mixture import sources
from tests.support import tiny

_EVENTS = ('os.rename', 'os.remove', 'os.mkdir', 'os.rmdir')


def run(folder, students: int = 1, seed: int = 0, **changes):
  """A teacher and students on 300 images of 8 x 8, 20 of them labelled."""
  select = pseudolabel.Select(
      balance=pseudolabel.Balance(images_per_class=50))
  # Warm-up, average and moving statistics need some steps to be of any use.
  steps = tiny.steps(150, checkpoint_every_steps=40, summary_every_steps=25)
  common = {'training': steps, 'select': select, **changes}
  return tiny.run(
      folder, students=students, seed=seed, train=300, test=120,
      labelled_per_class=5, validation=40,
      changes={name: common for name in ('teacher', 'student1', 'student2')})


def use_small_shards() -> None:
  """Brings the pool of 240 images to three shards."""
  sources._MAX_SHARD = 90


def command(data, work, stage: str = '', moment: int = 0) -> list[str]:
  """The program: gives the moments of each stage as its last line of JSON.

  Args:
    data: a folder for the data set.
    work: the work directory.
    stage: the stage at whose `moment`, from 1, it kills itself.
  """
  path = f'import sys; sys.path[:] = {sys.path!r}; '
  return [sys.executable, '-c', path + (
      'from tests.integration import made_up; made_up.main(*sys.argv[1:])'),
          str(data), str(work), stage, str(moment)]


def main(data: str, work: str, last_stage: str, last_moment: str) -> None:
  """What the program does."""
  moments = collections.Counter()
  current = ''

  def pass_moment():
    moments[current] += 1
    if current == last_stage and moments[current] == int(last_moment):
      os.kill(os.getpid(), signal.SIGKILL)

  def on_event(event, args):
    is_write = event in _EVENTS or (
        event == 'open' and args[2] & (os.O_WRONLY | os.O_RDWR))
    if current and is_write and str(args[0]).startswith(work + os.sep):
      pass_moment()

  run_stage, advance = stages.Stage.run, progress.Progress.advance

  def run_and_count(self, run_folder):
    nonlocal current
    current = self.name
    try:
      return run_stage(self, run_folder)
    finally:
      current = ''

  def advance_and_count(self, *args):
    pass_moment()
    return advance(self, *args)

  stages.Stage.run = run_and_count
  progress.Progress.advance = advance_and_count
  use_small_shards()
  sys.addaudithook(on_event)
  run(data).run(work, 'resolved', 'operative')
  print(json.dumps(moments))
