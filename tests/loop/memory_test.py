import dataclasses

from ns import mixture
from ns import models
from ns import pseudolabel
from ns import training
from ns.core.runtime import alone
from ns.loop import memory
from ns.models import memory as formula
from tests.support import tiny


def changed(run, number, **changes):
  return dataclasses.replace(run.generations[number], **changes)


def test_a_training_is_of_its_batch_and_its_optimizer(tmp_path):
  run = tiny.run(tmp_path)
  student = changed(run, 1, training=tiny.steps(
      optimizer=training.RmsProp(), precision='mixed_bfloat16'))
  assert memory.train(run, student) == (formula.of(
      student.model, 4, 8, batch_size=24, optimizer_slots=2,
      precision='mixed_bfloat16'),)


def test_a_teacher_labels_in_batches_at_its_last_size(tmp_path):
  run = tiny.run(tmp_path)
  fine_tune = training.FineTune(
      image_size=12, num_steps=6, schedule_steps=40, labelled_batch=4,
      learning_rate=training.Constant(rate=0.1), frozen_blocks=1)
  teacher = changed(run, 0, fine_tune=fine_tune)
  assert memory.label(run, run.generations[1], [teacher]) == (
      formula.in_inference(teacher.model, 4, 12, batch_size=32),)
  assert memory.finetune(run, teacher) == (formula.of(
      teacher.model, 4, 12, batch_size=4, optimizer_slots=1,
      frozen_blocks=1),)


def test_a_teacher_labels_in_the_precision_of_the_labelling(tmp_path):
  run = tiny.run(tmp_path)
  # Large enough that a batch shows in megabytes.
  teacher = changed(run, 0, model=models.EfficientNet(image_size=64))
  student = changed(run, 1, labelling=pseudolabel.Labelling(
      batch_size=64, precision='mixed_bfloat16'))
  exact, half = (formula.in_inference(
      teacher.model, 4, 64, batch_size=64, precision=precision)
                 for precision in ('float32', 'mixed_bfloat16'))
  assert half != exact
  assert memory.label(run, student, [teacher]) == (half,)


def test_frozen_blocks_take_less(tmp_path):
  run = tiny.run(tmp_path)
  teacher = changed(
      run, 0, model=models.EfficientNet(image_size=64),
      fine_tune=training.FineTune(
          image_size=96, num_steps=6, schedule_steps=40, labelled_batch=16,
          learning_rate=training.Constant(rate=0.1), frozen_blocks=9))
  all_trained, frozen = (formula.of(
      teacher.model, 4, 96, batch_size=16, optimizer_slots=1,
      frozen_blocks=blocks) for blocks in (None, 9))
  assert frozen.total < all_trained.total
  assert memory.finetune(run, teacher) == (frozen,)


def test_a_teacher_in_the_step_and_batches_that_wait_take_memory(tmp_path):
  run = tiny.run(tmp_path)
  teacher = changed(run, 0, model=models.EfficientNet(image_size=64))
  student = changed(
      run, 1, mixture=mixture.OnTheFly(labelled_batch=8, ratio=2),
      model=models.EfficientNet(image_size=96),
      training=tiny.steps(40, steps_per_call=11))
  labels = formula.in_inference(teacher.model, 4, 64, batch_size=16,
                                on_cpu=False)
  own = formula.of(student.model, 4, 96, batch_size=24)
  waiting = 10 * 3 * (24 * 96**2 + 16 * 64**2)
  assert memory.train(run, student, teacher) == (dataclasses.replace(
      own, teacher=labels.parameters,
      activations=own.activations + labels.activations + waiting),)


class Small(alone.OneHost):
  """A runtime of two devices of 4 MB each."""
  replicas, on_host = 2, False

  def memory_bytes(self):
    return 4_000_000

  def strategy(self):
    raise AssertionError


def test_more_than_there_is_is_a_warning(tmp_path):
  run = dataclasses.replace(tiny.run(tmp_path), runtime=Small())
  student = changed(run, 1, model=models.EfficientNet(image_size=64))
  needed = formula.of(student.model, 4, 64, batch_size=12)
  assert memory.train(run, student) == (needed,)
  assert memory.warnings(run, [needed]) == (
      needed.warning(4_000_000, on_host=False),)
  assert not memory.warnings(run, memory.train(run, run.generations[1]))


def test_other_devices_than_a_cpu_take_a_batch_whole(tmp_path):
  run = dataclasses.replace(tiny.run(tmp_path), runtime=Small())
  teacher = changed(run, 0, model=models.EfficientNet(image_size=224))
  student = changed(run, 1, labelling=pseudolabel.Labelling(batch_size=64))
  in_parts, whole = (formula.in_inference(
      teacher.model, 4, 224, batch_size=32, on_cpu=on_cpu)
                     for on_cpu in (True, False))
  assert in_parts.activations < whole.activations
  assert memory.label(run, student, [teacher]) == (whole,)


def test_nothing_is_said_of_a_model_of_unknown_layers(tmp_path):
  class Own:
    image_size, channels = 8, 1

    def build(self):
      raise AssertionError
  run = tiny.run(tmp_path)
  assert memory.train(run, changed(run, 0, model=Own())) == ()
