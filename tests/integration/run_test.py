"""A whole run: what it makes, and that it is made once; killed: tests/faults."""

import functools
import hashlib
import json
import pathlib
import shutil

import numpy as np
from pyarrow import parquet
import pytest

from ns import pseudolabel
from ns.core import errors
from ns.mixture import sources
from ns.models import inference
from ns.models import weights
from tests.support import tiny

STAGES = ('teacher/train', 'teacher/evaluate', 'student1/label',
          'student1/select', 'student1/train', 'student1/evaluate')


def made_up(folder, students: int = 1, seed: int = 0):
  """A teacher and students on 300 images of 8 x 8, 20 of them labelled."""
  select = pseudolabel.Select(
      balance=pseudolabel.Balance(images_per_class=50))
  # Warm-up, average and moving statistics need some steps to be of any use.
  steps = tiny.steps(150, checkpoint_every_steps=40, summary_every_steps=25)
  common = {'training': steps, 'select': select}
  return tiny.run(
      folder, students=students, seed=seed, train=300, test=120,
      labelled_per_class=5, validation=40,
      changes={name: common for name in ('teacher', 'student1', 'student2')})


@pytest.fixture(name='whole', scope='module')
def make_whole(tmp_path_factory):
  """A finished run: its data and its folder."""
  folder = tmp_path_factory.mktemp('whole')
  made_up(folder / 'data').run(str(folder / 'run'), 'resolved', 'operative')
  return folder / 'data', folder / 'run'


@pytest.fixture(scope='module', autouse=True)
def small_shards():
  """Brings the pool of 240 images to three shards."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(sources, '_MAX_SHARD', 90)
    yield


def summary_of(work):
  return json.loads((work / 'summary.json').read_text())


def contents(work):
  """The checksum of every file of a run."""
  return {str(p.relative_to(work)): hashlib.sha256(p.read_bytes()).hexdigest()
          for p in work.rglob('*') if p.is_file()}


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
  _, work = whole
  teacher, student = summary_of(work)['generations']
  # Chance is 0.25.
  assert teacher['evaluate']['test']['accuracy'] > 0.8
  assert student['evaluate']['test']['accuracy'] > 0.8
  assert student['train']['pseudo_agreement'] > 0.8


def test_the_summary_is_complete_and_fits_together(whole):
  _, work = whole
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
  data, work = whole
  pool = made_up(data).data.unlabelled
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
  _, work = whole
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
  data, work = whole
  before = contents(work)
  made_up(data).run(str(work), 'resolved', 'operative')
  lines = capsys.readouterr().out.splitlines()
  assert lines[:6] == [f'{stage}: finished already' for stage in STAGES]
  assert lines[6].split()[:3] == ['generation', 'validation', 'test']
  assert lines[-1] == f'The result is in {work}'
  assert contents(work) == before


def test_another_configuration_in_the_same_folder_loses_nothing(whole):
  data, work = whole
  before = contents(work)
  with pytest.raises(errors.RunError) as caught:
    made_up(data, seed=1).run(str(work), 'other', 'other')
  assert str(caught.value) == (
      f'`{work}` has teacher/train of another configuration (seed: 0 -> 1); '
      'give another `--work_dir`, or `--redo=teacher/train` to make it and '
      'what follows from it again.')
  assert contents(work) == before


def test_changed_images_are_another_configuration(tmp_path, whole):
  data, work = whole
  before = contents(work)
  run = made_up(tmp_path / 'data')
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
  data, finished = whole
  work = tmp_path / 'run'
  shutil.copytree(finished, work)
  before = contents(work)
  made_up(data, students=2).run(str(work), 'resolved', 'operative')
  out = capsys.readouterr().out.splitlines()
  assert out[:6] == [f'{stage}: finished already' for stage in STAGES]
  names = [g['name'] for g in summary_of(work)['generations']]
  assert names == ['teacher', 'student1', 'student2']
  run = made_up(data, students=2)
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
