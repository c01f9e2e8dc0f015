import dataclasses
import types

from ns import mixture
from ns import pseudolabel
from ns import training
from ns.loop import sizes
from ns.loop import work
from tests.support import tiny


def test_what_there_is_to_do(tmp_path):
  run = tiny.run(tmp_path)
  teacher, student = run.generations
  assert sizes.label(student, [teacher, student]) == (
      'labelled by teacher and student1')
  assert sizes.label(dataclasses.replace(student, relabel='student1'),
                     [teacher]) == (
      'what was selected for student1, labelled by teacher')
  assert sizes.calibrate(run, pseudolabel.TemperatureScaling()) == (
      'TemperatureScaling on validation')
  assert sizes.train(run, teacher).endswith(
      ' parameters, batches of 16 images of 8 x 8')
  assert sizes.train(run, student).endswith(
      ' parameters, batches of 8 + 16 images of 8 x 8')


def test_steps_in_calls(tmp_path):
  run = tiny.run(tmp_path, changes={
      'teacher': {'training': tiny.steps(40, steps_per_call=8)}})
  assert sizes.train(run, run.generations[0]).endswith(
      ', batches of 16 images of 8 x 8, 8 steps in a call')


def test_labelled_images_that_count_by_chance(tmp_path):
  run = tiny.run(tmp_path, changes={'student1': {
      'mixture': mixture.ExactRatio(labelled_batch=8, ratio=2,
                                    label_data_sample_prob=0.5)}})
  student = run.generations[1]
  assert sizes.train(run, student).endswith(
      ', batches of 8 (of which 4 count) + 8 images of 8 x 8')
  assert work.train(run, student).epochs == 40 * 4 / 12


def test_a_selection_says_its_rules():
  assert sizes.select(pseudolabel.Select(
      min_confidence=0.3, balance=pseudolabel.Balance(images_per_class=5400))
  ) == 'confidence of at least 0.3, 5,400 images a class'
  assert sizes.select(pseudolabel.Select(
      min_confidence=None, balance=pseudolabel.Unbalanced())
  ) == 'all, not balanced'
  assert sizes.select(pseudolabel.Select(
      min_confidence=[0.3, 0.5, 0.25], balance=pseudolabel.Unbalanced())
  ) == 'confidence of at least 0.25 to 0.5 by class, not balanced'
  assert sizes.select(pseudolabel.KeepSelection()) == (
      'the images and copies as they were selected')


def test_weights_from_elsewhere_take_no_steps(tmp_path):
  run = tiny.run(tmp_path)
  elsewhere = types.SimpleNamespace(uses_images=False, path='b0.npz',
                                    run=lambda job: {})
  generation = dataclasses.replace(run.generations[0], training=elsewhere)
  assert sizes.train(run, generation).endswith(
      ' parameters, weights of b0.npz')


def test_fine_tuning_says_its_size_and_what_is_frozen(tmp_path):
  run = tiny.run(tmp_path)
  # Of 1,470 parameters, see `schedule_test`, the stem has 88, and the fused
  # block 592.
  for frozen, told in (
      (None, '1,470 parameters'), (0, '1,382 parameters, the stem frozen'),
      (1, '790 parameters, the stem frozen and 1 blocks')):
    fine_tune = training.FineTune(
        image_size=12, num_steps=6, schedule_steps=40, labelled_batch=4,
        learning_rate=training.Constant(rate=0.1), frozen_blocks=frozen)
    generation = dataclasses.replace(run.generations[0], fine_tune=fine_tune)
    assert sizes.finetune(run, generation) == (
        f'{told}, batches of 4 images of 12 x 12')


def test_an_export_says_its_size(tmp_path):
  class Export:
    def run(self):
      raise AssertionError
  run = tiny.run(tmp_path)
  generation = dataclasses.replace(run.generations[0], export=Export())
  assert sizes.export(generation) == 'Export, images of 8 x 8'
