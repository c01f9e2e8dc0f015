import dataclasses
import pathlib
import types

import pytest

from ns import loop
from ns import mixture
from ns.core import errors
from ns.core import manifest
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


@pytest.mark.parametrize('name', ['student', 'later', 'nobody'])
def test_teachers_should_be_earlier_generations(data, name):
  student = dataclasses.replace(STUDENT, teachers=('teacher', name))
  later = dataclasses.replace(STUDENT, name='later')
  assert error(generations=[TEACHER, student, later], data=data) == (
      "`Generation.teachers` of 'student' should be earlier generations, of "
      f"['teacher'], but has {name!r}.")


@pytest.mark.parametrize('seed, said', [
    (-1, '`SelfTraining.seed` should be a whole number of at least 0, but is '
     '-1.'),
    (0.5, '`SelfTraining.seed` should be a whole number of at least 0, but is '
     '0.5.'),
    (2**64, '`Seed.value` should be in [0, 2**64), but is '
     '18446744073709551616.')])
def test_a_wrong_seed(data, seed, said):
  assert error(generations=[TEACHER], data=data, seed=seed) == said


@pytest.mark.parametrize('wrong', [0, -1.0])
def test_a_speed_is_above_0(data, wrong):
  assert error(generations=[TEACHER], data=data, device_flops=wrong) == (
      '`SelfTraining.device_flops` should be a number above 0, but is '
      f'{wrong!r}.')


def test_a_runtime_has_a_strategy(data):
  assert error(generations=[TEACHER], data=data, runtime='cpu') == (
      "`SelfTraining.runtime` should be an object with `strategy()` and "
      "`local_strategy()` and `start()` and `hosts()`, but is 'cpu'.")


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


def test_a_folder_with_another_generation_is_refused(data, tmp_path):
  folder = tmp_path / 'run'
  manifest.begin(folder / 'pupil' / 'train', {})
  (folder / 'notes').mkdir()  # Of somebody's own: no stage is in it.
  run = loop.SelfTraining(generations=[TEACHER, STUDENT], data=data)
  for start in run.plan, run.run:
    with pytest.raises(errors.RunError) as caught:
      start(str(folder))
    assert str(caught.value) == (
        f"`{folder}` has the generation 'pupil', which is not in "
        '`SelfTraining.generations`; give another `--work_dir`, or remove '
        f'`{folder}/pupil`.')


def test_broken_images_are_told_before_anything_is_made(data, tmp_path):
  images = pathlib.Path(data.train.images)
  images.write_bytes(images.read_bytes()[:-1])
  run = loop.SelfTraining(generations=[TEACHER], data=data)
  with pytest.raises(errors.RunError, match='it may be cut short'):
    run.run(str(tmp_path / 'run'))
  assert [p.name for p in (tmp_path / 'run').iterdir()] == ['lock']


def test_a_plan_tells_of_missing_test_labels(data, tmp_path):
  pathlib.Path(data.test.labels).unlink()
  run = loop.SelfTraining(generations=[TEACHER], data=data)
  with pytest.raises(errors.RunError, match='which does not exist'):
    run.plan(str(tmp_path / 'run'))


def test_a_plan_is_measured_on_one_host(tmp_path):
  hosts = types.SimpleNamespace(
      workers=2, worker=0, replicas=2, on_host=True, is_chief=True,
      memory_bytes=lambda: None)
  for name in 'strategy', 'local_strategy', 'start', 'hosts':
    setattr(hosts, name, lambda: None)
  run = dataclasses.replace(tiny.run(tmp_path / 'data'), runtime=hosts)
  assert 'teacher/train' in run.plan(str(tmp_path / 'run'))
  with pytest.raises(errors.ConfigError) as caught:
    run.plan(str(tmp_path / 'run'), measure=True)
  assert str(caught.value) == (
      '`--plan=measure` should be of one host, but `SelfTraining.runtime` has '
      '2; bind another, such as `runtime.OneDevice()`, to measure on this one.')
