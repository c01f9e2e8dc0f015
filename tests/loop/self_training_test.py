import pytest

from ns import loop
from ns import mixture
from ns.core import errors
from ns.core import seeds
from tests.support import data_sets
from tests.support import tiny

TEACHER = tiny.generation('teacher', has_teacher=False)
STUDENT = tiny.generation('student', has_teacher=True)


@pytest.fixture(name='data')
def make_data(tmp_path):
  return data_sets.few_labels(tmp_path)


def error(kind=(TypeError, ValueError), **arguments):
  with pytest.raises(kind) as caught:
    loop.SelfTraining(**arguments)
  return str(caught.value)


def test_generations_are_given_or_built_by_calls(data):
  built = []
  run = loop.SelfTraining(
      data=data, generations=[lambda: built.append(1) or TEACHER, STUDENT])
  assert run.generations == (TEACHER, STUDENT)
  assert built == [1]  # Once.


def test_the_root_seed_is_the_seed(data):
  run = loop.SelfTraining(generations=[TEACHER], data=data, seed=7)
  assert run.root_seed == seeds.Seed(7)


@pytest.mark.parametrize('generations', [[], (), None, 'teacher', TEACHER])
def test_generations_should_be_a_list(data, generations):
  assert error(generations=generations, data=data) == (
      '`SelfTraining.generations` should be a list of generations, such as '
      f'`[@teacher/loop.Generation]`, but is {generations!r}.')


@pytest.mark.parametrize('wrong', ['student', None, lambda: 3])
def test_generations_should_be_generations(data, wrong):
  shown = 3 if callable(wrong) else wrong
  assert error(generations=[TEACHER, wrong], data=data) == (
      '`SelfTraining.generations[1]` should be a `Generation`, but is '
      f'{shown!r}.')


def test_names_should_be_distinct(data):
  assert error(generations=[TEACHER, STUDENT, STUDENT], data=data) == (
      "`SelfTraining.generations` should have distinct names, but 2 are "
      "'student'.")


def test_the_first_generation_has_no_teacher(data):
  assert error(generations=[STUDENT], data=data) == (
      "`Generation.mixture` of 'student' should be without pseudo-labelled "
      'images, since the first generation has no teacher, but is '
      f'{STUDENT.mixture!r}; bind `@mixture.Labelled()` to it.')


@pytest.mark.parametrize('seed, said', [
    (-1, '`SelfTraining.seed` should be a whole number of at least 0, but is '
     '-1.'),
    (0.5, '`SelfTraining.seed` should be a whole number of at least 0, but is '
     '0.5.'),
    (2**64, '`Seed.value` should be in [0, 2**64), but is '
     '18446744073709551616.')])
def test_a_wrong_seed(data, seed, said):
  assert error(generations=[TEACHER], data=data, seed=seed) == said


def test_a_runtime_has_a_strategy(data):
  assert error(generations=[TEACHER], data=data, runtime='cpu') == (
      "`SelfTraining.runtime` should be an object with `strategy()`, but is "
      "'cpu'.")


@pytest.mark.parametrize('wrong', [None, 'fashion_mnist', mixture.FewLabels])
def test_data_should_be_a_split(wrong):
  assert error(generations=[TEACHER], data=wrong) == (
      '`SelfTraining.data` should be a split such as `@mixture.FewLabels()`, '
      f'but is {wrong!r}.')


def test_building_does_not_read_the_data(tmp_path):
  missing = mixture.Idx(name='missing', images=str(tmp_path / 'i'),
                        labels=str(tmp_path / 'l'), classes=4)
  run = loop.SelfTraining(generations=[TEACHER], data=mixture.FewLabels(
      train=missing, test=missing, labelled_per_class=1, validation=1))
  with pytest.raises(errors.RunError) as caught:
    run.plan(str(tmp_path / 'run'))
  assert str(caught.value) == (
      f'`Idx.images` names `{tmp_path / "i"}`, which does not exist.')


def test_a_plan_writes_nothing(data, tmp_path):
  run = loop.SelfTraining(generations=[TEACHER, STUDENT], data=data)
  run.plan(str(tmp_path / 'run'))
  assert not (tmp_path / 'run').exists()
