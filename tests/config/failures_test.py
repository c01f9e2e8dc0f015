"""Tests of ns/config/failures.py: constructors that refuse."""

import pytest

from ns.config import failures
from ns.core import errors
from tests.config import runs

here = runs.here


def test_a_value_that_a_constructor_refuses():
  text = runs.RUN + 'student1/noise.RandAugment.magnitude = -3\n'
  assert runs.message(text) == (
      'run.gin:9: in `student1`: `RandAugment.magnitude` should be a number at '
      'least 0 and at most 30, but is -3.')


def test_a_refused_value_is_placed_at_the_binding_in_force():
  assert runs.message(runs.RUN + 'noise.RandAugment.layers = 0\n',
                      'noise.RandAugment.magnitude=3').startswith('run.gin:9: ')
  assert runs.message(runs.RUN, 'noise.RandAugment.layers=0') == (
      '--gin.noise.RandAugment.layers=0: in `teacher`: `RandAugment.layers` '
      'should be a whole number of at least 1, but is 0.')


def test_a_value_of_another_type():
  assert runs.message(runs.RUN + "noise.RandAugment.layers = 'two'\n") == (
      "run.gin:9: in `teacher`: `RandAugment.layers` should be a whole number "
      "of at least 1, but is 'two'.")


def test_a_reference_without_brackets():
  message = runs.message(
      runs.RUN + 'student1/loop.Generation.noise = @noise.Off\n')
  assert message == (
      'run.gin:9: in `student1`: `Generation.noise` should be a value of type '
      'Off or RandAugment or Cutout or Chain, but is '
      "<class 'tests.config.fakes.Off'>; write `@…Off()` with brackets to "
      'build one.')


def test_an_argument_that_nothing_binds():
  assert runs.message(
      runs.RUN + 'student1/loop.Generation.noise = @noise.Cutout()\n') == (
          'run.gin:9: in `student1`: `noise.Cutout` needs `size`; add '
          '`noise.Cutout.size = …`.')


def test_an_object_that_is_built_inside_itself():
  assert runs.message(runs.RUN + 'noise.Chain.steps = [@noise.Chain()]\n'
                      'teacher/loop.Generation.noise = @noise.Chain()\n') == (
      'run.gin:9: `noise.Chain.steps` builds `noise.Chain` inside itself, '
      'without end.')


def test_too_deep_a_recursion_of_a_constructor():
  assert runs.message(runs.RUN + "loop.SelfTraining.fail = 'circle'\n") == (
      'run.gin:6: some object is built inside itself.')


def test_a_failure_that_names_no_argument():
  assert runs.message(
      runs.HEAD + 'loop.SelfTraining.generations = 3\n') == (
          "run.gin:5: `loop.SelfTraining` cannot be built: 'int' object is not "
          'iterable')


def test_the_cause_is_kept():
  with pytest.raises(errors.ConfigError) as caught:
    runs.compose(runs.RUN + 'noise.RandAugment.layers = 0\n')
  assert isinstance(caught.value.__cause__, ValueError)


def test_a_bug_is_not_a_configuration_error():
  with pytest.raises(ZeroDivisionError):
    runs.compose(runs.RUN + "loop.SelfTraining.fail = 'at once'\n")


def _placed(message, text):
  found = runs.compose(runs.RUN + text).used
  return str(failures.placed(errors.RunError(message), found))


def test_a_run_error_is_placed_at_the_one_binding_that_it_names():
  assert _placed('`Cutout.size` and `RandAugment.layers` are\ntoo many.',
                 'noise.RandAugment.layers = 3\n') == (
      'run.gin:9: `Cutout.size` and `RandAugment.layers` are too many.')


@pytest.mark.parametrize('text', [
    '', 'noise.RandAugment.layers = 3\nteacher/noise.RandAugment.layers = 4\n'])
def test_a_run_error_of_no_binding_or_of_several_has_no_place(text):
  message = '`RandAugment.layers` are too many.'
  assert _placed(message, text) == message


def test_a_run_error_of_a_constructor_is_plain():
  with pytest.raises(errors.RunError) as caught:
    runs.compose(runs.RUN + "loop.SelfTraining.fail = 'no data'\n")
  assert str(caught.value) == 'The images are missing.'
