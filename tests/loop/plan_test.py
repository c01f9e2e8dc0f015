import dataclasses
import math
import types

import pytest

from ns.core import errors
from ns.core import manifest
from ns.core import progress
from ns.core import table
from ns.loop import measured
from ns.loop import plan
from tests.support import tiny


def test_a_plan_is_a_line_about_the_run_and_a_table(tmp_path):
  run = tiny.run(tmp_path / 'data', seed=3, changes={
      'student1': {'training': tiny.steps(1500)}})
  lines = run.plan('/somewhere/else').split('\n')
  assert lines[:2] == [
      'run in /somewhere/else, seed 3, 4 classes: 12 labelled, 40 unlabelled, '
      '8 validation, 20 test', '']
  assert lines[2].split() == [
      'stage', 'images', 'steps', 'epochs', 'learning', 'rate', 'FLOPs',
      'memory', 'on', 'disk']
  cells = [line.split() for line in lines]
  assert cells[3][:4] == ['teacher/train', '640', '40', '53.3']
  assert lines[4] == (
      '  1,470 parameters, batches of 16 images of 8 x 8; reads labelled')
  assert cells[5][:2] == ['teacher/evaluate', '28']
  assert lines[6] == '  reads validation, test, teacher/train'
  assert cells[7][:2] == ['student1/label', '40']
  assert lines[8] == '  labelled by teacher; reads unlabelled, teacher/train'
  assert cells[9][:3] == ['student1/select', '≤', '40']
  assert ' '.join(cells[10] + cells[11]) == (
      'confidence of at least 0.3, 30 images a class; reads unlabelled, '
      'student1/label')
  assert cells[12][:4] == ['student1/train', '36,000', '1,500', '1,000.0']
  assert ' '.join(cells[13] + cells[14]) == (
      '4,984 parameters, batches of 8 + 16 images of 8 x 8; reads labelled, '
      'student1/select')
  assert cells[15][:2] == ['student1/evaluate', '28']
  assert cells[17][:2] == ['in', 'all']
  assert lines[18] == ''
  assert max(map(len, lines[19:])) <= 80
  # Each column ends below its head.
  end = lines[2].index('images') + len('images')
  for row in 3, 5, 7, 9, 12, 15:
    assert lines[row][end - 1].isdigit()
    assert lines[row][end:end + 1] in ('', ' ')


def test_the_figures_are_those_of_the_stages(tmp_path):
  run = tiny.run(tmp_path / 'data')
  stages = run.stages()
  lines = run.plan('/x').split('\n')
  flops = sum(stage.work.flops or 0 for stage in stages)
  written = sum(stage.work.written or 0 for stage in stages)
  total, = (line for line in lines if line.startswith('in all'))
  mantissa, exponent = total.split()[2].split('e')
  assert float(mantissa) * 10**int(exponent) == pytest.approx(flops, rel=5e-3)
  assert total.split()[3:] == [f'{written / 1e3:.0f}', 'kB']
  train, = (line for line in lines if line.startswith('teacher/train'))
  # From 0 over two steps up, then a cosine down.
  last = 0.05 * (1 + math.cos(math.pi * 37 / 38)) / 2
  assert train.split()[4:9] == ['0', '→', '0.05', '→', f'{last:.3g}']


def test_a_plan_of_measured_stages(tmp_path):
  run = tiny.run(tmp_path / 'data')
  found = {
      'teacher/train': measured.Measured(images_per_second=1234.5, seconds=7200,
                                         note='without its images'),
      'student1/train': measured.Measured(images_per_second=12.345,
                                          seconds=1800)}
  stages = run.stages()
  lines = plan.text(run, stages, set(), stages, '/x', found).split('\n')
  cells = {line.split()[0]: line.split() for line in lines if line}
  assert cells['stage'][-2:] == ['images/s', 'time']
  assert cells['teacher/train'][-5:] == ['1,234', '2', 'h', '00', 'min']
  assert cells['student1/train'][-5:] == ['12.3', '30', 'min', '00', 's']
  assert cells['in'][-4:] == ['2', 'h', '30', 'min']
  end = ' '.join(lines[lines.index('', 3) + 1:])
  assert 'measured on this machine, 2.5 device-hours on 1 device.' in end
  assert 'teacher/train: without its images.' in end
  assert ('Not measured: teacher/evaluate, student1/label, student1/select, '
          'student1/evaluate.') in end


def test_a_plan_by_the_speed_of_a_device(tmp_path):
  """Four devices of two hosts; the first host evaluates."""
  hardware = types.SimpleNamespace(
      **{name: lambda: None for name in (
          'strategy', 'local_strategy', 'start', 'hosts', 'memory_bytes')},
      replicas=4, workers=2, worker=0, is_chief=True, on_host=True)
  run = dataclasses.replace(
      tiny.run(tmp_path / 'data'), device_flops=1e5, runtime=hardware)
  stages = run.stages()
  lines = run.plan('/x').split('\n')
  cells = {line.split()[0]: line.split() for line in lines
           if line[:1].strip()}
  seconds = {stage.name: stage.work.flops / 1e5 / (4 if stage.is_shared else 2)
             for stage in stages if stage.work.flops}
  assert seconds.keys() == {stage.name for stage in stages
                            if stage.kind != 'select'}
  for name, taken in seconds.items():
    assert ' '.join(cells[name]).endswith(f' {progress.duration(taken)}')
  hours = 4 * sum(seconds.values()) / 3600
  end = ' '.join(lines[lines.index('', 3) + 1:])
  assert 'Memory: of one of 4 devices.' in end
  assert end.endswith(
      ' checkpoints while a training lasts. Time: of the FLOPs alone, 1.00e5 a '
      'second on each device (`SelfTraining.device_flops`): '
      f'{table.number(hours)} device-hours on 4 devices.')
  # What is measured is what it takes.
  found = {'teacher/train': measured.Measured(images_per_second=1.0, seconds=4)}
  text = plan.text(run, stages, set(), stages, '/x', found)
  assert 'measured on this machine' in text and 'device_flops' not in text


def test_a_stage_without_images_has_a_time(tmp_path):
  run = tiny.run(tmp_path / 'data')
  found = {'teacher/evaluate': measured.Measured(seconds=7)}
  stages = run.stages()
  line, = (line for line in plan.text(
      run, stages, set(), stages, '/x', found).split('\n')
      if line.startswith('teacher/evaluate'))
  assert line.endswith('     7 s')


def test_numbers_have_separators(tmp_path):
  run = tiny.run(tmp_path / 'data', train=1500, test=1000)
  assert '1,480 unlabelled, 8 validation, 1,000 test' in run.plan('/x')


def test_leaks_that_are_left_out_are_told():
  lines = lambda **data: list(plan._leaks(types.SimpleNamespace(**data)))
  assert lines() == lines(leaks={}) == []
  assert lines(leaks={'labelled': 2, 'unlabelled': 1234}) == [
      'left out, since an evaluation set has it, too: 2 labelled, 1,234 '
      'unlabelled']


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
  lines = [line for line in run.plan(str(tmp_path / 'run')).split('\n')
           if '/' in line.split(' ')[0]]
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
