import dataclasses
import json

import pytest

from ns import evaluation
from ns import images
from ns import loop
from ns import mixture
from ns import models
from ns import noise
from ns import pseudolabel
from ns import training as training_lib
from ns.core import errors
from ns.core import runtime
from ns.models import weights
from tests.support import data_sets
from tests.support import photos
from tests.support import tiny


def fingerprints(run):
  return {stage.name: stage.fingerprint for stage in run.stages()}


def changed(folder, changes, **how):
  """The stages with another fingerprint when generations have `changes`."""
  before = fingerprints(tiny.run(folder, students=2))
  after = fingerprints(tiny.run(folder, students=2, changes=changes, **how))
  assert before.keys() == after.keys()
  return [name for name in before if before[name] != after[name]]


ALL = ['teacher/train', 'teacher/evaluate',
       'student1/label', 'student1/select', 'student1/train',
       'student1/evaluate',
       'student2/label', 'student2/select', 'student2/train',
       'student2/evaluate']


@pytest.mark.parametrize('students, count', [(0, 2), (1, 6), (2, 10)])
def test_stages_come_in_order(tmp_path, students, count):
  found = [stage.name for stage in tiny.run(
      tmp_path, students=students).stages()]
  assert found == ALL[:count]


def test_a_generation_without_pseudo_labels_may_come_later(tmp_path):
  run = tiny.run(tmp_path, changes={'student1': {
      'mixture': mixture.Labelled(labelled_batch=4), 'select': None}})
  assert [stage.name for stage in run.stages()] == [
      'teacher/train', 'teacher/evaluate', 'student1/train',
      'student1/evaluate']


def test_fingerprints_are_distinct_and_the_same_next_time(tmp_path):
  first = fingerprints(tiny.run(tmp_path, students=2))
  assert len(set(first.values())) == 10
  assert fingerprints(tiny.run(tmp_path, students=2)) == first


def test_the_place_of_the_data_does_not_matter(tmp_path):
  assert fingerprints(tiny.run(tmp_path / 'a')) == (
      fingerprints(tiny.run(tmp_path / 'b')))


@dataclasses.dataclass(frozen=True)
class OtherKind:
  """An evaluation or a labelling of another kind."""

  def run(self, *args):
    raise AssertionError


@pytest.mark.parametrize('name, change, first', [
    ('teacher', {'noise': noise.Off()}, 0),
    ('teacher', {'model_noise': noise.ModelNoise(dropout=0.2)}, 0),
    ('student1', {'noise': noise.Off()}, 4),
    ('student1', {'model': dataclasses.replace(
        tiny.architecture(), head_filters=8)}, 4),
    ('student1', {'training': tiny.steps(41)}, 4),
    ('student1', {'mixture': mixture.ExactRatio(labelled_batch=8, ratio=3)}, 4),
    ('student1', {'select': pseudolabel.Select(
        min_confidence=0.4,
        balance=pseudolabel.Balance(images_per_class=30))}, 3),
    ('student1', {'labelling': OtherKind()}, 2),
    ('student2', {'noise': noise.FlipAndShift(shift=2)}, 8),
    ('student2', {'select': pseudolabel.Select(
        balance=pseudolabel.Balance(images_per_class=31))}, 7)])
def test_a_change_matters_from_where_it_works(tmp_path, name, change, first):
  assert changed(tmp_path, {name: change}) == ALL[first:]


CALIBRATED = {'student1': {'calibration': pseudolabel.TemperatureScaling()}}


def test_a_calibration_comes_before_the_labels_and_is_in_their_form(tmp_path):
  before = tiny.run(tmp_path, students=2)
  after = tiny.run(tmp_path, students=2, changes=CALIBRATED)
  names = [stage.name for stage in after.stages()]
  assert names == [*ALL[:2], 'student1/calibrate', *ALL[2:]]
  stages = dict(zip(names, after.stages()))
  assert [stage.name for stage in stages['student1/calibrate'].reads] == [
      'teacher/train']
  assert [stage.name for stage in stages['student1/label'].reads] == [
      'teacher/train', 'student1/calibrate']
  old, new = fingerprints(before), fingerprints(after)
  assert [name for name in ALL if old[name] != new[name]] == ALL[2:]


@pytest.mark.parametrize('change, how, matters', [
    ({'calibration': pseudolabel.TemperatureScaling(bins=9)}, {}, True),
    ({'labelling': pseudolabel.Labelling(augment='flip')}, {}, True),
    ({'labelling': pseudolabel.Labelling(top_k=2, scores=['margin'])}, {},
     False),
    ({'select': pseudolabel.Select(balance=pseudolabel.Unbalanced())}, {},
     False),
    ({}, {'validation': 9}, True), ({}, {'test': 21}, False)])
def test_what_decides_on_a_calibration(tmp_path, change, how, matters):
  before = fingerprints(tiny.run(tmp_path, changes=CALIBRATED))
  after = fingerprints(tiny.run(tmp_path, changes={
      'student1': {**CALIBRATED['student1'], **change}}, **how))
  name = 'student1/calibrate'
  assert (before[name] != after[name]) == matters


def test_a_selection_that_is_labelled_again_is_read(tmp_path):
  changes = {'student2': {'relabel': 'student1', 'teachers': ['teacher']}}
  plain = {'student2': {'teachers': ['teacher']}}
  run = tiny.run(tmp_path, students=2, changes=changes)
  label, = [s for s in run.stages() if s.name == 'student2/label']
  select, = [s for s in run.stages() if s.name == 'student1/select']
  assert [stage.name for stage in label.reads] == [
      'teacher/train', 'student1/select']
  assert label.form['pool'] == {'selected': select.fingerprint}
  old = fingerprints(tiny.run(tmp_path, students=2, changes=plain))
  new = fingerprints(run)
  assert [name for name in ALL if old[name] != new[name]] == ALL[6:]


@pytest.mark.parametrize('name, known', [
    ('teacher', "['student1']"), ('student2', "['student1']"),
    ('b7', "['student1']")])
def test_a_selection_should_be_an_earlier_one(tmp_path, name, known):
  with pytest.raises(ValueError) as caught:
    tiny.run(tmp_path, students=2, changes={'student2': {'relabel': name}})
  assert str(caught.value) == (
      "`Generation.relabel` of 'student2' should be an earlier generation with "
      f'pseudo-labels, of {known}, but is {name!r}.')


def test_another_evaluation_changes_itself_alone(tmp_path):
  assert changed(tmp_path, {'student1': {
      'evaluation': OtherKind()}}) == ['student1/evaluate']


@pytest.mark.parametrize('change', [
    {'evaluation': evaluation.Accuracy(batch_size=3)},
    {'labelling': pseudolabel.Labelling(batch_size=16)},
    {'training': tiny.steps(
        40, checkpoint_every_steps=7, summary_every_steps=3,
        checkpoints_to_keep=9, guard=training_lib.LossGuard(
            attempts=3, max_loss=10.0))}])
def test_how_it_is_executed_changes_nothing(tmp_path, change):
  assert changed(tmp_path, {'teacher': change, 'student2': change}) == []


def test_the_runtime_changes_nothing(tmp_path):
  run = tiny.run(tmp_path, students=2)
  on_gpu = dataclasses.replace(run, runtime=runtime.OneDevice(device='gpu'))
  assert fingerprints(run) == fingerprints(on_gpu)


def test_the_seed_changes_all_and_not_the_split(tmp_path):
  runs = [tiny.run(tmp_path, students=2, seed=seed) for seed in (0, 1)]
  first, second = map(fingerprints, runs)
  assert all(first[name] != second[name] for name in ALL)
  forms = [{s.name: s.form for s in run.stages()} for run in runs]
  for stage, part in (('teacher/train', 'labelled'), ('student1/label', 'pool'),
                      ('teacher/evaluate', 'sets')):
    assert forms[0][stage][part] == forms[1][stage][part]


def test_other_test_images_change_evaluations_alone(tmp_path):
  assert changed(tmp_path, {}, test=21) == [
      name for name in ALL if name.endswith('evaluate')]


def test_a_selection_of_weights_depends_on_validation(tmp_path):
  best = training_lib.BestOnValidation(every_steps=5)
  for name, policy in (
      ('training', tiny.steps(40, selection=best)),
      ('fine_tune', training_lib.FineTune(
          image_size=8, num_steps=4, schedule_steps=4, labelled_batch=8,
          learning_rate=training_lib.Constant(rate=0.1), selection=best))):
    stages = {stage.name: stage for stage in tiny.run(
        tmp_path, changes={'teacher': {name: policy}}).stages()}
    form = stages['teacher/' + {'training': 'train',
                                'fine_tune': 'finetune'}[name]].form
    validation, _ = stages['teacher/evaluate'].form['sets']
    assert form['validation'] == validation
    assert form[name]['selection'] == {
        '': 'ns.training.selection.BestOnValidation', 'every_steps': 5}
    assert {'evaluation', 'evaluation_crop'} <= set(form)
    student = stages['student1/train'].form
    assert 'validation' not in student
    assert 'selection' not in student['training']


@pytest.mark.parametrize('change', [
    {'train': 61}, {'labelled_per_class': 4}, {'validation': 9},
    {'split_seed': 1}])
def test_other_training_images_change_all(tmp_path, change):
  assert changed(tmp_path, {}, **change) == ALL


def test_forms_name_what_differs(tmp_path):
  """What a message about another configuration can show."""
  stage = tiny.run(tmp_path).stages()[4]
  assert stage.name == 'student1/train'
  assert stage.form['noise'] == {'': 'ns.noise.sequence.Sequence', 'steps': [
      {'': 'ns.noise.flip_and_shift.FlipAndShift', 'flip': False, 'shift': 1},
      {'': 'ns.noise.cutout.Cutout', 'size': 1, 'probability': 1.0,
       'fill': 128}]}
  assert stage.form['generation'] == 'student1'
  assert stage.form['training']['num_steps'] == 40
  assert 'checkpoint_every_steps' not in stage.form['training']


def test_sizes_are_those_of_the_data_and_the_configuration(tmp_path):
  sizes = [stage.size for stage in tiny.run(tmp_path, changes={
      'student1': {'training': tiny.steps(1500)}}).stages()]
  # The parameters by hand: stem 88, fused block 592, block 160 + 176 + 82 +
  # 144, head 160, classifier 68. Of twice the width: 176, 2336, 576 + 352 +
  # 292 + 544, 576, 132.
  assert sizes == [
      '1,470 parameters, batches of 16 images of 8 x 8', '',
      'labelled by teacher', 'confidence of at least 0.3, 30 images a class',
      '4,984 parameters, batches of 8 + 16 images of 8 x 8', '']


def test_each_generation_is_labelled_by_the_one_before_it(tmp_path):
  stages = {s.name: s for s in tiny.run(tmp_path, students=2).stages()}
  for student, teacher in ('student1', 'teacher'), ('student2', 'student1'):
    label = stages[f'{student}/label']
    assert label.size == f'labelled by {teacher}'
    assert label.reads == (stages[f'{teacher}/train'],)
    assert [t['trained'] for t in label.form['teachers']] == [
        stages[f'{teacher}/train'].fingerprint]


def test_earlier_generations_may_label_together(tmp_path):
  run = tiny.run(tmp_path, students=2, changes={
      'student2': {'teachers': ('student1', 'teacher')}})
  stages = {s.name: s for s in run.stages()}
  label = stages['student2/label']
  assert label.size == 'labelled by student1 and teacher'
  assert label.reads == (stages['student1/train'], stages['teacher/train'])
  assert [t['trained'] for t in label.form['teachers']] == [
      stage.fingerprint for stage in label.reads]
  # Both see every image: student1 is twice as wide, and takes more than twice.
  assert label.work.flops > 3 * stages['student1/label'].work.flops


def test_naming_the_usual_teacher_changes_nothing(tmp_path):
  assert changed(tmp_path, {'student2': {'teachers': ['student1']}}) == []
  assert changed(tmp_path, {'student2': {'teachers': ['teacher']}}) == ALL[6:]


def test_a_gate_makes_labels_of_an_evaluation_too(tmp_path):
  run = tiny.run(tmp_path, students=2, changes={'student1': {
      'labelling': pseudolabel.Labelling(min_accuracy=0.5)}})
  stages = {s.name: s for s in run.stages()}
  assert stages['student1/label'].reads == (
      stages['teacher/train'], stages['teacher/evaluate'])
  assert stages['student2/label'].reads == (stages['student1/train'],)


def test_the_size_of_a_selection_of_all(tmp_path):
  run = tiny.run(tmp_path, changes={'student1': {'select': pseudolabel.Select(
      min_confidence=None, balance=pseudolabel.Unbalanced())}})
  assert run.stages()[3].size == 'all, not balanced'


@pytest.mark.parametrize('model, takes', [
    (tiny.architecture(size=28), '28 x 28 x 1'),
    (models.EfficientNet(image_size=8), '8 x 8 x 3')])
def test_a_model_for_other_images(tmp_path, model, takes):
  run = tiny.run(tmp_path, changes={'student1': {'model': model}})
  with pytest.raises(errors.RunError) as caught:
    run.stages()
  assert str(caught.value) == (
      f'The model of student1 takes images of {takes}, but those of the data '
      "are 8 x 8 x 1; bind the architecture's `image_size` and `pixel_mean`, "
      'or `crop` and `evaluation_crop` of `Generation`, which resize.')


def test_images_whose_shape_is_not_known_are_looked_at_as_they_come(tmp_path):
  photos.folder(tmp_path / 'photos')
  source = mixture.Folder(name='photos', path=str(tmp_path / 'photos'),
                          manifest=str(tmp_path / 'photos.parquet'))
  run = loop.SelfTraining(
      generations=[tiny.generation('teacher', has_teacher=False)],
      data=mixture.Sets(train=source, pools=(), validation=4))
  assert run.data.image_shape is None
  assert [stage.kind for stage in run.stages()] == ['train', 'evaluate']


def test_two_of_the_same_run_are_one_configuration(tmp_path):
  """A list or a tuple, built or called: the run is the same."""
  data = data_sets.few_labels(tmp_path)
  generation = tiny.generation('teacher', has_teacher=False)
  runs = [loop.SelfTraining(generations=generations, data=data)
          for generations in ([generation], (lambda: generation,))]
  assert fingerprints(runs[0]) == fingerprints(runs[1])


def test_learning_rates_of_another_kind_are_another_configuration(tmp_path):
  constant = tiny.steps(40, learning_rate=training_lib.Constant(rate=0.05))
  assert changed(tmp_path, {'student2': {'training': constant}}) == ALL[8:]


def said_by_a_plan(folder, **changes):
  with pytest.raises(errors.RunError) as caught:
    tiny.run(folder, changes={'teacher': changes}).stages()
  return str(caught.value)


def test_a_learning_rate_that_does_not_fit_is_said_by_the_plan(tmp_path):
  training = tiny.steps(
      10, learning_rate=training_lib.Exponential(warmup_epochs=20))
  assert said_by_a_plan(tmp_path, training=training).startswith(
      '`Exponential.warmup_epochs` should be below the ')


def test_fine_tuning_that_does_not_fit_is_said_by_the_plan(tmp_path):
  fine_tune = training_lib.FineTune(
      image_size=12, num_steps=2, schedule_steps=2, labelled_batch=8,
      frozen_blocks=99, learning_rate=training_lib.Constant(rate=0.1))
  assert '`FineTune.frozen_blocks` should be ' in said_by_a_plan(
      tmp_path, fine_tune=fine_tune)


def test_a_pool_that_is_smaller_than_a_batch_is_said_by_the_plan(tmp_path):
  # The batch has 8 labelled images and 16 others.
  assert tiny.run(tmp_path, train=36).data.unlabelled.num_examples == 16
  tiny.run(tmp_path, train=36).stages()
  with pytest.raises(errors.RunError) as caught:
    tiny.run(tmp_path, train=35).stages()
  assert str(caught.value) == (
      '`ExactRatio.labelled_batch` times `ratio` should be at most the 15 '
      'images of the pool `unlabelled`, but is 16, so that every batch would '
      'have some of them twice.')


@pytest.mark.parametrize('change, said', [
    ({'labelling': pseudolabel.Labelling(top_k=4)},
     '`Labelling.top_k` should be below the 4 classes of `unlabelled`, but is '
     '4; None keeps whole distributions.'),
    ({'labelling': pseudolabel.Labelling(weights=(1, 2))},
     '`Labelling.weights` should be one for each of the 1 teachers, but are 2.'
     ),
    ({'select': pseudolabel.Select(
        min_confidence=(0.3, 0.4, 0.5), balance=pseudolabel.Unbalanced())},
     '`Select.min_confidence` should be one number, or one for each of 4 '
     'classes, but has 3.'),
    ({'labelling': pseudolabel.Labelling(scores=('margin',)),
      'select': pseudolabel.Select(
          bounds=(pseudolabel.ScoreBound(score='entropy', at_most=1.0),),
          balance=pseudolabel.Unbalanced())},
     '`Select.bounds` should be of scores that `Labelling.scores` names, '
     "'margin', but has one of 'entropy'; name that there too.")])
def test_labels_and_a_selection_that_do_not_fit_are_said_by_the_plan(
    tmp_path, change, said):
  with pytest.raises(errors.RunError) as caught:
    tiny.run(tmp_path, changes={'student1': change}).stages()
  assert str(caught.value) == said


def test_noise_that_a_model_has_no_place_for_is_said_by_the_plan(tmp_path):
  model = models.KerasApplication(name='MobileNetV3Small', image_size=8,
                                  channels=1, network_size=32)
  assert said_by_a_plan(
      tmp_path, model=model,
      model_noise=noise.ModelNoise(stochastic_depth=0.5)).startswith(
          '`ModelNoise.stochastic_depth` should be 0 for MobileNetV3Small')


def test_stages_of_a_generation_that_is_fine_tuned_and_exported(tmp_path):
  class Export:
    def canonical(self):
      return 'an export'

    def run(self):
      raise AssertionError

  fine_tune = training_lib.FineTune(
      image_size=12, num_steps=2, schedule_steps=20, labelled_batch=8,
      learning_rate=training_lib.Constant(rate=0.1))
  crop = images.CentreCrop(padding=2)
  run = tiny.run(tmp_path, changes={'teacher': {
      'fine_tune': fine_tune, 'export': Export(), 'evaluation_crop': crop}})
  stages = {stage.name: stage for stage in run.stages()}
  assert list(stages)[:5] == ['teacher/train', 'teacher/finetune',
                              'teacher/evaluate', 'teacher/export',
                              'student1/label']
  reads = {name: [read.name for read in stage.reads]
           for name, stage in stages.items()}
  assert reads['teacher/finetune'] == ['teacher/train']
  for name in 'teacher/evaluate', 'teacher/export', 'student1/label':
    assert reads[name] == ['teacher/finetune']


def test_weights_from_elsewhere_have_no_teacher_and_no_data(tmp_path):
  """Whatever the mixture: a first generation may have the students'."""
  @dataclasses.dataclass(frozen=True)
  class Elsewhere:
    path: str = 'b0.npz'
    uses_images = False

    def run(self, job):
      raise AssertionError

  run = tiny.run(tmp_path)
  student = dataclasses.replace(run.generations[1], name='imported',
                                training=Elsewhere())
  run = dataclasses.replace(run, generations=[student, run.generations[1]])
  stages = {stage.name: stage for stage in run.stages()}
  assert list(stages)[:3] == ['imported/train', 'imported/evaluate',
                              'student1/label']
  assert set(stages['imported/train'].form) == {'model', 'training'}


def test_weights_that_do_not_fit_are_said_by_the_plan(tmp_path):
  asked = []

  @dataclasses.dataclass(frozen=True)
  class Elsewhere:
    path: str = 'b0.npz'
    uses_images = False

    def check(self, **how):
      asked.append(how)

    def run(self, job):
      raise AssertionError

  run = tiny.run(tmp_path, changes={'teacher': {'training': Elsewhere()}})
  run.stages()
  assert asked == [{'model': tiny.architecture(), 'classes': 4}]


def test_groups_that_do_not_divide_the_replicas_are_said_by_the_plan(tmp_path):
  model = dataclasses.replace(
      tiny.architecture(), normalization=models.BatchNorm(replicas=3))
  run = tiny.run(tmp_path, changes={'teacher': {'model': model}})
  run = dataclasses.replace(run, runtime=runtime.Mirrored(devices=4))
  with pytest.raises(errors.RunError, match='`BatchNorm.replicas`'):
    run.stages()


ONE_SIZE = {'model': tiny.architecture()}


def test_a_training_that_begins_with_the_teachers_weights(tmp_path):
  run = tiny.run(tmp_path, students=2, changes={
      'student1': {**ONE_SIZE, 'start': training_lib.FromTeacher()}})
  stages = {stage.name: stage for stage in run.stages()}
  trained, begin = stages['student1/train'], stages['teacher/train']
  assert trained.reads == (stages['student1/select'], begin)
  assert trained.form['start'] == begin.fingerprint
  assert ', from the weights of teacher, batches' in trained.size
  assert 'start' not in stages['student2/train'].form


def test_the_weights_of_a_named_generation(tmp_path):
  """Of a larger size, and after its fine-tuning."""
  fine_tune = training_lib.FineTune(
      image_size=12, num_steps=2, schedule_steps=20, labelled_batch=8,
      learning_rate=training_lib.Constant(rate=0.1))
  run = tiny.run(tmp_path, students=2, changes={
      'teacher': {'fine_tune': fine_tune,
                  'evaluation_crop': images.CentreCrop(padding=2)},
      'student2': {'model': dataclasses.replace(
          tiny.architecture(), image_size=10), 'crop': images.InceptionCrop(),
                   'evaluation_crop': images.CentreCrop(padding=2),
                   'start': training_lib.FromTeacher(generation='teacher')}})
  stages = {stage.name: stage for stage in run.stages()}
  assert stages['student2/train'].reads[1] == stages['teacher/finetune']


def said_of_a_start(folder, start, students=1, **changes):
  with pytest.raises(errors.RunError) as caught:
    tiny.run(folder, students=students, changes={
        f'student{students}': {'start': start, **changes}}).stages()
  return str(caught.value)


def test_the_weights_of_another_architecture(tmp_path):
  assert said_of_a_start(tmp_path, training_lib.FromTeacher()) == (
      '`Generation.model` of student1 should be that of teacher, apart from '
      'the size of its images, since `FromTeacher` begins with those weights, '
      'but differs (width: 1.0 -> 2.0); bind the same architecture, or None to '
      '`Generation.start`.')


def test_the_first_generation_has_none_to_begin_with(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    tiny.run(tmp_path, changes={
        'teacher': {'start': training_lib.FromTeacher()}}).stages()
  assert str(caught.value) == (
      '`Generation.start` of teacher should be None or `FromWeights`, since no '
      'generation is before it, but is FromTeacher(generation=None).')


def test_the_weights_of_a_generation_that_does_not_come_before(tmp_path):
  assert said_of_a_start(
      tmp_path, training_lib.FromTeacher(generation='student1')) == (
          '`FromTeacher.generation` should be one generation before student1, '
          "of ['teacher'], but is 'student1'; name one, or bind None to "
          '`Generation.start`.')
  assert "but is ['teacher', 'student1']; name one" in said_of_a_start(
      tmp_path, training_lib.FromTeacher(), students=2,
      teachers=['teacher', 'student1'])


def test_a_training_that_begins_with_a_file(tmp_path):
  run = tiny.run(tmp_path)
  path = str(tmp_path / 'a.npz')
  weights.save(tiny.architecture().build(noise.ModelNoise(), 4), path)
  start = training_lib.FromWeights(path=path)
  changes = {'teacher': {'start': start}}
  begun = {s.name: s for s in tiny.run(tmp_path, changes=changes).stages()}
  assert begun['teacher/train'].form['start'] == {
      '': 'ns.training.start.FromWeights', 'digest': weights.digest(path)}
  assert begun['teacher/train'].reads == ()
  assert f', from the weights of {path}, ' in begun['teacher/train'].size
  assert set(fingerprints(run).values()).isdisjoint(
      fingerprints(tiny.run(tmp_path, changes=changes)).values())
  # A student is wider than what is in the file.
  assert said_of_a_start(tmp_path, start).startswith(
      '`FromWeights.path` should have weights of the model, of 4,984 ')


ON_THE_FLY = {'mixture': mixture.OnTheFly(labelled_batch=8, ratio=2),
              'select': None}


def test_a_teacher_in_the_step_labels_nothing_before(tmp_path):
  run = tiny.run(tmp_path, students=2, changes={'student1': ON_THE_FLY})
  stages = {stage.name: stage for stage in run.stages()}
  assert list(stages) == [*ALL[:2], *ALL[4:]]
  trained, teacher = stages['student1/train'], stages['teacher/train']
  assert trained.reads == (teacher,)
  assert trained.form['teacher'] == {
      'trained': teacher.fingerprint, 'precision': 'float32',
      'calibrate': None, 'pool': run.data.unlabelled.canonical(),
      'evaluation_crop': {'': 'ns.images.crop.AsIs'}}
  assert trained.form['select'] is None
  assert trained.size.endswith(
      'batches of 8 + 16 images of 8 x 8, labelled in the step by teacher')


def test_a_named_teacher_in_the_step_and_weights_to_begin_with(tmp_path):
  run = tiny.run(tmp_path, students=2, changes={'student2': {
      **ON_THE_FLY, 'teachers': ['teacher'],
      'start': training_lib.FromTeacher(generation='student1'),
      'model': tiny.architecture(width=2.0),
      'labelling': pseudolabel.Labelling(min_accuracy=0.1)}})
  stages = {stage.name: stage for stage in run.stages()}
  assert [read.name for read in stages['student2/train'].reads] == [
      'student1/train', 'teacher/train', 'teacher/evaluate']


def test_a_calibration_is_made_for_a_teacher_in_the_step_too(tmp_path):
  run = tiny.run(tmp_path, changes={'student1': {
      **ON_THE_FLY, 'calibration': pseudolabel.TemperatureScaling()}})
  stages = {stage.name: stage for stage in run.stages()}
  assert list(stages)[2:4] == ['student1/calibrate', 'student1/train']
  assert [read.name for read in stages['student1/train'].reads] == [
      'teacher/train', 'student1/calibrate']
  assert stages['student1/train'].form['teacher']['calibrate'] == (
      stages['student1/calibrate'].fingerprint)


@pytest.mark.parametrize('changes, said', [
    ({'teachers': ['teacher', 'student1']},
     '`Generation.teachers` of student2 should be one generation, since one '
     "teacher labels in the step, but are ['teacher', 'student1']; name one, "
     'or bind a mixture that is labelled for first.'),
    ({'labelling': pseudolabel.Labelling(augment='flip')},
     '`Labelling.augment` should be None for student2, since a teacher in the '
     "step sees each image once, but is 'flip'; leave it out, or bind a "
     'mixture that is labelled for first.')])
def test_what_a_teacher_in_the_step_cannot_do(tmp_path, changes, said):
  with pytest.raises(errors.RunError) as caught:
    tiny.run(tmp_path, students=2,
             changes={'student2': {**ON_THE_FLY, **changes}}).stages()
  assert str(caught.value) == said


def on_hosts(monkeypatch, workers):
  addresses = [f'host{i}:1' for i in range(workers)]
  monkeypatch.setenv('TF_CONFIG', json.dumps({
      'cluster': {'worker': addresses},
      'task': {'type': 'worker', 'index': 0}}))
  return runtime.MultiWorker(device='cpu')


@pytest.mark.parametrize('changes, said', [
    ({'mixture': mixture.Labelled(labelled_batch=15)},
     'The `labelled_batch` of teacher/train should be a multiple of the 2 '
     'replicas, but is 15; bind another `labelled_batch`, or use another '
     'number of devices.'),
    ({'training': tiny.steps(jit_compile=True)},
     '`Training.jit_compile` should be False on 2 replicas, since XLA compiles '
     'no step that adds up over several devices here, but is True; leave it '
     'out, or train on one device.'),
    ({'fine_tune': training_lib.FineTune(
        image_size=8, num_steps=1, schedule_steps=40, labelled_batch=5,
        learning_rate=training_lib.Constant(rate=0.1))},
     'The `labelled_batch` of teacher/finetune should be a multiple of the 2 '
     'replicas, but is 5; bind another `labelled_batch`, or use another '
     'number of devices.')])
def test_what_does_not_divide_is_said_by_the_plan(tmp_path, changes, said):
  run = tiny.run(tmp_path, changes={'teacher': changes})
  run.stages()
  run = dataclasses.replace(run, runtime=runtime.Mirrored(devices=2))
  with pytest.raises(errors.RunError) as caught:
    run.stages()
  assert str(caught.value) == said


def test_hosts_are_looked_at_by_the_plan(tmp_path, monkeypatch):
  run = tiny.run(tmp_path, changes={'teacher': {
      'mixture': mixture.Labelled(labelled_batch=16, lanes=1)}})
  expected = [stage.fingerprint for stage in run.stages()]
  run = dataclasses.replace(run, runtime=on_hosts(monkeypatch, 2))
  with pytest.raises(errors.RunError) as caught:
    run.stages()
  assert '`Labelled.lanes` = 1 should leave each of the 2 hosts' in str(
      caught.value)
  one = dataclasses.replace(run, runtime=on_hosts(monkeypatch, 1))
  assert [stage.fingerprint for stage in one.stages()] == expected


def test_hosts_do_not_mix_the_images_of_a_batch(tmp_path, monkeypatch):
  run = tiny.run(tmp_path, changes={'teacher': {
      'batch_noise': noise.MixUp(alpha=0.2)}})
  run.stages()
  run = dataclasses.replace(run, runtime=on_hosts(monkeypatch, 2))
  with pytest.raises(errors.RunError) as caught:
    run.stages()
  assert str(caught.value) == (
      '`Generation.batch_noise` of teacher should be None on 2 hosts, since it '
      'mixes the images of a whole batch, of which each host has a part, but is '
      '`MixUp`; leave it out, or bind one host.')


def test_without_tf_config_the_plan_says_so(tmp_path, monkeypatch):
  monkeypatch.delenv('TF_CONFIG', raising=False)
  run = dataclasses.replace(tiny.run(tmp_path), runtime=runtime.MultiWorker())
  with pytest.raises(errors.RunError, match='`TF_CONFIG` is not in the'):
    run.plan(str(tmp_path / 'run'))
