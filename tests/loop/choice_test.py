import pytest

from ns.core import errors
from ns.loop import choice
from ns.loop import stages as stages_lib


def stage(name, *reads):
  generation, kind = name.split('/')
  return stages_lib.Stage(generation=generation, kind=kind, form={}, size='',
                          make=lambda run_folder, folder: {}, reads=reads)


def made_up():
  """The stages of a teacher and its student, as a schedule makes them."""
  taught = stage('teacher/train')
  label = stage('student/label', taught)
  select = stage('student/select', label)
  train = stage('student/train', select)
  return [taught, stage('teacher/evaluate', taught), label, select, train,
          stage('student/evaluate', train)]


STAGES = made_up()
NAMES = [each.name for each in STAGES]


def names(stages):
  return [each.name for each in stages]


def wanted(**flags):
  return names(choice.Choice(**flags).wanted(STAGES))


def test_all_is_wanted_unless_said_otherwise():
  assert wanted() == NAMES
  assert not choice.Choice().redone(STAGES)


@pytest.mark.parametrize('only, expected', [
    (['student/label'], ['student/label']),
    (['student'], NAMES[2:]),
    (['student/train', 'teacher/evaluate'],
     ['teacher/evaluate', 'student/train'])])
def test_only_some(only, expected):
  assert wanted(only=only) == expected


@pytest.mark.parametrize('until, count', [
    ('teacher/train', 1), ('teacher', 2), ('student/select', 4),
    ('student', 6)])
def test_until_a_stage_or_a_generation(until, count):
  assert wanted(until=until) == NAMES[:count]


def test_both_are_what_both_say():
  assert wanted(only=['student'], until='student/label') == ['student/label']
  with pytest.raises(errors.ConfigError) as caught:
    wanted(only=['student'], until='teacher')
  assert str(caught.value) == (
      '`--only=student` lies after `--until=teacher`, so there is nothing to '
      'make; leave one of the two out.')


@pytest.mark.parametrize('redo, expected', [
    (['student/select'], ['student/select', 'student/train',
                          'student/evaluate']),
    (['teacher/evaluate'], ['teacher/evaluate']),
    (['teacher'], NAMES), (['teacher/train'], NAMES),
    (['teacher/evaluate', 'student/evaluate'],
     ['teacher/evaluate', 'student/evaluate'])])
def test_what_follows_from_a_stage_is_made_again_too(redo, expected):
  assert names(choice.Choice(redo=redo).redone(STAGES)) == expected


@pytest.mark.parametrize('flags, flag', [
    ({'only': ['student/lable']}, '--only=student/lable'),
    ({'until': 'student/lable'}, '--until=student/lable'),
    ({'redo': ['student/lable']}, '--redo=student/lable')])
def test_a_stage_that_is_not_there(flags, flag):
  with pytest.raises(errors.ConfigError) as caught:
    made = choice.Choice(**flags)
    made.wanted(STAGES)
    made.redone(STAGES)
  assert str(caught.value) == (
      f'`{flag}` should name a stage or a generation of the run; the nearest '
      'is `student/label`.')
