"""Short probes of a run's stages: how long each takes on this machine.

A training is begun as it would be, with new weights and in a folder that goes
again, and ended after some seconds; pseudo-labelled images, which are not there
yet, are stood in for by labelled ones. So are labelling, calibration and
evaluation, with a teacher that has learnt nothing, which also labels in the
step where one does. An export is made as a whole. A batch that would not fit, or
would take too long, is made smaller. Where images are not here, random ones are
used, and reading them is left out. Stages that take the same are measured once.

All work: it imports TensorFlow.
"""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
import contextlib
import dataclasses
import functools
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
from ns.loop import networks
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
    data, in_step = self._run.data, {}
    taught = None
    if generation.is_labelled_in_step:
      taught, = self._teachers(generation)
      in_step = {'unlabelled': data.unlabelled,
                 'teacher_view': taught.evaluation_view}
    inputs = inputs_lib.Inputs(
        labelled=data.labelled,
        view=generation.training_view,
        noise=generation.noise, batch_noise=generation.batch_noise, **in_step)
    return self._training(
        generation, work, generation.training, inputs,
        generation.mixture.batch_size, lambda size: memory.train(
            self._run, generation, taught, size), taught)

  def finetune(self, generation, work):
    policy = generation.fine_tune
    inputs = inputs_lib.Inputs(labelled=self._run.data.labelled,
                            view=generation.evaluation_view)
    return self._training(
        generation, work, policy, inputs, policy.labelled_batch,
        lambda size: memory.finetune(self._run, generation, size))

  def calibrate(self, generation, work):
    return self._labelling(
        self._teachers(generation), generation.labelling,
        self._run.data.evaluation_sets[0], work)

  def label(self, generation, work):
    return self._labelling(self._teachers(generation), generation.labelling,
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

  def export(self, generation, work):
    needed = lambda size: memory.inference(
        self._run, [generation], size, 'float32')
    if not fitting.batch(self._run, self._run.runtime.replicas, work, needed):
      return None
    seconds = self._once(
        ['export', generation.model, generation.export, generation.image_size,
         generation.evaluation_crop], lambda: self._exported(generation))
    return measured_lib.Measured(seconds=seconds)

  def _teachers(self, generation):
    names = list(self.generations)
    before = names[:names.index(generation.name)]
    return [self.generations[name]
            for name in generation.teachers or before[-1:]]

  def _training(self, generation, work, policy, inputs, batch_size, needed,
                taught=None):
    size = fitting.batch(self._run, batch_size, work, needed)
    if not size:
      return None
    what = [generation.model, generation.model_noise, policy, inputs.view,
            inputs.noise, inputs.batch_noise, size,
            taught and [taught.model, taught.image_size, generation.mixture,
                        generation.labelling]]
    return self._measured(
        self._once(what, lambda: self._trained(
            generation, policy, inputs, size, taught)),
        work, inputs.labelled, size, batch_size)

  def _trained(self, generation, policy, inputs, size, taught) -> pace.Pace:
    found = pace.Pace(self._seconds)
    policy = dataclasses.replace(
        policy, selection=None, checkpoint_every_steps=2**31,
        summary_every_steps=max(policy.steps_per_call, _EVERY_STEPS))
    mixture = batches.Labelled(labelled_batch=size, shuffle_buffer=size)
    more = {}
    if taught:
      mixture = _smaller(generation.mixture, size, self._run.runtime.replicas)
      more['teacher'] = networks.step_teacher(generation, functools.partial(
          taught.model.build, taught.model_noise, self._run.data.classes,
          image_size=taught.image_size))
    with tempfile.TemporaryDirectory() as folder:
      folder = epath.Path(folder)
      job = steps.job(
          self._run, generation, 'measured', folder, mixture, inputs, **more)
      if policy.needs_weights:
        weights.save(job.build(0), folder / 'begin.npz')
        job = dataclasses.replace(job, initial_weights=folder / 'begin.npz')
      real = job.batches

      def timed(first_step: int) -> Iterator[Any]:
        given = (
            stand_ins.batches(inputs, size, size - mixture.labelled_batch)
            if self._is_missing(inputs) else real(first_step))
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

  def _exported(self, generation) -> float:
    begin = time.monotonic()
    network = generation.model.build(
        generation.model_noise, self._run.data.classes,
        image_size=generation.image_size)
    with tempfile.TemporaryDirectory() as folder:
      steps.export_network(
          self._run, generation, network, epath.Path(folder), {})
    return time.monotonic() - begin

  def _is_missing(self, inputs) -> bool:
    return any(source is not None and stand_ins.is_missing(source)
               for source in (inputs.labelled, inputs.unlabelled))

  def _teacher(self, generation, precision) -> teacher_lib.Teacher:
    strategy = self._run.runtime.local_strategy()
    with strategy.scope():
      network = generation.model.build(
          generation.model_noise, self._run.data.classes,
          image_size=generation.image_size)
    return teacher_lib.Teacher(
        name=generation.name, fingerprint='measured',
        view=generation.evaluation_view,
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


def _smaller(mixture, size: int, replicas: int):
  """As a mixture that is labelled in the step, of about its proportion.

  Each replica has an image of each kind at least.
  """
  of_one = max(size // replicas, 2)
  share = mixture.labelled_batch / mixture.batch_size
  labelled = min(max(round(of_one * share), 1), of_one - 1)
  return dataclasses.replace(
      mixture, labelled_batch=labelled * replicas,
      ratio=(of_one - labelled) / labelled, shuffle_buffer=size)


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
