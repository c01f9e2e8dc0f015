"""What steps pass on; that the stages do their work: tests/integration."""

import dataclasses
import itertools
import types

from etils import epath
import numpy as np
import pytest
import tensorflow as tf

from ns import images
from ns import mixture
from ns import models
from ns import noise
from ns import pseudolabel
from ns import training as training_lib
from ns.core import errors
from ns.core import manifest
from ns.core import seeds
from ns.core import termination
from ns.loop import lineage
from ns.loop import steps
from ns.mixture import broken
from ns.mixture import views
from ns.models import weights
from tests.support import pseudo_files
from tests.support import seed_as_image
from tests.support import tiny

NAMES = 'teacher', 'student1', 'student2'
each_generation = pytest.mark.parametrize('index', range(3), ids=NAMES)


class Recorder:
  """An object whose methods note their arguments and give `answer`."""

  def __init__(self, answer=None, **attributes):
    self.calls, self.answer = [], answer
    for name, value in attributes.items():
      setattr(self, name, value)

  def run(self, *args, on_progress=None):
    del on_progress
    self.calls.append(args)
    return self.answer

  batches = run

  def canonical(self):
    return 'a recorder'


@pytest.fixture(name='run')
def make_run(tmp_path):
  """No two of its generations have the same architecture or noises."""
  return tiny.run(tmp_path / 'data', students=2, seed=4)


def save_average(generation, folder, seed, kind='train'):
  """Known weights as the average of a generation in a run's folder."""
  network = generation.model.build(noise.ModelNoise(), 4, seed=seed)
  weights.save(network, folder / generation.name / kind / 'average.npz')
  return network


@pytest.fixture(name='trained')
def make_trained(tmp_path, run):
  """A run's folder with the teacher's average, of known weights."""
  folder = epath.Path(tmp_path) / 'run'
  return folder, save_average(run.generations[0], folder, 77)


def make_stage(run, name, folder):
  stage, = [stage for stage in run.stages() if stage.name == name]
  return stage.make(folder, folder / 'here')


def write_selection(folder, name, copies):
  """The same pseudo-labelled images for every student."""
  selected = folder / name / 'select'
  manifest.begin(selected, {})
  written = pseudo_files.write(
      selected, tiny.batch(0)['image'][:5], np.eye(4)[[0] * 5], copies)
  # Said to be of 50, which fill a batch.
  manifest.commit(selected, {}, {'used': 50, 'records': {
      path.rpartition('/')[2]: count for path, count in written}}, 1.0, {}, {})


def expected_answers(network, images):
  return tf.nn.softmax(network(tf.cast(images, tf.float32))).numpy()


def taught(run, index=0):
  """A generation as a teacher, its stages those of the run."""
  stages = {stage.name: stage for stage in run.stages()}
  return lineage.Finished(
      generation=run.generations[index], trained=types.SimpleNamespace(
          fingerprint='abc' + str(index or '')),
      evaluated=stages[f'{NAMES[index]}/evaluate'])


def test_the_teachers_average_labels_the_pool_without_noise(run, trained):
  folder, network = trained
  labelling = Recorder({'images': 40}, precision='float32')
  generation = dataclasses.replace(run.generations[1], labelling=labelling)
  assert steps.label(run, generation, folder, folder / 'x',
                     teachers=[taught(run)]) == {'images': 40}
  ((teacher,), pool, place, advance), = labelling.calls
  assert (teacher.name, teacher.accuracy) == ('teacher', None)
  predict, fingerprint = teacher.predict, teacher.fingerprint
  assert teacher.view.shape == (8, 8, 1)
  assert pool.canonical() == run.data.unlabelled.canonical()
  assert not pool.is_labelled
  assert (place, fingerprint) == (str(folder / 'x'), 'abc')
  images = tiny.batch(3)['image']
  np.testing.assert_allclose(predict(images),
                             expected_answers(network, images), rtol=1e-5)
  np.testing.assert_array_equal(predict(images), predict(images))
  assert callable(advance)


def test_several_teachers_label_together(run, trained):
  folder, network = trained
  networks = [network, save_average(run.generations[1], folder, 78)]
  labelling = Recorder({}, precision='float32')
  steps.label(run, dataclasses.replace(run.generations[2], labelling=labelling),
              folder, folder, teachers=[taught(run), taught(run, 1)])
  (teachers, *_), = labelling.calls
  images = tiny.batch(3)['image']
  assert [(t.name, t.fingerprint) for t in teachers] == [
      ('teacher', 'abc'), ('student1', 'abc1')]
  for teacher, expected in zip(teachers, networks):
    np.testing.assert_allclose(teacher.predict(images),
                               expected_answers(expected, images), rtol=1e-5)


def test_a_teachers_accuracy_is_told_where_it_is_asked_for(run, trained):
  folder, _ = trained
  labelling = Recorder({}, precision='float32', min_accuracy=0.5)
  generation = dataclasses.replace(run.generations[1], labelling=labelling)

  def accuracy():
    steps.label(run, generation, folder, folder, teachers=[taught(run)])
    ((teacher,), *_) = labelling.calls[-1]
    return teacher.accuracy

  assert accuracy() is None
  manifest.begin(folder / 'teacher' / 'evaluate', {})
  manifest.commit(folder / 'teacher' / 'evaluate', {}, {
      'validation': {'accuracy': 0.7}, 'test': {'accuracy': 0.2}}, 1.0, {}, {})
  assert accuracy() == 0.7


def test_labels_are_at_the_temperature_that_calibration_found(run, trained):
  folder, network = trained
  seen = []

  class Calibration:

    def run(self, ensemble, source, place, batch_size, on_progress):
      seen.append((ensemble, source, place, batch_size))
      on_progress(8, 8)
      return {'temperature': 1.5}

  class Labelling(pseudolabel.Labelling):

    def run(self, *args, **more):
      seen.append(more)
      return {}

  generation = dataclasses.replace(
      run.generations[1], calibration=Calibration(),
      labelling=Labelling(batch_size=16, augment='flip'))
  place = folder / 'student1' / 'calibrate'
  results = steps.calibrate(run, generation, folder, place,
                            teachers=[taught(run)])
  (ensemble, source, where, batch_size), = seen
  assert (ensemble.augment, ensemble.temperature, batch_size) == (
      'flip', 1.0, 16)
  assert (source.name, where) == ('validation', place)
  images = tiny.batch(3)['image']
  np.testing.assert_allclose(ensemble.teachers[0].predict(images),
                             expected_answers(network, images), rtol=1e-5)
  manifest.begin(place, {})
  manifest.commit(place, {}, results, 1.0, {}, {})
  steps.label(run, generation, folder, folder, teachers=[taught(run)])
  assert seen[1] == {'temperature': 1.5}


def test_progress_of_labelling_counts_images_once(run, trained, capsys):
  folder, _ = trained

  class Labelling:
    precision = 'float32'

    def run(self, teachers, pool, place, advance):
      for done in 16, 32, 40, 40:
        advance(done, 40)
      return {}

  generation = dataclasses.replace(run.generations[1], labelling=Labelling())
  steps.label(run, generation, folder, folder, teachers=[taught(run)])
  assert 'student1/label: 40/40 images' in capsys.readouterr().err


def test_a_teacher_without_weights_is_an_error(run, tmp_path):
  with pytest.raises(errors.RunError, match='a network without weights is '
                     'never used'):
    steps.label(run, run.generations[1], epath.Path(tmp_path), tmp_path,
                teachers=[taught(run)])


def test_a_selection_has_a_seed_of_its_own(run, tmp_path):
  folder = epath.Path(tmp_path)
  results = {'copies': 300, 'most_copies': 5}
  select = Recorder(results)
  generation = dataclasses.replace(run.generations[1], select=select)
  assert steps.select(run, generation, folder, folder / 'x') == results
  (predictions, pool, place, seed, classes), = select.calls
  assert predictions == str(folder / 'student1' / 'label')
  assert (place, classes) == (str(folder / 'x'), 4)
  assert pool.canonical() == run.data.unlabelled.canonical()
  assert seed == seeds.Seed(4).child('student1', 'select')


@pytest.mark.parametrize('most, said', [
    (18, ''),  # 18 times 16 of a batch are 288.
    (19, 'student1/select: one image is used 19 times, but an image with more '
     'than 18 copies is in some batches several times, since each takes 16 of '
     '300 images that are shuffled together; bind a smaller batch, or '
     '`Balance.max_copies`.\n')])
def test_copies_that_meet_in_a_batch_are_told(run, tmp_path, capsys, most,
                                              said):
  select = Recorder({'copies': 300, 'most_copies': most})
  generation = dataclasses.replace(run.generations[1], select=select)
  steps.select(run, generation, epath.Path(tmp_path), epath.Path(tmp_path))
  assert capsys.readouterr().err == said


@pytest.mark.parametrize('student, teacher', [(1, 0), (2, 1)])
def test_a_student_is_labelled_by_the_generation_before_it(
    tmp_path, student, teacher):
  labelling = Recorder({}, precision='float32')
  run = tiny.run(tmp_path / 'data', students=2,
                 changes={NAMES[student]: {'labelling': labelling}})
  folder = epath.Path(tmp_path) / 'run'
  networks = [save_average(generation, folder, 77 + place)
              for place, generation in enumerate(run.generations)]
  make_stage(run, f'{NAMES[student]}/label', folder)
  ((found,), _, place, _), = labelling.calls
  predict, fingerprint = found.predict, found.fingerprint
  assert place == str(folder / 'here')
  assert [stage.name for stage in run.stages()
          if stage.fingerprint == fingerprint] == [f'{NAMES[teacher]}/train']
  images = tiny.batch(3)['image']
  answers = [expected_answers(network, images) for network in networks]
  for other in {0, 1, 2} - {teacher}:
    assert np.abs(answers[other] - answers[teacher]).max() > 0.01
  np.testing.assert_allclose(predict(images), answers[teacher], rtol=1e-5)


@each_generation
def test_a_generation_is_evaluated_as_it_was_trained(tmp_path, index):
  measure = Recorder({})
  run = tiny.run(tmp_path / 'data', students=2,
                 changes={NAMES[index]: {'evaluation': measure}})
  folder = epath.Path(tmp_path) / 'run'
  networks = [save_average(generation, folder, 77 + place)
              for place, generation in enumerate(run.generations)]
  make_stage(run, f'{NAMES[index]}/evaluate', folder)
  images = tiny.batch(3)['image']
  expected = expected_answers(networks[index], images)
  assert len(measure.calls) == 2
  for predict, *_ in measure.calls:
    np.testing.assert_allclose(predict(images), expected, rtol=1e-5)


def job_of(run, index, folder):
  """The job that generation `index` trains on, and what its batches are."""
  real = run.generations[index]
  batches = Recorder('batches', labelled_batch=8, batch_size=24,
                     uses_pseudo_labels=real.has_teacher)
  training = Recorder({'loss': 1.0})
  generation = dataclasses.replace(real, mixture=batches, training=training)
  assert steps.train(run, generation, folder, folder / 'here') == {'loss': 1.0}
  (job,), = training.calls
  assert job.batches(17) == 'batches'
  return job, batches.calls[0]


def test_a_teacher_is_trained_on_labelled_images(run, tmp_path):
  folder = epath.Path(tmp_path)
  job, (inputs, data_seed, first_step) = job_of(run, 0, folder)
  assert (job.name, job.folder) == ('teacher/train', folder / 'here')
  assert (job.labelled_batch, job.batch_size) == (8, 24)
  assert inputs.labelled.canonical() == run.data.labelled.canonical()
  assert inputs.view.shape == (8, 8, 1) and inputs.pseudo_labelled is None
  assert inputs.noise == run.generations[0].noise and first_step == 17
  assert data_seed == seeds.Seed(4).child('teacher', 'data')
  assert job.seed == seeds.Seed(4).child('teacher', 'train')
  assert job.max_broken == {'labelled': run.data.labelled.limit}


def test_a_student_is_trained_on_its_selection_too(run, tmp_path):
  folder = epath.Path(tmp_path)
  write_selection(folder, 'student1', [11] * 5)
  job, (inputs, *_) = job_of(run, 1, folder)
  selected = str(folder / 'student1' / 'select')
  assert inputs.pseudo_labelled.files == (
      (f'{selected}/pseudo-00000-of-00002.tfrecord', 33),
      (f'{selected}/pseudo-00001-of-00002.tfrecord', 22))
  assert job.seed == seeds.Seed(4).child('student1', 'train')
  assert job.max_broken == {
      'labelled': run.data.labelled.limit, 'pseudo_labelled': broken.Limit(
          name='student1/select', images=50, share=0.01,
          binding='Labelling.max_broken')}


def test_no_two_generations_are_alike_here(run):
  """Or the tests of whose noise and architecture it is would see nothing."""
  for name in 'model', 'noise', 'model_noise':
    first, second, third = (getattr(g, name) for g in run.generations)
    assert first != second != third != first


@pytest.fixture(name='jobs')
def make_jobs(tmp_path, monkeypatch):
  """What the stages hand to the trainings of `run`, by generation."""
  run = tiny.run(tmp_path / 'data', students=2, seed=4, changes={
      name: {'noise': seed_as_image.SeedAsImage()} for name in NAMES})
  folder = epath.Path(tmp_path) / 'run'
  for name in NAMES[1:]:
    write_selection(folder, name, [1, 2, 1, 3, 1])
  jobs = []
  monkeypatch.setattr(training_lib.Training, 'run',
                      lambda self, job: jobs.append(job) or {})
  for name in NAMES:
    make_stage(run, f'{name}/train', folder)
  return jobs


def test_fine_tuning_goes_on_from_the_average_at_its_size(run, tmp_path):
  folder = epath.Path(tmp_path)
  policy = Recorder({'loss': 0.5}, image_size=12,
                    mixture=Recorder('batches', labelled_batch=4, batch_size=4))
  crop = images.CentreCrop(padding=2)
  generation = dataclasses.replace(run.generations[1], fine_tune=policy,
                                   evaluation_crop=crop)
  assert steps.finetune(run, generation, folder, folder / 'x') == {'loss': 0.5}
  (job,), = policy.calls
  assert job.initial_weights == folder / 'student1' / 'train' / 'average.npz'
  assert (job.name, job.labelled_batch) == ('student1/finetune', 4)
  assert job.seed == seeds.Seed(4).child('student1', 'finetune')
  assert job.batches(3) == 'batches'
  (inputs, _, first_step), = policy.mixture.calls
  assert inputs.view == views.View(size=12, channels=1, crop=crop)
  assert inputs.noise == noise.Off() and inputs.pseudo_labelled is None
  assert first_step == 3
  larger = np.zeros((2, 12, 12, 1), np.float32)
  with job.strategy.scope():
    assert job.build(1)(larger).shape == (2, 4)


def test_a_fine_tuned_teacher_labels_at_its_size(run, tmp_path):
  """And with the weights of the fine-tuning, not those of the training."""
  folder = epath.Path(tmp_path)
  tuned = dataclasses.replace(run.generations[0],
                              fine_tune=Recorder(image_size=12))
  networks = [save_average(tuned, folder, 7, 'train'),
              save_average(tuned, folder, 8, 'finetune')]
  labelling = Recorder({}, precision='float32')
  steps.label(run, dataclasses.replace(run.generations[1], labelling=labelling),
              folder, folder, teachers=[
                  dataclasses.replace(taught(run), generation=tuned)])
  ((teacher,), *_), = labelling.calls
  predict = teacher.predict
  assert teacher.view.size == 12
  larger = np.random.default_rng(0).integers(0, 256, (5, 12, 12, 1), np.uint8)
  np.testing.assert_allclose(predict(larger),
                             expected_answers(networks[1], larger), rtol=1e-5)


def test_what_is_exported_is_the_average(run, tmp_path):
  folder = epath.Path(tmp_path)

  class Export:
    def run(self, network, place, **more):
      self.network, self.place, self.more = network, place, more
      return {'formats': {}}

  policy = Export()
  generation = dataclasses.replace(run.generations[0], export=policy)
  network = save_average(generation, folder, 9)
  made = manifest.commit(folder / 'teacher' / 'train', {}, {}, 1.0, {}, {})
  assert steps.export(run, generation, folder, folder / 'x') == {'formats': {}}
  assert policy.place == folder / 'x'
  for ours, theirs in zip(policy.network.variables, network.variables,
                          strict=True):
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
  assert policy.more == {
      'class_names': ('0', '1', '2', '3'), 'image_size': 8, 'channels': 1,
      'crop': images.AsIs(), 'provenance': {
          'stage': 'teacher/train', 'fingerprint': made.fingerprint,
          'contents': made.contents}}


def test_a_training_begins_with_what_start_says(tmp_path, monkeypatch):
  jobs = []
  monkeypatch.setattr(training_lib.Training, 'run',
                      lambda self, job: jobs.append(job) or {})
  folder = epath.Path(tmp_path) / 'run'
  write_selection(folder, 'student1', [1] * 5)
  path = tmp_path / 'a.npz'
  weights.save(tiny.architecture().build(noise.ModelNoise(), 4), path)
  for start in (None, training_lib.FromTeacher(),
                training_lib.FromWeights(path=str(path))):
    make_stage(tiny.run(tmp_path / 'data', changes={'student1': {
        'start': start, 'model': tiny.architecture()}}), 'student1/train',
               folder)
  assert [job.initial_weights for job in jobs] == [
      None, folder / 'teacher/train/average.npz', path]


def test_a_teacher_in_the_step_is_the_finished_one(tmp_path, monkeypatch):
  """In its own size and crop, of its own architecture, with its weights."""
  jobs, folder = [], epath.Path(tmp_path) / 'run'
  monkeypatch.setattr(training_lib.Training, 'run',
                      lambda self, job: jobs.append(job) or {})
  crop = images.CentreCrop(padding=2)
  policy = mixture.HardLabels()
  run = tiny.run(tmp_path / 'data', seed=4, changes={
      'teacher': {'evaluation_crop': crop, 'fine_tune': training_lib.FineTune(
          image_size=12, num_steps=2, schedule_steps=20, labelled_batch=8,
          learning_rate=training_lib.Constant(rate=0.1))},
      'student1': {
          'calibration': pseudolabel.TemperatureScaling(),
          'mixture': mixture.OnTheFly(
              labelled_batch=8, ratio=2, min_confidence=0.4,
              pseudo_labels=policy)}})
  manifest.begin(folder / 'student1' / 'calibrate', {})
  manifest.commit(folder / 'student1' / 'calibrate', {}, {'temperature': 2.5},
                  1.0, {}, {})
  network = save_average(run.generations[0], folder, 7, 'finetune')
  make_stage(run, 'student1/train', folder)
  job, = jobs
  assert job.max_broken['pseudo_labelled'] == broken.Limit(
      name='unlabelled', images=run.data.unlabelled.num_examples, share=0.01,
      binding='Labelling.max_broken')
  assert (job.teacher.pseudo_labels, job.teacher.min_confidence,
          job.teacher.temperature) == (policy, 0.4, 2.5)
  batch = next(iter(job.batches(0)))
  assert batch['teacher_image'].shape == (16, 12, 12, 1)
  seen = batch['teacher_image']
  logits = network(tf.cast(seen, tf.float32))
  np.testing.assert_allclose(job.teacher.answers(job.teacher.build(), seen),
                             tf.nn.softmax(logits / 2.5), rtol=1e-5)


def test_a_teacher_in_the_step_that_is_not_accurate_enough(tmp_path):
  folder = epath.Path(tmp_path) / 'run'
  run = tiny.run(tmp_path / 'data', changes={'student1': {
      'mixture': mixture.OnTheFly(labelled_batch=8, ratio=2),
      'labelling': pseudolabel.Labelling(min_accuracy=0.5)}})
  manifest.begin(folder / 'teacher' / 'evaluate', {})
  manifest.commit(folder / 'teacher' / 'evaluate', {}, {
      'validation': {'accuracy': 0.3}}, 1.0, {}, {})
  with pytest.raises(errors.RunError, match='The teacher `teacher` should have '
                     'an accuracy of at least'):
    make_stage(run, 'student1/train', folder)


@each_generation
def test_a_generation_is_trained_with_its_own_noise_and_seeds(
    run, tmp_path, index):
  folder = epath.Path(tmp_path)
  for name in NAMES[1:]:
    write_selection(folder, name, [1] * 5)
  job, (inputs, data_seed, _) = job_of(run, index, folder)
  assert job.name == f'{NAMES[index]}/train'
  assert inputs.noise == run.generations[index].noise
  assert data_seed == seeds.Seed(4).child(NAMES[index], 'data')
  assert job.seed == seeds.Seed(4).child(NAMES[index], 'train')


def test_another_attempt_has_other_images(run, jobs):
  first, again, other = (
      next(iter(jobs[0].batches(3, *attempt)))['image'].numpy()
      for attempt in ((), (0,), (1,)))
  np.testing.assert_array_equal(first, again)
  assert (first != other).any()


def test_a_job_measures_on_validation_as_it_is_now(run, tmp_path):
  measure = Recorder({'accuracy': 0.25})
  generation = dataclasses.replace(run.generations[0], evaluation=measure)
  changed = dataclasses.replace(
      run, generations=[generation, *run.generations[1:]])
  job, _ = job_of(changed, 0, epath.Path(tmp_path))
  network = generation.model.build(noise.ModelNoise(), 4, seed=3)
  images = tiny.batch(3)['image']
  for _ in range(2):
    assert job.accuracy(network) == 0.25
    predict, source, view = measure.calls[-1]
    assert (source.name, view.shape) == ('validation', (8, 8, 1))
    np.testing.assert_allclose(predict(images),
                               expected_answers(network, images), rtol=1e-5)
    network.classifier.kernel.assign(-network.classifier.kernel)


def test_a_job_tells_the_configuration(run, tmp_path):
  folder = epath.Path(tmp_path) / 'teacher'  # The stage is `here`, below it.
  assert job_of(run, 0, folder)[0].description == ''
  (tmp_path / 'config.gin').write_text('a.b = 1\n')
  assert job_of(run, 0, folder)[0].description == 'a.b = 1\n'


@each_generation
def test_a_job_builds_the_generations_network(run, jobs, index):
  generation, job = run.generations[index], jobs[index]
  with job.strategy.scope():
    network = job.build(3)
  assert network.model_noise == generation.model_noise
  expected = generation.model.build(noise.ModelNoise(), 4, seed=3)
  for ours, theirs in zip(network.variables, expected.variables, strict=True):
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_no_two_generations_give_an_image_the_same_seed(jobs):
  drawn = []
  for job in jobs:
    for batch in itertools.islice(job.batches(0), 10):
      drawn += seed_as_image.seeds(batch['image'])
  assert len(drawn) == 10 * (16 + 24 + 24)
  assert len(set(drawn)) == len(drawn)


def test_the_average_is_evaluated_on_each_set(run, trained):
  folder, network = trained
  measure = Recorder({'accuracy': 0.5})
  generation = dataclasses.replace(run.generations[0], evaluation=measure)
  assert steps.evaluate(run, generation, folder, folder) == {
      'validation': {'accuracy': 0.5}, 'test': {'accuracy': 0.5}}
  assert [source.name for _, source, _ in measure.calls] == [
      'validation', 'test']
  predict, _, view = measure.calls[0]
  images = tiny.batch(3)['image']
  np.testing.assert_allclose(predict(images),
                             expected_answers(network, images), rtol=1e-5)
  assert view.shape == (8, 8, 1)


@pytest.mark.parametrize('kind', ['calibrate', 'label', 'evaluate', 'export'])
def test_who_is_asked_to_end_does(run, trained, kind):
  folder, _ = trained
  manifest.commit(folder / 'teacher' / 'train', {}, {}, 1.0, {}, {})
  more = ({'teachers': [taught(run)]} if kind in ('calibrate', 'label') else {})
  generation = dataclasses.replace(
      run.generations[bool(more)], export=models.Export(),
      calibration=(pseudolabel.TemperatureScaling() if kind == 'calibrate'
                   else None))
  with termination.heard():
    termination.request()
    with pytest.raises(errors.Terminated):
      getattr(steps, kind)(run, generation, folder, folder / 'x', **more)
