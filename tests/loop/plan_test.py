import pytest

from ns.core import errors
from ns.core import manifest
from tests.support import tiny


def test_a_plan_is_a_line_about_the_run_and_a_line_a_stage(tmp_path):
  run = tiny.run(tmp_path / 'data', seed=3)
  stages = run.stages()
  size = {stage.name: stage.size for stage in stages}
  memory = {stage.name: ' ' * 21 + detail for stage in stages
            for detail in stage.details}
  assert run.plan('/somewhere/else').split('\n') == [
      'run in /somewhere/else, seed 3, 4 classes: 12 labelled, 40 unlabelled, '
      '8 validation, 20 test',
      f'  teacher/train      {size["teacher/train"]}', memory['teacher/train'],
      '  teacher/evaluate   8 validation images, 20 test images',
      '  student1/label     40 images, labelled by teacher',
      memory['student1/label'],
      '  student1/select    confidence of at least 0.3, 30 images a class',
      f'  student1/train     {size["student1/train"]}',
      memory['student1/train'],
      '  student1/evaluate  8 validation images, 20 test images']


def test_numbers_have_separators(tmp_path):
  run = tiny.run(tmp_path / 'data', train=1500, test=1000)
  assert '1,480 unlabelled, 8 validation, 1,000 test' in run.plan('/x')


def test_finished_stages_are_told(tmp_path):
  run = tiny.run(tmp_path / 'data')
  for stage in run.stages()[:2]:
    folder = tmp_path / 'run' / stage.generation / stage.kind
    manifest.begin(folder, stage.form)
    manifest.commit(folder, stage.form, {}, 1.0, {}, {
        read.name: read.check(tmp_path / 'run').contents
        for read in stage.reads})
  begun = run.stages()[2]
  manifest.begin(tmp_path / 'run' / begun.generation / begun.kind, begun.form)
  lines = [line for line in run.plan(str(tmp_path / 'run')).split('\n')[1:]
           if line[2] != ' ']
  assert [line.endswith('  (finished)') for line in lines] == [
      True, True, False, False, False, False]


def test_a_plan_of_another_configuration_is_refused(tmp_path):
  run = tiny.run(tmp_path / 'data')
  stage = run.stages()[0]
  manifest.begin(tmp_path / 'run' / 'teacher' / 'train', stage.form)
  other = tiny.run(tmp_path / 'data', seed=1)
  with pytest.raises(errors.RunError) as caught:
    other.plan(str(tmp_path / 'run'))
  assert str(caught.value) == (
      f'`{tmp_path}/run` has teacher/train of another configuration (seed: 0 '
      '-> 1); give another `--work_dir`, or `--redo=teacher/train` to make it '
      'and what follows from it again.')
