import json
import types

from etils import epath
import pytest

from ns.core import manifest
from ns.loop import stages
from ns.loop import summary
from ns.mixture import splits

RESULTS = {
    ('teacher', 'train'): ({'loss': 1.25}, 61.0),
    ('teacher', 'evaluate'): ({'validation': {'accuracy': 0.5},
                               'test': {'accuracy': 0.4321}}, 1.0),
    ('student', 'label'): ({'images': 1234}, 2.5),
    ('student', 'select'): ({
        'used': 1200, 'copies': 1500, 'accuracy_used': 0.87654,
        'pool_per_class': [1000, 234], 'kept_per_class': [900, 200],
        'copies_per_class': [750, 750]}, 0.5),
    ('student', 'train'): ({'loss': 0.5}, 3600.0),
    ('student', 'evaluate'): ({'validation': {'accuracy': 0.75},
                               'test': {'accuracy': 1.0}}, 1.0),
}


def made_up(folder, without=()):
  """A run, its stages and their manifests in `folder`."""
  subset = lambda name, count: types.SimpleNamespace(
      name=name, num_examples=count)
  names = ['teacher', 'student'] if 'student' not in without else ['teacher']
  run = types.SimpleNamespace(
      seed=9, generations=[types.SimpleNamespace(name=n) for n in names],
      data=types.SimpleNamespace(
          labelled=subset('labelled', 20),
          unlabelled=subset('unlabelled', 1234),
          evaluation_sets=(subset('validation', 50), subset('test', 100))))
  all_stages = []
  for (generation, kind), (results, seconds) in RESULTS.items():
    if generation in names:
      all_stages.append(stages.Stage(
          generation=generation, kind=kind, make=None, size='',
          form={'name': f'{generation}{kind}'}))
      place = epath.Path(folder) / generation / kind
      manifest.begin(place, all_stages[-1].form)
      manifest.commit(place, all_stages[-1].form, results, seconds, {}, {})
  return run, all_stages


def collected(folder, **how):
  return summary.collect(*made_up(folder, **how), epath.Path(folder))


def test_it_has_what_the_manifests_have(tmp_path):
  found = collected(tmp_path)
  assert found['seed'] == 9
  assert found['data'] == {'labelled': 20, 'unlabelled': 1234,
                           'validation': 50, 'test': 100}
  teacher, student = found['generations']
  assert list(teacher) == ['name', 'train', 'evaluate', 'seconds']
  assert list(student) == ['name', 'label', 'select', 'train', 'evaluate',
                           'seconds']
  for generation in teacher, student:
    for kind, part in generation.items():
      if isinstance(part, dict):
        results, seconds = RESULTS[generation['name'], kind]
        assert part == {**results, 'seconds': seconds}
  assert (teacher['seconds'], student['seconds']) == (62.0, 3604.0)


def test_leaks_that_were_left_out_are_counted(tmp_path):
  run, all_stages = made_up(tmp_path)
  assert 'leaks' not in summary.collect(run, all_stages, epath.Path(tmp_path))
  run.data.leaks = {'unlabelled': 17}
  found = summary.collect(run, all_stages, epath.Path(tmp_path))
  assert found['leaks'] == {'unlabelled': 17}


def test_it_is_written_as_json(tmp_path):
  found = collected(tmp_path)
  summary.write(found, tmp_path / 'summary.json')
  text = (tmp_path / 'summary.json').read_text()
  assert json.loads(text) == found and text.endswith('}\n')


def test_the_table_has_a_row_a_generation_and_the_classes(tmp_path):
  assert summary.table(collected(tmp_path)).split('\n') == [
      'generation  validation      test  pseudo-labels    right        time',
      'teacher        50.00 %   43.21 %              -        -  1 min 02 s',
      'student        75.00 %  100.00 %          1,200  87.65 %  1 h 00 min',
      '',
      'student: pseudo-labels by class',
      '  labelled by the teacher   1,000    234',
      '  confident enough            900    200',
      '  balanced, copies counted    750    750']


def test_a_calibration_is_told_above_the_classes(tmp_path):
  found = collected(tmp_path)
  found['generations'][1]['calibrate'] = {
      'temperature': 1.8129, 'images': 5000, 'before': {'ece': 0.171},
      'after': {'ece': 0.0194}}
  assert summary.table(found).split('\n')[3:6] == [
      '', 'student: calibrated, temperature 1.813, calibration error 17.10 % '
      '-> 1.94 % on 5,000 images', 'student: pseudo-labels by class']


def test_foreign_images_are_told_above_the_classes(tmp_path):
  found = collected(tmp_path)
  found['generations'][1]['select'].update(
      pool=1234, kept=1100, foreign_pool=234, foreign_kept=11, foreign_used=6,
      recall_kept=0.98765)
  assert summary.table(found).split('\n')[3:6] == [
      '', 'student: foreign images 18.96 % of those labelled, 1.00 % of the '
      'confident, 0.50 % of those used; of the others 98.77 % are confident '
      'enough', 'student: pseudo-labels by class']


def test_what_is_left_out_of_sources_is_told_with_its_limit(
    tmp_path, monkeypatch):
  assert 'left_out' not in collected(tmp_path)
  monkeypatch.setattr(splits, 'left_out', lambda data: {
      'photos': {'count': 1234, 'share': 0.0123, 'max_share': 0.02}})
  found = collected(tmp_path / 'again')
  assert found['left_out']['photos']['count'] == 1234
  assert summary.table(found).split('\n')[-1] == (
      'left out of photos as broken: 1,234, 1.23 % (at most 2.00 %)')


def test_broken_images_are_told_with_their_limits(tmp_path):
  found = collected(tmp_path)
  told = lambda count, share: {
      'count': count, 'keys': ['a'], 'share': share, 'max_share': 0.02}
  teacher, student = found['generations']
  teacher['train']['broken'] = {'labelled': told(1234, 0.01)}
  student['label']['broken'] = told(3, 0.02)
  student['evaluate']['test']['broken'] = told(1, 0.0033)
  said = summary.table(found).split('\n')
  assert [line for line in said if 'broken' in line] == [
      'broken in teacher/train/labelled: 1,234, 1.00 % (at most 2.00 %)',
      'broken in student/label: 3, 2.00 % (at most 2.00 %)',
      'broken in student/evaluate/test: 1, 0.33 % (at most 2.00 %)']


def test_the_table_of_a_teacher_alone(tmp_path):
  assert summary.table(collected(tmp_path, without=['student'])).split(
      '\n') == [
          'generation  validation     test  pseudo-labels  right        time',
          'teacher        50.00 %  43.21 %              -      -  1 min 02 s']


def test_without_hidden_labels_nobody_knows_what_is_right(tmp_path):
  found = collected(tmp_path)
  del found['generations'][1]['select']['accuracy_used']
  row = summary.table(found).split('\n')[2]
  assert row.split() == ['student', '75.00', '%', '100.00', '%', '1,200', '-',
                         '1', 'h', '00', 'min']


def test_a_stage_that_is_not_finished_is_an_error(tmp_path):
  run, all_stages = made_up(tmp_path)
  (tmp_path / 'student' / 'train' / 'manifest.json').unlink()
  with pytest.raises(AttributeError):
    summary.collect(run, all_stages, epath.Path(tmp_path))
