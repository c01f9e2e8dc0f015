"""Figures of stages against those worked by hand.

Of the tiny network, 1,470 parameters (`schedule_test`) and 72 filters that are
normalised. Multiply-adds: stem 9 x 8 x 64, fused block 9 x 8 x 8 x 16, block
16 x (8 x 16 + 9 x 16 + 16 x 8) + 2 x 16 x 2, head 8 x 16 x 16, classifier 64.
"""

import dataclasses
import math
import types

import pytest

from ns import mixture
from ns import pseudolabel
from ns import training
from ns.core.runtime import alone
from ns.loop import work
from tests.support import tiny

STEM, FUSED = 4608, 9216
MULTIPLY_ADDS = STEM + FUSED + 6400 + 64 + 2048 + 64
VARIABLES = 4 * (1470 + 2 * 72)


def changed(run, number, **changes):
  return dataclasses.replace(run.generations[number], **changes)


def test_a_training(tmp_path):
  run = tiny.run(tmp_path)
  found = work.train(run, run.generations[0])
  assert (found.images, found.is_bound) == (40 * 16, False)
  assert found.steps == 40
  assert found.epochs == 40 * 16 / 12
  assert found.flops == 640 * 3 * 2 * MULTIPLY_ADDS
  assert found.written == 2 * VARIABLES  # The network and its average.
  # Two checkpoints of both, and of a velocity for each parameter.
  assert found.scratch == 2 * (2 * VARIABLES + 4 * 1470)
  assert not found.warnings


def test_pseudo_labelled_images_take_as_much_and_are_no_epochs(tmp_path):
  run = tiny.run(tmp_path)
  student = changed(run, 1, model=tiny.architecture())
  found = work.train(run, student)
  assert found.images == 40 * (8 + 16)
  assert found.flops == 960 * 6 * MULTIPLY_ADDS
  assert found.epochs == 40 * 8 / 12


@pytest.mark.parametrize('buffer, balance, is_told', [
    (32, {}, False), (31, {}, True), (31, {'max_copies': 1}, False),
    (31, {'duplicate': False}, False)])
def test_a_batch_of_all_that_is_shuffled_together(
    tmp_path, buffer, balance, is_told):
  run = tiny.run(tmp_path)
  student = changed(
      run, 1, mixture=mixture.ExactRatio(
          labelled_batch=8, ratio=2, shuffle_buffer=buffer),
      select=pseudolabel.Select(balance=pseudolabel.Balance(
          images_per_class=30, **balance)))
  assert work.train(run, student).warnings == ((
      'an image with more than one copy is in some batches several times, '
      'since each takes 16 of 31 images that are shuffled together; bind a '
      'larger `ExactRatio.shuffle_buffer`, a smaller batch, or '
      '`Balance.max_copies`.',) if is_told else ())


def test_a_teacher_in_the_step_sees_each_image_of_the_pool_once(tmp_path):
  run = tiny.run(tmp_path)
  teacher = run.generations[0]
  student = changed(run, 1, model=tiny.architecture(),
                    mixture=mixture.OnTheFly(labelled_batch=8, ratio=2))
  found, alone = (work.train(run, student, by) for by in (teacher, None))
  assert found.flops == alone.flops + 40 * 16 * 2 * MULTIPLY_ADDS
  assert found.images == alone.images
  assert found.scratch == alone.scratch  # It is in no checkpoint.
  assert found.memory > alone.memory


@pytest.mark.parametrize('schedule, expected', [
    (training.Constant(rate=0.25), (0.25, 0.25, 0.25)),
    (training.Cosine(peak=0.5), (0.5, 0.5, (1 + math.cos(
        math.pi * 39 / 40)) / 4)),
    (training.Cosine(peak=0.5, warmup_steps=10), (0, 0.5, (1 + math.cos(
        math.pi * 29 / 30)) / 4)),
    # 16 images, of which 12 are an epoch: the warm-up has 7 steps, a stair 1.5.
    (training.Exponential(base_lr=0.32, decay_factor=0.5, decay_epochs=2,
                          warmup_epochs=10),
     (0, 0.02 * 6 / 7, 0.02 * 0.5**26))])
def test_rates_are_the_first_the_highest_and_the_last(
    tmp_path, schedule, expected):
  run = tiny.run(tmp_path)
  teacher = changed(run, 0, training=tiny.steps(40, learning_rate=schedule))
  assert work.train(run, teacher).rates == pytest.approx(expected)


def test_the_highest_rate_is_found_among_many_steps(tmp_path):
  run = tiny.run(tmp_path)
  teacher = changed(run, 0, training=tiny.steps(
      100_000, learning_rate=training.Cosine(peak=0.5, warmup_steps=777)))
  assert work.train(run, teacher).rates[1] == 0.5


def test_fine_tuning_is_the_end_of_a_schedule_with_layers_frozen(tmp_path):
  run = tiny.run(tmp_path)
  fine_tune = training.FineTune(
      image_size=16, num_steps=6, schedule_steps=40, labelled_batch=4,
      frozen_blocks=1, learning_rate=training.Cosine(peak=0.5))
  found = work.finetune(run, changed(run, 0, fine_tune=fine_tune))
  assert (found.images, found.steps, found.epochs) == (24, 6, 2)
  rate = lambda step: (1 + math.cos(math.pi * step / 40)) / 4
  assert found.rates == pytest.approx((rate(34), rate(34), rate(39)))
  # Of twice the side: four times, but for squeeze and excitation and the
  # classifier. Forward all, backward what is not frozen.
  all_layers = 4 * (MULTIPLY_ADDS - 128) + 128
  assert found.flops == 24 * 2 * (
      all_layers + 2 * (all_layers - 4 * (STEM + FUSED)))


def test_labelling(tmp_path):
  run = tiny.run(tmp_path)
  teacher, student = run.generations
  found = work.label(run, student, [teacher])
  assert found.images == 40
  assert found.flops == 40 * 2 * MULTIPLY_ADDS
  assert found.written == 40 * (11 + 2 * 4)
  both = work.label(run, dataclasses.replace(
      student, labelling=pseudolabel.Labelling(augment='flip')),
                    [teacher, teacher])
  assert both.flops == 4 * found.flops


def test_calibration_is_a_labelling_of_validation(tmp_path):
  run = tiny.run(tmp_path)
  teacher, student = run.generations
  found = work.calibrate(run, student, [teacher])
  assert (found.images, found.flops) == (8, 8 * 2 * MULTIPLY_ADDS)
  assert found.written is None


def test_a_selection_has_no_more_than_the_pool_and_the_balance(tmp_path):
  run = tiny.run(tmp_path)
  balanced = lambda count: pseudolabel.Select(
      balance=pseudolabel.Balance(images_per_class=count))
  for policy, images in (
      (balanced(5), 20), (balanced(30), 40),
      (pseudolabel.Select(balance=pseudolabel.Unbalanced()), 40)):
    found = work.select(run, changed(run, 1, select=policy))
    assert (found.images, found.is_bound) == (images, True)
    # A row of the selection; the pixels, the distribution and the rest of a
    # record.
    assert found.written == images * (12 + 64 + 2 * 4 + 160)


def test_a_selection_that_is_labelled_again_is_at_most_what_it_was(tmp_path):
  run = tiny.run(tmp_path, students=3, changes={
      'student1': {'select': pseudolabel.Select(
          balance=pseudolabel.Balance(images_per_class=7))},
      'student2': {'relabel': 'student1'},
      'student3': {'relabel': 'student2',
                   'select': pseudolabel.KeepSelection()}})
  _, first, second, third = run.generations
  assert run.data.unlabelled.num_examples > 28
  assert not work.label(run, first, []).is_bound
  for generation in second, third:
    labelled = work.label(run, generation, [first])
    assert (labelled.images, labelled.is_bound) == (28, True)
    selected = work.select(run, generation)
    assert (selected.images, selected.is_bound) == (28, True)


def test_an_evaluation_is_of_all_sets_at_the_last_size(tmp_path):
  run = tiny.run(tmp_path)
  teacher = run.generations[0]
  assert work.evaluate(run, teacher).images == 8 + 20
  assert work.evaluate(run, teacher).flops == 28 * 2 * MULTIPLY_ADDS
  larger = dataclasses.replace(teacher, fine_tune=training.FineTune(
      image_size=16, num_steps=6, schedule_steps=40, labelled_batch=4,
      learning_rate=training.Constant(rate=0.1)))
  assert work.evaluate(run, larger).flops == 28 * 2 * (
      4 * (MULTIPLY_ADDS - 128) + 128)


def test_of_a_model_of_unknown_layers_only_images_and_steps_are_known(tmp_path):
  class Own:
    image_size, channels = 8, 1

    def build(self):
      raise AssertionError
  run = tiny.run(tmp_path)
  own = changed(run, 0, model=Own())
  found = work.train(run, own)
  assert (found.images, found.steps) == (640, 40)
  assert (found.flops, found.memory, found.written) == (None, None, None)
  assert work.evaluate(run, own) == work.Work(images=28)
  assert work.label(run, run.generations[1], [own]).flops is None


def test_weights_from_elsewhere_are_only_written(tmp_path):
  run = tiny.run(tmp_path)
  elsewhere = types.SimpleNamespace(uses_images=False, path='b0.npz',
                                    run=lambda job: {})
  assert work.train(run, changed(run, 0, training=elsewhere)) == work.Work(
      written=2 * VARIABLES)


class Small(alone.OneHost):
  """A runtime of two devices of 4 MB each."""
  replicas, on_host = 2, False

  def memory_bytes(self):
    return 4_000_000

  def strategy(self):
    raise AssertionError


def test_memory_is_that_of_one_device(tmp_path):
  run = tiny.run(tmp_path)
  student = run.generations[1]
  here = work.train(run, student).memory
  there = work.train(dataclasses.replace(run, runtime=Small()), student).memory
  # Without TensorFlow itself, and of half a batch.
  assert there < 4_000_000 < 100_000_000 < here
