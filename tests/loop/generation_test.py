import pytest

from ns import evaluation
from ns import mixture
from ns import noise
from ns import pseudolabel
from ns import training
from tests.support import tiny


def test_a_mixture_with_pseudo_labels_has_a_teacher():
  assert not tiny.generation('teacher', has_teacher=False).has_teacher
  assert tiny.generation('student', has_teacher=True).has_teacher


def test_a_teacher_in_the_step_needs_no_selection():
  on_the_fly = mixture.OnTheFly(labelled_batch=4, ratio=1)
  generation = tiny.generation('a', has_teacher=False, select=None,
                               mixture=on_the_fly)
  assert generation.has_teacher and generation.is_labelled_in_step
  assert not generation.is_labelled_first
  with pytest.raises(ValueError) as caught:
    tiny.generation('a', has_teacher=False, mixture=on_the_fly,
                    batch_noise=noise.MixUp())
  assert str(caught.value).startswith(
      '`Generation.batch_noise` should be None where a teacher labels in the '
      'step, which is after images are mixed, but is MixUp(')
  with pytest.raises(ValueError) as caught:
    tiny.generation('a', has_teacher=False, mixture=on_the_fly, relabel='b')
  assert str(caught.value) == (
      '`Generation.relabel` should be None where a teacher labels in the step, '
      "which is of the whole pool, but is 'b'; leave it out, or bind another "
      '`Generation.mixture`.')


def test_a_generation_without_a_teacher_selects_nothing():
  generation = tiny.generation('teacher', has_teacher=False, select=None)
  assert generation.select is None


@pytest.mark.parametrize('name', ['student1', '_x', 'B7'])
def test_names_are_those_of_folders_and_scopes(name):
  assert tiny.generation(name, has_teacher=False).name == name


@pytest.mark.parametrize('name', ['', '1st', 'a/b', '..', 'a b', 'a-b', 'é'])
def test_other_names_are_refused(name):
  with pytest.raises(ValueError) as caught:
    tiny.generation(name, has_teacher=False)
  assert str(caught.value) == (
      '`Generation.name` should be of letters, digits and underscores, since a '
      f'folder and a gin scope have it, but is {name!r}.')


@pytest.mark.parametrize('field, value, said', [
    ('name', None, 'a value of type str, but is None.'),
    ('model', 'b0', "an object with `build()`, but is 'b0'."),
    ('mixture', None, 'an object with `batches()`, but is None.'),
    ('training', None, 'an object with `run()`, but is None.'),
    ('noise', None, 'an object with `apply()`, but is None.'),
    ('noise', noise.Off, "an object with `apply()`, but is <class "
     "'ns.noise.sequence.Off'>; write a gin reference with brackets, "
     '`@module.Name()`.'),
    ('model_noise', 0.5, 'a value of type ModelNoise, but is 0.5.'),
    ('model_noise', noise.ModelNoise, 'a value of type ModelNoise, but is '
     "<class 'ns.noise.model_noise.ModelNoise'>; write `@…ModelNoise()` with "
     'brackets to build one.'),
    ('labelling', None, 'an object with `run()`, but is None.'),
    ('teachers', 'teacher', "a value of type list or tuple, but is 'teacher'."),
    ('start', training.FromTeacher, 'a value of type FromTeacher or '
     "FromWeights, but is <class 'ns.training.start.FromTeacher'>; write "
     '`@…FromTeacher()` with brackets to build one.'),
    ('select', None, 'an object with `run()`, but is None.'),
    ('evaluation', 1, 'an object with `run()`, but is 1.')])
def test_wrong_arguments(field, value, said):
  arguments = {'name': 'student', 'has_teacher': True, field: value}
  with pytest.raises((TypeError, ValueError)) as caught:
    tiny.generation(**arguments)
  assert str(caught.value) == f'`Generation.{field}` should be {said}'


def test_a_selection_can_be_kept_only_where_there_is_one():
  keep = pseudolabel.KeepSelection()
  tiny.generation('student', has_teacher=True, select=keep, relabel='student1')
  with pytest.raises(ValueError) as caught:
    tiny.generation('student', has_teacher=True, select=keep)
  assert str(caught.value) == (
      '`Generation.relabel` should be an earlier generation, whose images '
      '`KeepSelection` keeps, but is None; bind it, or a `Select`.')


def test_a_calibration_needs_a_labelling_of_teachers():
  with pytest.raises(TypeError, match=r'`Generation.labelling` should be an '
                     r'object with `run\(\)` and `ensemble\(\)`'):
    tiny.generation('student', has_teacher=True,
                    labelling=evaluation.Accuracy(),
                    calibration=pseudolabel.TemperatureScaling())


def test_teachers_are_different_ones():
  with pytest.raises(ValueError) as caught:
    tiny.generation('student', has_teacher=True, teachers=['a', 'b', 'a'])
  assert str(caught.value) == (
      "`Generation.teachers` should be different generations, but are ['a', "
      "'b', 'a'].")


def test_the_defaults_are_no_noise_on_images_and_the_papers_in_the_model():
  generation = tiny.generation('a', has_teacher=False)
  plain = type(generation)(
      name='a', model=generation.model, training=generation.training,
      mixture=mixture.Labelled(labelled_batch=4))
  assert plain.noise == noise.Off()
  assert plain.model_noise == noise.ModelNoise(dropout=0.5,
                                               stochastic_depth=0.2)


def test_weights_that_are_taken_over_begin_nowhere():
  with pytest.raises(ValueError) as caught:
    tiny.generation('a', has_teacher=False, start=training.FromTeacher(),
                    training=training.FromCheckpoint(path='b0.npz'))
  assert str(caught.value) == (
      '`Generation.start` should be None where `Generation.training` is '
      '`FromCheckpoint`, which trains nothing, but is '
      'FromTeacher(generation=None).')
