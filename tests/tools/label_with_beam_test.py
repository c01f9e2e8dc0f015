import dataclasses
import json
import os
import types

import pytest

from ns import models
from ns import pseudolabel
from ns.core import manifest
from tests.support import data_sets
from tests.support import tiny
from tools import command
from tools import label_with_beam


@pytest.fixture(name='run', scope='module')
def make_run(tmp_path_factory):
  """A run whose teacher is trained, evaluated and exported; its folder."""
  folder = tmp_path_factory.mktemp('run')
  run = tiny.run(folder / 'data', changes={
      'teacher': {'training': tiny.steps(6), 'export': models.Export()},
      'student1': {'labelling': pseudolabel.Labelling(
          batch_size=16, scores=('entropy',), min_accuracy=0.0)}})
  run.run(str(folder / 'work'), until='teacher')
  return run, folder / 'work'


@pytest.fixture(autouse=True)
def keep_path(monkeypatch):
  monkeypatch.setenv('PYTHONPATH', os.environ.get('PYTHONPATH', ''))


@pytest.fixture(name='composed')
def make_composed(run, monkeypatch):
  """As if a gin file said that run."""
  monkeypatch.setattr(
      command.config, 'compose',
      lambda *args: types.SimpleNamespace(root=run[0], run_file='tiny.gin'))
  return run


def start(*argv):
  return label_with_beam.main(['--gin_file=tiny.gin', *argv])


def test_a_run_goes_on_with_what_it_labelled(composed, capsys):
  run, work = composed
  assert start(f'--work_dir={work}', '--runner=FnApiRunner') == 0
  told = json.loads(capsys.readouterr().out)
  assert (told['images'], told['images_labelled']) == (40, 40)
  before = (work / 'student1/label/predictions-00000-of-00001.parquet'
            ).read_bytes()
  run.run(str(work), until='student1/label')
  made = manifest.read(work / 'student1/label')
  assert made.results == {**told, 'images_labelled': 0, 'shards_kept': 1}
  assert (work / 'student1/label/predictions-00000-of-00001.parquet'
          ).read_bytes() == before


def test_a_source_that_a_gin_file_names(run, tmp_path, capsys):
  source = data_sets.idx(tmp_path, 'pool', 12)
  (tmp_path / 'pool.gin').write_text(
      'from __gin__ import dynamic_registration\n'
      'from ns import mixture\n'
      "pool/mixture.Idx.name = 'pool'\n"
      f"pool/mixture.Idx.images = '{source.images}'\n"
      f"pool/mixture.Idx.labels = '{source.labels}'\n"
      'pool/mixture.Idx.classes = 4\n')
  assert label_with_beam.main([
      f'--gin_file={tmp_path}/pool.gin', '--source=pool',
      f'--export_dir={run[1]}/teacher/export',
      f'--output={tmp_path}/labels']) == 0
  assert json.loads(capsys.readouterr().out)['images'] == 12
  assert os.listdir(tmp_path / 'labels') == [
      'predictions-00000-of-00001.parquet']


@pytest.mark.parametrize('argv, code, message', [
    (['--generation=teacher'], 2, '`--generation` should be one that is '
     "labelled for, of student1, but is 'teacher'."),
    (['stray'], 2, '`stray` is not a flag; write `--NAME=VALUE`.'),
    (['--export_dir=a', '--export_dir=b'], 2, '`--export_dir` should be given '
     'for each of the teachers teacher, but is given 2 times.'),
    (['--temperature=0'], 2, '`--temperature` should be a number above 0, but '
     'is 0.'),
    (['--source=pool'], 2, '`--export_dir` is needed with `--source`; name a '
     'folder.'),
    (['--source=pool', '--export_dir=a'], 2, '`--output` is needed with '
     '`--source`; name a folder.'),
    (['--work_dir=/nowhere'], 1, '`/nowhere/teacher/export` should be an '
     'exported network')])
def test_what_is_wrong_is_said(composed, capsys, argv, code, message):
  assert start(*argv) == code
  assert capsys.readouterr().err.startswith(f'error: {message}')


def test_it_labels_at_the_temperature_of_the_run_or_of_the_flag(
    composed, monkeypatch, tmp_path, capsys):
  run, _ = composed
  calibrated = dataclasses.replace(run, generations=[
      dataclasses.replace(generation,
                          calibration=pseudolabel.TemperatureScaling())
      for generation in run.generations])
  monkeypatch.setattr(
      command.config, 'compose', lambda *args: types.SimpleNamespace(
          root=calibrated, run_file='tiny.gin'))
  found = lambda *flags: label_with_beam.parse([
      '--gin_file=tiny.gin', f'--work_dir={tmp_path}', *flags])[0]
  temperature = lambda *flags: label_with_beam._of_a_run(found(*flags))[-1]
  assert start(f'--work_dir={tmp_path}') == 1
  assert capsys.readouterr().err == (
      'error: student1 is labelled for at the temperature of '
      f'student1/calibrate, which is not finished in `{tmp_path}`; start the '
      'run with `--until=student1/calibrate` first, or give `--temperature`.\n')
  assert temperature('--temperature=2.5') == 2.5
  folder = tmp_path / 'student1/calibrate'
  manifest.begin(folder, {})
  manifest.commit(folder, {}, {'temperature': 1.75}, 1.0, {}, {})
  assert temperature() == 1.75


def test_a_gin_file_is_needed(capsys):
  assert label_with_beam.main([]) == 2
  assert capsys.readouterr().err == (
      'error: `--gin_file` is needed: the run file, or one with the row that '
      '`--source` names.\n')


def test_options_of_beam_are_passed_on():
  arguments, options = label_with_beam.parse([
      '--gin_file=a.gin', '--gin.x.Y.z=1', '--runner=DataflowRunner',
      '--project=p', '--work_dir', 'w', '--max_num_workers=9'])
  assert options == ['--runner=DataflowRunner', '--project=p',
                     '--max_num_workers=9']
  assert (arguments.gin_bindings, arguments.work_dir) == (['x.Y.z=1'], 'w')


def test_a_student_with_several_teachers(tmp_path):
  run = tiny.run(tmp_path, students=2, changes={
      'student2': {'teachers': ('teacher', 'student1')}})
  generation, teachers = label_with_beam.choose(run, 'student2')
  assert (generation.name, teachers) == ('student2', ['teacher', 'student1'])
  generation, teachers = label_with_beam.choose(run, None)
  assert (generation.name, teachers) == ('student1', ['teacher'])
