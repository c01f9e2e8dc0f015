"""What steps pass on; that the stages do their work: tests/integration."""

import types

from etils import epath
import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.core import errors
from ns.core import manifest
from ns.core import seeds
from ns.loop import steps
from ns.models import weights
from tests.support import tiny


class Recorder:
  """An object whose methods note their arguments and give `answer`."""

  def __init__(self, answer=None, **attributes):
    self.calls, self.answer = [], answer
    for name, value in attributes.items():
      setattr(self, name, value)

  def run(self, *args, **kwargs):
    assert not kwargs
    self.calls.append(args)
    return self.answer

  batches = run


@pytest.fixture(name='run')
def make_run(tmp_path):
  return tiny.run(tmp_path / 'data', seed=4)


@pytest.fixture(name='trained')
def make_trained(tmp_path, run):
  """A run's folder with the teacher's average, of known weights."""
  folder = epath.Path(tmp_path) / 'run'
  network = run.generations[0].model.build(noise.ModelNoise(), 4, seed=77)
  weights.save(network, folder / 'teacher' / 'train' / 'average.npz')
  return folder, network


def expected_answers(network, images):
  return tf.nn.softmax(network(tf.cast(images, tf.float32))).numpy()


def test_the_teachers_average_labels_the_pool_without_noise(run, trained):
  folder, network = trained
  labelling = Recorder({'images': 40})
  generation = types.SimpleNamespace(name='student1', labelling=labelling)
  teacher_stage = types.SimpleNamespace(fingerprint='abc')
  assert steps.label(run, generation, run.generations[0], teacher_stage, folder,
                     folder / 'x') == {'images': 40}
  (predict, pool, place, fingerprint, advance), = labelling.calls
  assert pool.canonical() == run.data.unlabelled.canonical()
  assert not pool.is_labelled
  assert (place, fingerprint) == (str(folder / 'x'), 'abc')
  images = tiny.batch(3)['image']
  np.testing.assert_allclose(predict(images),
                             expected_answers(network, images), rtol=1e-5)
  np.testing.assert_array_equal(predict(images), predict(images))
  assert callable(advance)


def test_progress_of_labelling_counts_images_once(run, trained, capsys):
  folder, _ = trained

  class Labelling:
    def run(self, predict, pool, place, fingerprint, advance):
      for done in 16, 32, 40, 40:
        advance(done, 40)
      return {}

  generation = types.SimpleNamespace(name='student1', labelling=Labelling())
  steps.label(run, generation, run.generations[0],
              types.SimpleNamespace(fingerprint=''), folder, folder)
  assert 'student1/label: 40/40 images' in capsys.readouterr().err


def test_a_teacher_without_weights_is_an_error(run, tmp_path):
  with pytest.raises(errors.RunError, match='a network without weights is '
                     'never used'):
    steps.label(run, run.generations[1], run.generations[0], None,
                epath.Path(tmp_path), tmp_path)


def test_a_selection_has_a_seed_of_its_own(run, tmp_path):
  folder = epath.Path(tmp_path)
  select = Recorder({'copies': 3})
  generation = types.SimpleNamespace(name='student1', select=select)
  assert steps.select(run, generation, folder, folder / 'x') == {'copies': 3}
  (predictions, pool, place, seed, classes), = select.calls
  assert predictions == str(folder / 'student1' / 'label')
  assert (place, classes) == (str(folder / 'x'), 4)
  assert pool.canonical() == run.data.unlabelled.canonical()
  assert seed == seeds.Seed(4).child('student1', 'select')


def job_of(run, index, folder):
  """The job that generation `index` trains on, and what its batches are."""
  real = run.generations[index]
  batches = Recorder('batches', labelled_batch=8, batch_size=24)
  training = Recorder({'loss': 1.0})
  generation = types.SimpleNamespace(
      name=real.name, model=real.model, model_noise=real.model_noise,
      noise=real.noise, mixture=batches, training=training,
      has_teacher=real.has_teacher)
  assert steps.train(run, generation, folder, folder / 'here') == {'loss': 1.0}
  (job,), = training.calls
  assert job.batches(17) == 'batches'
  return job, batches.calls[0]


def test_a_teacher_is_trained_on_labelled_images(run, tmp_path):
  folder = epath.Path(tmp_path)
  job, (inputs, input_noise, data_seed, first_step) = job_of(run, 0, folder)
  assert (job.name, job.folder) == ('teacher/train', folder / 'here')
  assert (job.labelled_batch, job.batch_size) == (8, 24)
  assert inputs.labelled.canonical() == run.data.labelled.canonical()
  assert inputs.image_shape == (8, 8, 1) and inputs.pseudo_labelled is None
  assert input_noise == run.generations[0].noise and first_step == 17
  assert data_seed == seeds.Seed(4).child('teacher', 'data')
  assert job.seed == seeds.Seed(4).child('teacher', 'train')


def test_a_student_is_trained_on_its_selection_too(run, tmp_path):
  folder = epath.Path(tmp_path)
  selected = folder / 'student1' / 'select'
  manifest.begin(selected, {})
  manifest.commit(selected, {}, {'copies': 55}, 1.0, {}, {})
  job, (inputs, *_) = job_of(run, 1, folder)
  assert inputs.pseudo_labelled.folder == str(selected)
  assert inputs.pseudo_labelled.num_examples == 55
  assert job.seed == seeds.Seed(4).child('student1', 'train')


def test_a_job_builds_the_generations_network(run, tmp_path):
  job, _ = job_of(run, 0, epath.Path(tmp_path))
  with job.strategy.scope():
    network = job.build(3)
  assert network.model_noise == run.generations[0].model_noise
  expected = run.generations[0].model.build(noise.ModelNoise(), 4, seed=3)
  for ours, theirs in zip(network.variables, expected.variables, strict=True):
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_the_average_is_evaluated_on_each_set(run, trained):
  folder, network = trained
  measure = Recorder({'accuracy': 0.5})
  generation = types.SimpleNamespace(
      name='teacher', model=run.generations[0].model,
      model_noise=noise.ModelNoise(), evaluation=measure)
  assert steps.evaluate(run, generation, folder, folder) == {
      'validation': {'accuracy': 0.5}, 'test': {'accuracy': 0.5}}
  assert [source.name for _, source, _ in measure.calls] == [
      'validation', 'test']
  predict, _, shape = measure.calls[0]
  images = tiny.batch(3)['image']
  np.testing.assert_allclose(predict(images),
                             expected_answers(network, images), rtol=1e-5)
  assert shape == (8, 8, 1)
