"""Calibration, labels, a selection, and labels of it again, on disk."""

from etils import epath
import numpy as np
from pyarrow import parquet
import pytest

from ns import pseudolabel
from ns.core import errors
from ns.core import manifest
from ns.loop import pool as pools
from ns.mixture import pseudo_record
from ns.mixture import sources
from ns.models import inference
from ns.models import weights
from ns.objective import calibration
from ns.pseudolabel import store
from tests.support import tiny

SELECT = pseudolabel.Select(min_confidence=0.3, balance=pseudolabel.Balance(
    images_per_class=14, allow_empty_classes=True))


@pytest.fixture(name='done', scope='module')
def make_done(tmp_path_factory):
  """A run whose teacher is trained, and student1 as if it were; its folder.

  student1 is calibrated; student2 and student3 relabel what it was given.
  """
  folder = tmp_path_factory.mktemp('relabel')
  run = tiny.run(
      folder / 'data', students=3, train=120, validation=30,
      changes={'teacher': {'training': tiny.steps(30)},
               'student1': {'calibration': pseudolabel.TemperatureScaling(),
                            'select': SELECT},
               'student2': {'relabel': 'student1', 'select': pseudolabel.Select(
                   min_confidence=0.26, balance=pseudolabel.Unbalanced())},
               'student3': {'relabel': 'student1', 'teachers': ['student1'],
                            'select': pseudolabel.KeepSelection()}})
  work = epath.Path(folder) / 'work'
  stages = {stage.name: stage for stage in run.stages()}
  network = run.generations[1].model.build(
      run.generations[1].model_noise, 4, seed=9)
  trained = stages['student1/train']
  manifest.begin(trained.folder(work), trained.form)
  weights.save(network, trained.folder(work) / 'average.npz')
  shards, sources._MAX_SHARD = sources._MAX_SHARD, 20
  try:
    run.run(str(work), only=['teacher/train', 'student1/calibrate',
                             'student1/label', 'student1/select'])
    inputs = {stage.name: manifest.read(stage.folder(work)).contents
              for stage in trained.reads}
    manifest.commit(trained.folder(work), trained.form, {}, 1.0, {}, inputs)
    run.run(str(work), only=[f'student{number}/{kind}' for number in (2, 3)
                             for kind in ('label', 'select')])
  finally:
    sources._MAX_SHARD = shards
  return run, work


def table(work, stage, pattern='*.parquet'):
  """The rows of all files of a stage, by key."""
  rows = [row for path in sorted((work / stage).glob(pattern))
          for row in parquet.read_table(str(path)).to_pylist()]
  found = {row['key']: row for row in rows}
  assert len(found) == len(rows)
  return found


def records(work, name):
  """What training reads, by key."""
  import tensorflow as tf
  found = {}
  for path in pseudo_record.paths(work / name / 'select'):
    for record in tf.data.TFRecordDataset(str(path)):
      parsed = {key: value.numpy() for key, value in
                pseudo_record.parse(record, 4).items()}
      found[parsed['key'].decode()] = parsed
  return found


def answers(run, work, index, keys):
  """What a generation says of images of the pool."""
  generation = run.generations[index]
  network = generation.model.build(generation.model_noise, 4)
  weights.load(network, work / generation.name / 'train' / 'average.npz')
  images = {record['key'].decode(): record['image'] for record in
            run.data.unlabelled.records().as_numpy_iterator()}
  return inference.predictor(network)(np.stack([images[key] for key in keys]))


def test_labels_are_at_the_temperature_that_was_fitted(done):
  run, work = done
  found = manifest.read(work / 'student1' / 'calibrate').results
  validation = run.data.evaluation_sets[0]
  images = np.stack([record['image'] for record in
                     validation.records().as_numpy_iterator()])
  generation = run.generations[0]
  network = generation.model.build(generation.model_noise, 4)
  weights.load(network, work / 'teacher' / 'train' / 'average.npz')
  said = inference.predictor(network)(images)
  expected = calibration.fit_temperature(said, validation.class_ids)
  assert found['temperature'] == pytest.approx(expected, rel=1e-3)
  assert 0.05 < expected < 20 and found['images'] == 30
  assert (work / 'student1' / 'calibrate' / 'reliability.png').exists()
  labels = table(work, 'student1/label')
  scaled = calibration.scaled(answers(run, work, 0, labels),
                              found['temperature'])
  np.testing.assert_allclose([row['confidence'] for row in labels.values()],
                             scaled.max(axis=1), rtol=1e-4)
  headers = [store.read_header(path)[0] for path in
             (work / 'student1' / 'label').glob('*.parquet')]
  assert {header.temperature for header in headers} == {found['temperature']}


def test_a_selection_is_labelled_again_and_selected_anew(done):
  run, work = done
  first = table(work, 'student1/select', 'selection.parquet')
  again = table(work, 'student2/label')
  assert first.keys() == again.keys() and len(first) < 78
  said = answers(run, work, 1, again)
  np.testing.assert_allclose([row['confidence'] for row in again.values()],
                             said.max(axis=1), rtol=1e-4)
  assert [row['label'] for row in again.values()] == said.argmax(
      axis=1).tolist()
  used = table(work, 'student2/select', 'selection.parquet')
  assert used.keys() == {key for key, row in again.items()
                         if row['confidence'] >= np.float32(0.26)}
  assert 0 < len(used) < len(again)
  assert records(work, 'student2').keys() == used.keys()


def test_a_selection_is_kept_with_new_labels(done):
  run, work = done
  first = table(work, 'student1/select', 'selection.parquet')
  labels = table(work, 'student3/label')
  kept = table(work, 'student3/select', 'selection.parquet')
  assert {key: row['copies'] for key, row in kept.items()} == {
      key: row['copies'] for key, row in first.items()}
  assert max(row['copies'] for row in kept.values()) > 1
  for key, row in kept.items():
    assert (row['label'], row['confidence']) == (
        labels[key]['label'], labels[key]['confidence'])
  assert [row['label'] for row in kept.values()] != [
      first[key]['label'] for key in kept]
  old, new = records(work, 'student1'), records(work, 'student3')
  assert old.keys() == new.keys() == kept.keys()
  for key, record in new.items():
    assert record['image'] == old[key]['image']
    assert record['copies'] == old[key]['copies']
    assert record['label'] == labels[key]['label']
    np.testing.assert_array_equal(
        record['probabilities'], np.float32(labels[key]['probabilities']))
  results = manifest.read(work / 'student3' / 'select').results
  assert results['copies'] == sum(row['copies'] for row in first.values())
  assert sum(results['record_images'].values()) == len(first)


def test_what_is_right_of_a_selection_is_known(done):
  run, work = done
  pool = run.data.unlabelled
  truth = dict(zip(pool.keys(), pool.hidden_labels().tolist(), strict=True))
  kept = table(work, 'student3/select', 'selection.parquet')
  results = manifest.read(work / 'student3' / 'select').results
  assert results['accuracy_used'] == results['accuracy_pool'] == pytest.approx(
      np.mean([truth[key] == row['label'] for key, row in kept.items()]))


def test_a_selection_that_is_not_there(done, tmp_path):
  run, _ = done
  with pytest.raises(errors.RunError) as caught:
    pools.of(run, run.generations[2], epath.Path(tmp_path))
  assert str(caught.value) == (
      'student2 relabels what was selected for student1, but student1/select '
      f'is not finished in `{tmp_path}`; make that first.')
  folder = tmp_path / 'student1' / 'select'
  manifest.begin(folder, {})
  manifest.commit(folder, {}, {'records': {}}, 1.0, {}, {})
  with pytest.raises(errors.RunError) as caught:
    pools.of(run, run.generations[2], epath.Path(tmp_path))
  assert str(caught.value) == (
      f'`{folder}` does not say how many images its files have: an earlier '
      'version of this program made it; give `--redo=student1/select`.')
