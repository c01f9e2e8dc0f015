"""Short probes of a run's stages: how long each takes on this machine.

A training is begun as it would be, with new weights and in a folder that goes
again, and ended after some seconds; pseudo-labelled images, which are not there
yet, are stood in for by labelled ones. So are labelling and evaluation, with a
teacher that has learnt nothing. A batch that would not fit, or would take too
long, is made smaller. Where images are not here, random ones are used, and
reading them is left out. Stages that take the same are measured once.

All work: it imports TensorFlow.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import io
import itertools
import sys
import tempfile
import time
from typing import Any

from etils import epath
import numpy as np
import tensorflow as tf

from ns.core import manifest
from ns.loop import fitting
from ns.loop import measured as measured_lib
from ns.loop import memory
from ns.loop import pace
from ns.loop import stages as stages_lib
from ns.loop import stand_ins
from ns.loop import steps
from ns.mixture import batches
from ns.mixture import inputs as inputs_lib
from ns.mixture import pseudo_record
from ns.models import inference
from ns.models import weights
from ns.pseudolabel import labelling as labelling_lib
from ns.pseudolabel import shard_batches
from ns.pseudolabel import teacher as teacher_lib

# How long a probe looks once it goes, in seconds.
_SECONDS = 3.0
# A step is waited for every so often, so that what it took is known.
_EVERY_STEPS = 10
_COPIED = 1024


def run(self_training, stages: Sequence[stages_lib.Stage],
        seconds: float = _SECONDS) -> dict[str, measured_lib.Measured]:
  """Measures stages of a run, those that can be.

  Args:
    self_training: a `SelfTraining`.
    stages: of it.
    seconds: how long each is looked at, once it goes.

  Returns:
    What was found, by the stages' names.
  """
  probes = _Probes(self_training, seconds)
  found = {}
  for stage in stages:
    probe = getattr(probes, stage.kind, None)
    if probe is None:
      continue
    print(f'{stage.name}: measuring', file=sys.stderr, flush=True)
    made = probe(probes.generations[stage.generation], stage.work)
    if made is not None:
      found[stage.name] = made
  return found


class _Probes:
  """The probes of a run, by the kind of stage."""

  def __init__(self, of, seconds: float):
    self.generations = {each.name: each for each in of.generations}
    self._run, self._seconds, self._paces = of, seconds, {}

  def train(self, generation, work):
    if not generation.is_trained:
      return None
    inputs = inputs_lib.Inputs(
        labelled=self._run.data.labelled,
        view=steps.view(generation, generation.model.image_size,
                        generation.crop),
        noise=generation.noise, batch_noise=generation.batch_noise)
    found = self._training(
        generation, work, generation.training, inputs,
        generation.mixture.batch_size, lambda size: memory.train(
            self._run, generation, batch_size=size))
    if found and generation.is_labelled_in_step:
      notes = filter(None, (found.note, 'without the teacher in its step'))
      found = dataclasses.replace(found, note=' and '.join(notes))
    return found

  def finetune(self, generation, work):
    policy = generation.fine_tune
    inputs = inputs_lib.Inputs(labelled=self._run.data.labelled,
                            view=steps.evaluation_view(generation))
    return self._training(
        generation, work, policy, inputs, policy.labelled_batch,
        lambda size: memory.finetune(self._run, generation, size))

  def label(self, generation, work):
    names = list(self.generations)
    before = names[:names.index(generation.name)]
    teachers = [self.generations[name]
                for name in generation.teachers or before[-1:]]
    return self._labelling(teachers, generation.labelling,
                           self._run.data.unlabelled, work)

  def evaluate(self, generation, work):
    labelling = labelling_lib.Labelling(
        batch_size=getattr(generation.evaluation, 'batch_size', 512))
    return self._labelling([generation], labelling,
                           self._run.data.evaluation_sets[-1], work)

  def select(self, generation, work):
    pool = self._run.data.unlabelled
    if stand_ins.is_missing(pool):
      return None
    begin, read, write = self._once(
        ['select', pool.name], lambda: _copied(pool, self._run.data.classes))
    looked_at = work.images if generation.relabel else pool.num_examples
    seconds = begin + looked_at * read + work.images * write
    return measured_lib.Measured(
        images_per_second=work.images / seconds, seconds=seconds)

  def _training(self, generation, work, policy, inputs, batch_size, needed):
    size = fitting.batch(self._run, batch_size, work, needed)
    if not size:
      return None
    what = [generation.model, generation.model_noise, policy, inputs.view,
            inputs.noise, inputs.batch_noise, size]
    return self._measured(
        self._once(what, lambda: self._trained(
            generation, policy, inputs, size)),
        work, inputs.labelled, size, batch_size)

  def _trained(self, generation, policy, inputs, size) -> pace.Pace:
    found = pace.Pace(self._seconds)
    policy = dataclasses.replace(
        policy, selection=None, checkpoint_every_steps=2**31,
        summary_every_steps=max(policy.steps_per_call, _EVERY_STEPS))
    mixture = batches.Labelled(labelled_batch=size, shuffle_buffer=size)
    with tempfile.TemporaryDirectory() as folder:
      folder = epath.Path(folder)
      job = steps.job(
          self._run, generation, 'measured', folder, mixture, inputs)
      if policy.needs_weights:
        weights.save(job.build(0), folder / 'begin.npz')
        job = dataclasses.replace(job, initial_weights=folder / 'begin.npz')
      real = job.batches

      def timed(first_step: int) -> Iterator[Any]:
        given = (stand_ins.batches(inputs, size)
                 if stand_ins.is_missing(inputs.labelled) else real(first_step))
        for number, batch in enumerate(given):
          if number and number % policy.steps_per_call == 0:
            found.note(number * size)
          yield batch

      with _quietly():
        policy.run(dataclasses.replace(job, batches=timed))
        found.note(policy.num_steps * size)
    return found

  def _labelling(self, teachers, labelling, source, work):
    batch_size = labelling.batch_size
    size = fitting.batch(
        self._run, batch_size, work, lambda size: memory.inference(
            self._run, teachers, size, labelling.precision))
    if not size:
      return None
    labelling = dataclasses.replace(
        labelling, batch_size=size, min_accuracy=None, min_class_entropy=None)
    what = [[[teacher.model, teacher.image_size, teacher.evaluation_crop]
             for teacher in teachers], labelling, source.name, size]
    return self._measured(
        self._once(what, lambda: self._labelled(teachers, labelling, source)),
        work, source, size, batch_size)

  def _labelled(self, teachers, labelling, source) -> pace.Pace:
    found = pace.Pace(self._seconds)
    teachers = [self._teacher(each, labelling.precision) for each in teachers]
    with _quietly(), tempfile.TemporaryDirectory() as folder:
      if not stand_ins.is_missing(source):
        labelling.run(teachers, source, folder,
                      lambda done, total: found.note(done))
        return found
      for number in itertools.count(1):
        for teacher in teachers:
          teacher.answer(stand_ins.images(teacher.view, labelling.batch_size))
        found.note(number * labelling.batch_size)
    return found

  def _teacher(self, generation, precision) -> teacher_lib.Teacher:
    strategy = self._run.runtime.local_strategy()
    with strategy.scope():
      network = generation.model.build(
          generation.model_noise, self._run.data.classes,
          image_size=generation.image_size)
    return teacher_lib.Teacher(
        name=generation.name, fingerprint='measured',
        view=steps.evaluation_view(generation),
        predict=inference.predictor(network, precision, strategy))

  def _once(self, what: Any, measure: Callable[[], Any]) -> Any:
    key = manifest.fingerprint(manifest.canonical(what))
    if key not in self._paces:
      self._paces[key] = measure()
    return self._paces[key]

  def _measured(self, found, work, source, size, wanted):
    notes = []
    if size < wanted:
      notes.append(f'with batches of {size:,} images in place of {wanted:,}')
    if stand_ins.is_missing(source):
      notes.append('without reading images')
    return measured_lib.Measured(
        images_per_second=found.rate, seconds=found.seconds(work.images),
        note=' and '.join(notes))


@contextlib.contextmanager
def _quietly():
  """Without the progress of what is measured; ends when that is enough."""
  with contextlib.suppress(pace.Enough), contextlib.redirect_stderr(
      io.StringIO()):
    yield


def _copied(pool, classes: int) -> tuple[float, float, float]:
  """Seconds until an image is there, to read one, and to write its record."""
  shard = pool.shards[0]
  shard = dataclasses.replace(
      shard, num_examples=min(shard.num_examples, _COPIED))
  times = [time.monotonic()]
  read = []
  for batch in shard_batches.batches(pool, shard, max(_COPIED // 8, 1)):
    read += zip(batch.keys, batch.images)
    times.append(time.monotonic())
  even = np.full(classes, 1 / classes, np.float32)
  with (tempfile.TemporaryDirectory() as folder,
        tf.io.TFRecordWriter(f'{folder}/records') as writer):
    for key, image in read:
      writer.write(pseudo_record.serialise(
          key=key, image=image, probabilities=even, label=0, confidence=0.5,
          copies=1))
  write = (time.monotonic() - times[-1]) / len(read)
  return times[1] - times[0], (times[-1] - times[1]) / len(read), write
