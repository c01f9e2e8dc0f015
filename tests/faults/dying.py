"""A small run of all kinds of stages, in a program that may end at a moment.

The moments of a stage are what can be told apart on the disk: every file that
Python opens for writing, renames or removes in the work directory, every folder
that it makes or removes there, the same of what TensorFlow's Python writes,
every checkpoint and SavedModel, and every advance of a progress bar (a step, a
batch).
"""

import collections
import dataclasses
import itertools
import json
import os
import sys
import types

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.lib.io import file_io

from ns import main as ns_main
from ns import models
from ns import noise
from ns import pseudolabel
from ns import training
from ns.core import errors
from ns.core import progress
from ns.core import runtime
from ns.core import termination
from ns.loop import stages
from ns.loop import steps
from ns.mixture import sources
from ns.training import checkpoint
from ns.training import clock
from ns.training import train_step
from tests.support import linear
from tests.support import tiny

IS_LONG = bool(os.environ.get('NS_LONG_TESTS'))
STAGES = (
    'teacher/train', 'teacher/evaluate',
    *(['student1/calibrate'] if IS_LONG else []),
    'student1/label', 'student1/select', 'student1/train',
    *(['student1/finetune'] if IS_LONG else []), 'student1/evaluate',
    *(['student1/export'] if IS_LONG else []))
# What a restart may change: times, what this start found already there, and the
# size of a SavedModel, which has numbers that TensorFlow gave its functions.
OF_THE_START = ('seconds', *clock.FIGURES, 'images_labelled', 'shards_kept',
                'bytes')
DIED = 9
# Runs that differ: of one device, of two, of one device whose loss is NaN after
# step 7 of each training's first attempt, and of another learning rate.
ONE, TWO, NAN, CHANGED = 'one', 'two', 'nan', 'changed'
_NAN_STEP = 7
_EVENTS = ('os.rename', 'os.remove', 'os.mkdir', 'os.rmdir')


def run(folder, kind=ONE):
  """A teacher and a student on 100 images of 8 x 8, 12 of them labelled."""
  common = {'model': linear.Architecture(), 'select': pseudolabel.Select(
      balance=pseudolabel.Balance(images_per_class=20), min_confidence=None)}
  how = {'checkpoint_every_steps': 5, 'summary_every_steps': 4}
  if kind == NAN:
    how['guard'] = training.LossGuard(attempts=2)
  best = training.BestOnValidation(every_steps=4)
  teacher = {**common, 'training': linear.steps(12, **how)}
  rate = training.Constant(rate=0.06 if kind == CHANGED else 0.05)
  student = {**common, 'training': linear.steps(
      12, selection=best, learning_rate=rate, **how)}
  if IS_LONG:
    teacher['training'] = linear.steps(12, steps_per_call=2, **how)
    student['fine_tune'] = training.FineTune(
        image_size=8, num_steps=6, schedule_steps=6, labelled_batch=8,
        learning_rate=training.Constant(rate=0.05), checkpoint_every_steps=3,
        average=training.MovingAverage(decay=0.8))
    student['calibration'] = pseudolabel.TemperatureScaling()
    student['export'] = models.Export(formats=('saved_model', 'tflite'))
  else:  # Some of what takes long to trace.
    teacher['noise'] = student['noise'] = noise.Off()
  made = tiny.run(folder, train=100, test=20, validation=12,
                  changes={'teacher': teacher, 'student1': student})
  if kind == TWO:
    return dataclasses.replace(
        made, runtime=runtime.Mirrored(devices=2, device='cpu'))
  return made


def _plant_nan() -> None:
  """Makes the loss of one step NaN, in the first attempt of each training."""
  job = steps.job

  def planted(*args, **more):
    made = job(*args, **more)

    def batches(first_step, attempt=0):
      for step, batch in enumerate(
          made.batches(first_step, attempt), first_step):
        if (step, attempt) == (_NAN_STEP, 0):
          batch = {**batch, 'weight': batch['weight'] * np.nan}
        yield batch

    return dataclasses.replace(made, batches=batches)

  steps.job = planted


def use_small_shards() -> None:
  """Brings the pool of 76 images to three shards."""
  sources._MAX_SHARD = 30


def main(data: str, work: str, kind: str = ONE, until: str = '',
         stage: str = '', moment: str = '0') -> None:
  """Makes the run; its last line is JSON, the moments of each stage.

  Args:
    data: a folder for the data set.
    work: the work directory.
    kind: of the run.
    until: the last stage to make; all if empty.
    stage: the stage at whose `moment` it ends, as a killed program does.
    moment: from 1.
  """
  moments = collections.Counter()
  current = ''

  def pass_moment():
    moments[current] += 1
    if current == stage and moments[current] == int(moment):
      os._exit(DIED)

  def on_event(event, args):
    is_write = event in _EVENTS or (
        event == 'open' and args[2] & (os.O_WRONLY | os.O_RDWR))
    if current and is_write and str(args[0]).startswith(work + os.sep):
      pass_moment()

  def around(owner, name):
    function = getattr(owner, name)

    def counted(*args, **kwargs):
      pass_moment()
      result = function(*args, **kwargs)
      pass_moment()
      return result

    setattr(owner, name, counted)

  run_stage = stages.Stage.run

  def run_and_count(self, *args):
    nonlocal current
    current = self.name
    try:
      return run_stage(self, *args)
    finally:
      current = ''

  stages.Stage.run = run_and_count
  around(progress.Progress, 'advance')
  around(checkpoint.Checkpoints, 'save')
  around(tf.saved_model, 'save')
  for name in ('recursive_create_dir_v2', 'rename_v2', 'write_string_to_file'):
    around(file_io, name)
  if kind == NAN:
    _plant_nan()
  use_small_shards()
  sys.addaudithook(on_event)
  try:
    with termination.heard():
      # What AutoGraph would make of it is the same, and takes its time.
      tf.autograph.experimental.do_not_convert(run(data, kind).run)(
          work, 'resolved', 'operative', until=until)
  except errors.Terminated:
    sys.exit(42)
  except errors.RunError as error:
    sys.exit(f'error: {error}')
  except Exception as error:
    failure = ns_main.storage_failure(error)
    if failure is None:
      raise
    sys.exit(f'error: {failure}')
  print(json.dumps(moments))


def state():
  """The state of a training, of 4 MB, all of one number; and its weights."""
  numbers = keras.Variable(np.zeros([1000, 1000], np.float32), name='numbers')
  network = types.SimpleNamespace(variables=[numbers])
  nothing = types.SimpleNamespace(variables=[])
  return train_step.State(
      network=network, average=nothing, optimizer=nothing), numbers


def save(folder: str, last: str) -> None:
  """Saves checkpoints as fast as it can, from `last` on; tells each."""
  made, numbers = state()
  checkpoints = checkpoint.Checkpoints(folder, made)
  checkpoints.restore()
  for step in itertools.count(int(last) + 1):
    numbers.assign(np.full([1000, 1000], step, np.float32))
    checkpoints.save(checkpoint.Position(step=step))
    print('saved', step, flush=True)
