import dataclasses
import types

from ns import mixture
from ns import pseudolabel
from ns import training
from ns.loop import sizes
from tests.support import tiny


def test_what_there_is_to_do(tmp_path):
  run = tiny.run(tmp_path)
  teacher, student = run.generations
  images = run.data.unlabelled.num_examples
  assert sizes.label(run, [teacher]) == f'{images} images, labelled by teacher'
  assert sizes.calibrate(run, pseudolabel.TemperatureScaling()) == (
      'TemperatureScaling on 8 validation images')
  assert sizes.evaluate(run) == '8 validation images, 20 test images'
  assert sizes.train(run, teacher).endswith(
      ' parameters, 40 steps of 16 images, 53.3 epochs of 12 labelled')
  assert ' steps of 8 + 16 images, ' in sizes.train(run, student)


def test_steps_in_calls(tmp_path):
  run = tiny.run(tmp_path, changes={
      'teacher': {'training': tiny.steps(40, steps_per_call=8)}})
  assert sizes.train(run, run.generations[0]).endswith(
      ', 40 steps of 16 images, 8 in a call, 53.3 epochs of 12 labelled')


def test_labelled_images_that_count_by_chance(tmp_path):
  run = tiny.run(tmp_path, changes={'student1': {
      'mixture': mixture.ExactRatio(labelled_batch=8, ratio=2,
                                    label_data_sample_prob=0.5)}})
  assert sizes.train(run, run.generations[1]).endswith(
      ', 40 steps of 8 (of which 4 count) + 8 images, 13.3 epochs of 12 '
      'labelled')


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


def test_weights_from_elsewhere_take_no_steps(tmp_path):
  run = tiny.run(tmp_path)
  elsewhere = types.SimpleNamespace(uses_images=False, path='b0.npz',
                                    run=lambda job: {})
  generation = dataclasses.replace(run.generations[0], training=elsewhere)
  assert sizes.train(run, generation).endswith(
      ' parameters, weights of b0.npz')


def test_fine_tuning_says_its_size(tmp_path):
  run = tiny.run(tmp_path)
  fine_tune = training.FineTune(
      image_size=12, num_steps=6, schedule_steps=40, labelled_batch=4,
      learning_rate=training.Constant(rate=0.1))
  generation = dataclasses.replace(run.generations[0], fine_tune=fine_tune)
  assert sizes.finetune(run, generation) == (
      'images of 12 x 12, 6 steps of 4 images, 2.0 epochs of 12 labelled')


def test_an_export_says_its_size(tmp_path):
  class Export:
    def run(self):
      raise AssertionError
  run = tiny.run(tmp_path)
  generation = dataclasses.replace(run.generations[0], export=Export())
  assert sizes.export(generation) == 'Export, images of 8 x 8'
