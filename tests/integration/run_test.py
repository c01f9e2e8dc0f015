import functools
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import numpy as np
from pyarrow import parquet
import pytest

from ns.core import errors
from ns.mixture import sources
from ns.models import inference
from ns.models import weights
from tests.integration import made_up

STAGES = ('teacher/train', 'teacher/evaluate', 'student1/label',
          'student1/select', 'student1/train', 'student1/evaluate')
# What a restart may change: times, and what this start found already there.
OF_THE_START = ('seconds', 'images_per_second', 'input_wait_share',
                'outside_share', 'images_labelled', 'shards_kept')


def start(data, work, stage='', moment=0):
  """Runs the program; gives the moments of its stages, None if it is killed."""
  done = subprocess.run(
      made_up.command(data, work, stage, moment), capture_output=True,
      text=True, env={**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '2'})
  if stage:
    assert done.returncode == -signal.SIGKILL, done.stderr
    return None
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(name='whole', scope='module')
def make_whole(tmp_path_factory):
  """A run that nothing disturbed: its data, its folder and its moments."""
  folder = tmp_path_factory.mktemp('whole')
  return folder / 'data', folder / 'run', start(folder / 'data', folder / 'run')


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
  monkeypatch.setattr(sources, '_MAX_SHARD', sources._MAX_SHARD)
  made_up.use_small_shards()


def summary_of(work):
  return json.loads((work / 'summary.json').read_text())


def lasting(value):
  """A summary without what a restart may change."""
  if isinstance(value, dict):
    return {name: lasting(inner) for name, inner in value.items()
            if name not in OF_THE_START}
  return [lasting(inner) for inner in value] if isinstance(value, list) else (
      value)


def contents(work):
  """The checksum of every file of a run."""
  return {str(p.relative_to(work)): hashlib.sha256(p.read_bytes()).hexdigest()
          for p in work.rglob('*') if p.is_file()}


def average(work, generation):
  with np.load(work / generation / 'train' / 'average.npz') as arrays:
    return dict(arrays)


def predictions(work, generation):
  """What a generation was told of the pool, in the pool's order."""
  tables = [parquet.read_table(path) for path in sorted(
      (work / generation / 'label').glob('predictions-*.parquet'))]
  return np.concatenate([
      np.array(table['probabilities'].to_pylist(), np.float32)
      for table in tables])


def answers(work, generation, pool):
  """What the moving average of a generation says of the pool."""
  network = generation.model.build(generation.model_noise, 4)
  weights.load(network, work / generation.name / 'train' / 'average.npz')
  images = [r['image'] for r in pool.records().as_numpy_iterator()]
  return inference.predictor(network)(np.stack(images))


def test_the_student_has_learnt(whole):
  _, work, _ = whole
  teacher, student = summary_of(work)['generations']
  # Chance is 0.25.
  assert teacher['evaluate']['test']['accuracy'] > 0.8
  assert student['evaluate']['test']['accuracy'] > 0.8
  assert student['train']['pseudo_agreement'] > 0.8


def test_the_summary_is_complete_and_fits_together(whole):
  _, work, _ = whole
  summary = summary_of(work)
  assert summary['seed'] == 0
  assert summary['data'] == {'labelled': 20, 'unlabelled': 240,
                             'validation': 40, 'test': 120}
  teacher, student = summary['generations']
  assert list(teacher) == ['name', 'train', 'evaluate', 'seconds']
  assert list(student) == ['name', 'label', 'select', 'train', 'evaluate',
                           'seconds']
  label, select = student['label'], student['select']
  assert (label['images'], label['shards']) == (240, 3)
  assert select['pool'] == 240 == sum(select['pool_per_class'])
  assert select['pool_per_class'] == label['per_class']
  assert select['copies_per_class'] == [50] * 4
  assert select['used'] <= select['kept'] <= 240
  assert 0.8 < select['accuracy_pool'] <= 1
  for generation in teacher, student:
    for name, count in ('validation', 40), ('test', 120):
      found = generation['evaluate'][name]
      assert found['num_examples'] == count
      by_class = found['accuracy_by_class']
      assert len(by_class) == 4
    assert found['accuracy'] == pytest.approx(np.mean(by_class))  # 30 each.
    assert generation['seconds'] > 0


def test_the_accuracy_of_pseudo_labels_is_that_of_the_files(whole):
  data, work, _ = whole
  pool = made_up.run(data).data.unlabelled
  truth = dict(zip(pool.keys(), pool.hidden_labels().tolist(), strict=True))
  tables = [parquet.read_table(path).to_pydict() for path in sorted(
      (work / 'student1/label').glob('predictions-*.parquet'))]
  assert [len(table['key']) for table in tables] == [80, 80, 80]
  right = [truth[key] == label for table in tables for key, label in zip(
      table['key'], table['label'], strict=True)]
  select = summary_of(work)['generations'][1]['select']
  assert select['accuracy_pool'] == pytest.approx(np.mean(right))
  used = parquet.read_table(
      work / 'student1/select/selection.parquet').to_pydict()
  assert sum(used['copies']) == select['copies'] == 200
  assert len(used['key']) == select['used']
  assert np.mean([truth[key] == label for key, label in zip(
      used['key'], used['label'], strict=True)]) == pytest.approx(
          select['accuracy_used'])


def test_the_folder_of_a_run(whole):
  _, work, _ = whole
  found = set(contents(work))
  expected = {'config.gin', 'operative_config.gin', 'splits.parquet',
              'summary.json', 'lock'}
  for stage in STAGES:
    expected |= {f'{stage}/begun.json', f'{stage}/manifest.json'}
    outputs = json.loads((work / stage / 'manifest.json').read_text())[
        'outputs']
    for name, output in outputs.items():
      content = (work / stage / name).read_bytes()
      assert len(content) == output['bytes']
      assert hashlib.sha256(content).hexdigest() == output['sha256']
    expected |= {f'{stage}/{name}' for name in outputs}
  assert found == expected
  assert (work / 'config.gin').read_text() == 'resolved'
  assert (work / 'operative_config.gin').read_text() == 'operative'
  assert parquet.read_table(work / 'splits.parquet').num_rows == 420
  for generation in 'teacher', 'student1':
    assert {'average.npz', 'network.npz'} <= {
        p.name for p in (work / generation / 'train').iterdir()}


def test_a_finished_run_is_not_made_again(whole, capsys):
  data, work, _ = whole
  before = contents(work)
  made_up.run(data).run(str(work), 'resolved', 'operative')
  lines = capsys.readouterr().out.splitlines()
  assert lines[:6] == [f'{stage}: finished already' for stage in STAGES]
  assert lines[6].split()[:3] == ['generation', 'validation', 'test']
  assert lines[-1] == f'The result is in {work}'
  assert contents(work) == before


def test_killed_in_each_stage_and_restarted_it_comes_to_the_same(
    tmp_path, whole):
  """Each start gets one stage further than the one before it."""
  data, undisturbed, moments = whole
  work = tmp_path / 'run'
  draws = np.random.default_rng(2024)
  for index, stage in enumerate(STAGES):
    # At its last moment a stage has all but its manifest.
    moment = int(draws.integers(1, moments[stage] + 1))
    start(data, work, stage, moment)
    finished = [name for name in STAGES
                if (work / name / 'manifest.json').exists()]
    assert finished == list(STAGES[:index]), (stage, moment)
  start(data, work)
  assert lasting(summary_of(work)) == lasting(summary_of(undisturbed))
  for generation in 'teacher', 'student1':
    ours, theirs = average(work, generation), average(undisturbed, generation)
    assert ours.keys() == theirs.keys()
    for name in ours:
      np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
  same = [name for name in contents(undisturbed) if name.endswith(
      ('.parquet', '.tfrecord', 'begun.json', '.gin'))]
  assert len(same) > 12
  found, expected = contents(work), contents(undisturbed)
  assert {name: found[name] for name in same} == {
      name: expected[name] for name in same}
  # Nothing is left over from the killed ones.
  assert [n for n in found if n not in expected and 'summaries/' not in n] == []


def test_another_configuration_in_the_same_folder_loses_nothing(whole):
  data, work, _ = whole
  before = contents(work)
  with pytest.raises(errors.RunError) as caught:
    made_up.run(data, seed=1).run(str(work), 'other', 'other')
  assert str(caught.value) == (
      f'`{work}` has teacher/train of another configuration (seed: 0 -> 1); '
      'give another `--work_dir`, or `--redo=teacher/train` to make it and '
      'what follows from it again.')
  assert contents(work) == before


def test_changed_images_are_another_configuration(tmp_path, whole):
  data, work, _ = whole
  before = contents(work)
  run = made_up.run(tmp_path / 'data')
  path = pathlib.Path(run.data.test.images)
  content = bytearray(path.read_bytes())
  content[-1] ^= 1
  path.write_bytes(content)
  with pytest.raises(errors.RunError) as caught:
    run.run(str(work), 'other', 'other')
  assert str(caught.value).startswith(
      f'`{work}` has teacher/evaluate of another configuration '
      '(sets[1].digest: ')
  assert contents(work) == before


def test_another_generation_goes_on_from_a_finished_run(
    tmp_path, whole, capsys):
  data, finished, _ = whole
  work = tmp_path / 'run'
  shutil.copytree(finished, work)
  before = contents(work)
  made_up.run(data, students=2).run(str(work), 'resolved', 'operative')
  out = capsys.readouterr().out.splitlines()
  assert out[:6] == [f'{stage}: finished already' for stage in STAGES]
  names = [g['name'] for g in summary_of(work)['generations']]
  assert names == ['teacher', 'student1', 'student2']
  run = made_up.run(data, students=2)
  teacher, student, _ = run.generations
  found = predictions(work, 'student2')
  assert_close = functools.partial(np.testing.assert_allclose, atol=1e-3)
  assert_close(found, answers(work, student, run.data.unlabelled))
  assert_close(predictions(work, 'student1'),
               answers(work, teacher, run.data.unlabelled))
  assert np.abs(found - predictions(work, 'student1')).max() > 0.1
  after = contents(work)
  assert {n: after[n] for n in before if n != 'summary.json'} == {
      n: before[n] for n in before if n != 'summary.json'}
