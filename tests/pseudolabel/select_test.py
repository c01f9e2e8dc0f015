import collections
import json
import os
import shutil

import numpy as np
from pyarrow import parquet
import pytest
import tensorflow as tf

from ns.core import errors
from ns.core import seeds
from ns.images import decode
from ns.mixture import pseudo_record
from ns.pseudolabel import balance
from ns.pseudolabel import header as headers
from ns.pseudolabel import labelling
from ns.pseudolabel import materialise
from ns.pseudolabel import score_bound
from ns.pseudolabel import select
from ns.pseudolabel import store
from tests.pseudolabel import fakes

SEED = seeds.Seed(3)
SIZES = (90, 0, 60)
TABLE = fakes.distributions(150, 3, seed=4)
HIDDEN = np.random.default_rng(5).integers(0, 3, 150).astype(np.int32)


@pytest.fixture
def pool():
  return fakes.Pool(SIZES, hidden=HIDDEN)


@pytest.fixture(scope='module')
def labelled_once(tmp_path_factory):
  folder = tmp_path_factory.mktemp('labelled')
  labelling.Labelling(batch_size=32).run(
      fakes.teachers(TABLE), fakes.Pool(SIZES), str(folder))
  return folder


@pytest.fixture
def labelled(tmp_path, labelled_once):
  """Predictions for `pool` that a test may change."""
  return str(shutil.copytree(labelled_once, tmp_path / 'labelled'))


@pytest.fixture
def folder(tmp_path):
  return tmp_path / 'selected'


def run(labelled, pool, folder, *, classes=3, num_shards=4, seed=SEED,
        **arguments):
  arguments = {'balance': balance.Unbalanced(), **arguments}
  return select.Select(**arguments).run(
      labelled, pool, str(folder), seed, classes, num_shards=num_shards)


def records(folder):
  """The records of all files, as dicts of numpy values."""
  paths = sorted(map(str, folder.glob('pseudo-*.tfrecord')))
  batches = tf.data.TFRecordDataset(paths).batch(1000).map(
      lambda serialised: pseudo_record.parse(serialised, 3))
  return [{name: values[i] for name, values in batch.items()}
          for batch in batches.as_numpy_iterator()
          for i in range(len(batch['key']))]


def pixels(record):
  return decode.decode(tf.constant(record['image'])).numpy()


def contents(folder):
  return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


@pytest.mark.parametrize('wanted', [5, 20, 31, 120])
@pytest.mark.parametrize('minimum', [None, 0.3, 0.6])
def test_against_brute_force(labelled, pool, folder, wanted, minimum):
  counts = run(labelled, pool, folder, min_confidence=minimum,
               balance=balance.Balance(images_per_class=wanted))
  label = TABLE.argmax(axis=1)
  top = TABLE.max(axis=1)
  kept = [i for i in range(150)
          if minimum is None or top[i] >= np.float32(minimum)]
  rows = parquet.read_table(folder / 'selection.parquet').to_pylist()
  index = {key: i for i, key in enumerate(pool.keys)}
  chosen = [index[row['key']] for row in rows]
  assert chosen == sorted(set(chosen)) and set(chosen) <= set(kept)
  for row, i in zip(rows, chosen):
    assert (row['label'], row['confidence']) == (label[i], top[i])
    assert row['copies'] >= 1
  for c in range(3):
    members = [i for i in kept if label[i] == c]
    here = [row['copies'] for row in rows if row['label'] == c]
    assert sum(here) == wanted
    if len(members) > wanted:
      assert {i for i in chosen if label[i] == c} == set(
          sorted(members, key=lambda i: -top[i])[:wanted])
    else:
      assert len(here) == min(len(members), wanted)
      assert max(here) - min(here) <= 1
  # The counts, by counting again.
  per_class = lambda images: [sum(label[i] == c for i in images)
                              for c in range(3)]
  right = lambda images: pytest.approx(
      sum(HIDDEN[i] == label[i] for i in images) / len(images))
  assert counts == {
      'pool': 150, 'pool_per_class': per_class(range(150)),
      'kept': len(kept), 'kept_per_class': per_class(kept),
      'used': len(rows), 'used_per_class': per_class(chosen),
      'copies': 3 * wanted, 'copies_per_class': [wanted] * 3,
      'most_copies': max(row['copies'] for row in rows),
      'records': examples(folder), 'record_images': examples(folder, True),
      'accuracy_pool': right(range(150)),
      'accuracy_kept': right(kept), 'accuracy_used': right(chosen)}
  json.dumps(counts)


def examples(folder, once=False):
  """By file, by counting its records' copies, or its records, again."""
  return {path.name: sum(
      1 if once else int(pseudo_record.parse(record, 3)['copies'])
      for record in tf.data.TFRecordDataset(str(path)))
          for path in sorted(folder.glob('pseudo-*'))}


def test_records_join_images_and_distributions(labelled, pool, folder):
  run(labelled, pool, folder, balance=balance.Balance(images_per_class=40))
  rows = {row['key']: row for row in
          parquet.read_table(folder / 'selection.parquet').to_pylist()}
  found = records(folder)
  assert sorted(r['key'].decode() for r in found) == sorted(rows)
  for record in found:
    key = record['key'].decode()
    i = pool.keys.index(key)
    np.testing.assert_array_equal(pixels(record), pool.images[i])
    np.testing.assert_array_equal(record['probabilities'],
                                  TABLE[i].astype(np.float16))
    assert {name: record[name] for name in ('label', 'confidence', 'copies')
            } == {name: rows[key][name]
                  for name in ('label', 'confidence', 'copies')}


def test_records_go_to_the_files_in_turn(labelled, pool, folder):
  run(labelled, pool, folder, min_confidence=None, num_shards=4)
  names = [f'pseudo-{i:05}-of-00004.tfrecord' for i in range(4)]
  assert sorted(os.listdir(folder)) == [*names, 'selection.parquet']
  for number, name in enumerate(names):
    keys = [pseudo_record.parse(r, 3)['key'].numpy().decode()
            for r in tf.data.TFRecordDataset(str(folder / name))]
    assert keys == pool.keys[number::4]


def test_no_more_files_than_images(labelled, pool, folder):
  few = np.sort(TABLE.max(axis=1))[-3]
  counts = run(labelled, pool, folder, min_confidence=float(few), num_shards=8)
  assert counts['used'] == len(counts['records']) == 3
  assert set(counts['record_images'].values()) == {1}
  assert sorted(os.listdir(folder)) == [
      *(f'pseudo-{i:05}-of-00003.tfrecord' for i in range(3)),
      'selection.parquet']


def test_encoded_images_keep_their_bytes(tmp_path, folder):
  pool = fakes.Pool((5, 4), encoded=True, channels=3)
  labelling.Labelling(batch_size=4).run(
      fakes.teachers(TABLE, view=fakes.View()), pool,
      str(tmp_path / 'labelled'))
  run(str(tmp_path / 'labelled'), pool, folder, min_confidence=None)
  source = {r['key']: r['image'] for shard in pool.shards
            for r in pool.records(shard).as_numpy_iterator()}
  assert {r['key']: r['image'] for r in records(folder)} == source


def test_images_of_the_batches_beyond_the_first(tmp_path, folder, monkeypatch):
  monkeypatch.setattr(materialise, '_BATCH', 7)
  pool = fakes.Pool((20, 14, 3))
  labelling.Labelling(batch_size=4).run(
      fakes.teachers(TABLE), pool, str(tmp_path / 'labelled'))
  run(str(tmp_path / 'labelled'), pool, folder, min_confidence=0.5)
  kept = [i for i in range(37) if TABLE[i].max() >= np.float32(0.5)]
  assert 0 < len(kept) < 37
  assert {r['key'].decode(): pixels(r)[0, 0, 0] for r in records(folder)} == {
      f'pool/{i}': i for i in kept}


def test_the_threshold_itself_is_kept(tmp_path, folder):
  table = np.array([[0.3, 0.3, 0.4], [0.7, 0.2, 0.1], [0.39, 0.31, 0.3]],
                   np.float32)
  pool = fakes.Pool((3,))
  labelling.Labelling(batch_size=3).run(
      fakes.teachers(table), pool, str(tmp_path / 'labelled'))
  counts = run(str(tmp_path / 'labelled'), pool, folder, min_confidence=0.4)
  assert counts['kept_per_class'] == [1, 0, 1]
  # 0.7 in float32 is below 0.7, but is what a confidence of 0.7 is.
  assert run(str(tmp_path / 'labelled'), pool, folder,
             min_confidence=0.7)['kept'] == 1


@pytest.mark.parametrize('minimum', [None, 0, 0.0])
def test_all_are_kept_without_a_threshold(labelled, pool, folder, minimum):
  counts = run(labelled, pool, folder, min_confidence=minimum)
  assert counts['kept'] == counts['used'] == counts['copies'] == 150


def test_broken_images_are_never_used(pool, tmp_path, folder):
  good = np.arange(150) % 7 != 0
  header = headers.Header(classes=3, teacher_fingerprint='t1',
                          source_name='pool', source_digest='d1')
  for shard in pool.shards:
    rows = slice(shard.first, shard.first + shard.num_examples)
    with store.writing_predictions(
        store.predictions_path(tmp_path, shard.name), header) as writer:
      writer.write(pool.keys[rows], TABLE[rows], is_good=good[rows])
  counts = run(str(tmp_path), pool, folder, min_confidence=None)
  assert (counts['pool'], counts['broken']) == (good.sum(), (~good).sum())
  assert counts['pool_per_class'] == np.bincount(
      TABLE.argmax(axis=1)[good], minlength=3).tolist()
  assert counts['kept'] == counts['copies'] == good.sum()
  assert counts['accuracy_pool'] == pytest.approx(
      (TABLE.argmax(axis=1) == HIDDEN)[good].mean())
  rows = parquet.read_table(folder / 'selection.parquet').to_pylist()
  assert [row['key'] for row in rows] == [
      key for key, is_good in zip(pool.keys, good) if is_good]


def test_same_again_and_other_seed_other_copies(labelled, pool, tmp_path):
  policy = balance.Balance(images_per_class=100)
  for name, seed in ('a', 1), ('b', 1), ('c', 2):
    run(labelled, pool, tmp_path / name, balance=policy, seed=seeds.Seed(seed))
  assert contents(tmp_path / 'a') == contents(tmp_path / 'b')
  copies = lambda name: parquet.read_table(
      tmp_path / name / 'selection.parquet')['copies'].to_pylist()
  assert copies('a') != copies('c')
  assert collections.Counter(copies('a')) == collections.Counter(copies('c'))


def test_an_earlier_selection_is_removed(labelled, pool, folder):
  run(labelled, pool, folder, num_shards=7)
  (folder / 'notes.txt').write_text('kept')
  run(labelled, pool, folder, num_shards=2)
  assert sorted(os.listdir(folder)) == [
      'notes.txt', 'pseudo-00000-of-00002.tfrecord',
      'pseudo-00001-of-00002.tfrecord', 'selection.parquet']


def test_hidden_labels_decide_on_nothing(labelled, folder, tmp_path):
  results = []
  for hidden in None, HIDDEN, (HIDDEN + 1) % 3:
    path = tmp_path / str(len(results))
    pool = fakes.Pool(SIZES, hidden=hidden)
    counts = run(labelled, pool, path,
                 balance=balance.Balance(images_per_class=20))
    assert ('accuracy_used' in counts) == (hidden is not None)
    results.append(contents(path))
  assert results[0] == results[1] == results[2]


@pytest.mark.parametrize('says', ['hidden', 'foreign', 'both'])
def test_foreign_images_are_reported_and_decide_on_nothing(
    labelled, folder, tmp_path, says):
  foreign = np.random.default_rng(6).random(150) < 0.3
  hidden = np.where(foreign, -1, HIDDEN)
  told = {'hidden': {'hidden': hidden}, 'foreign': {'foreign': foreign},
          'both': {'hidden': hidden, 'foreign': foreign}}[says]
  policy = {'balance': balance.Balance(images_per_class=20),
            'min_confidence': 0.6}
  counts = run(labelled, fakes.Pool(SIZES, **told), folder, **policy)
  run(labelled, fakes.Pool(SIZES), tmp_path / 'plain', **policy)
  assert contents(folder) == contents(tmp_path / 'plain')
  # By brute force, from the selection as it is on disk.
  used_keys = parquet.read_table(folder / 'selection.parquet')['key']
  used = np.isin(fakes.Pool(SIZES).keys, used_keys.to_pylist())
  kept = TABLE.max(axis=1) >= np.float32(0.6)
  assert 0 < used.sum() < kept.sum() < 150
  right = TABLE.argmax(axis=1) == hidden
  for kind, some in ('pool', np.ones(150, bool)), ('kept', kept), (
      'used', used):
    assert counts[f'foreign_{kind}'] == sum(foreign[some])
    assert counts[f'precision_{kind}'] == pytest.approx(
        np.mean(~foreign[some]))
    assert (f'accuracy_{kind}' in counts) == (says != 'foreign')
    if says != 'foreign':
      assert counts[f'accuracy_{kind}'] == pytest.approx(np.mean(right[some]))
  assert counts['recall_kept'] == pytest.approx(np.mean(kept[~foreign]))
  assert counts['recall_used'] == pytest.approx(np.mean(used[~foreign]))


def test_broken_foreign_images_are_not_of_the_pool(tmp_path, folder):
  good, foreign = np.arange(150) % 7 != 0, np.arange(150) % 3 == 0
  pool = fakes.Pool(SIZES, foreign=foreign)
  header = headers.Header(classes=3, teacher_fingerprint='t1',
                          source_name='pool', source_digest='d1')
  for shard in pool.shards:
    rows = slice(shard.first, shard.first + shard.num_examples)
    with store.writing_predictions(
        store.predictions_path(tmp_path, shard.name), header) as writer:
      writer.write(pool.keys[rows], TABLE[rows], is_good=good[rows])
  counts = run(str(tmp_path), pool, folder, min_confidence=None)
  assert counts['foreign_pool'] == counts['foreign_kept'] == (
      foreign & good).sum()
  assert counts['recall_kept'] == 1.0


@pytest.mark.parametrize('foreign', [None, np.zeros(150, bool)])
def test_without_foreign_images_nothing_is_said_of_them(
    labelled, folder, foreign):
  counts = run(labelled, fakes.Pool(SIZES, hidden=HIDDEN, foreign=foreign),
               folder)
  assert not [name for name in counts if 'foreign' in name or 'recall' in name]


def test_a_source_need_not_have_hidden_labels(labelled, folder, monkeypatch):
  monkeypatch.delattr(fakes.Pool, 'hidden_labels')
  counts = run(labelled, fakes.Pool(SIZES), folder)
  assert not [name for name in counts if name.startswith('accuracy')]


def test_images_beyond_the_used_ones_are_not_read(labelled, pool, folder):
  # Of the last shard nothing is used, so its images may be anywhere.
  class First:
    def copies(self, labels, confidences, *, classes, seed, keys):
      return np.array([int(key.split('/')[1]) < 5 for key in keys])
  plain = pool.records
  read = []
  pool.records = lambda shard: read.append(shard.name) or plain(shard)
  counts = run(labelled, pool, folder, balance=First(), min_confidence=None)
  assert counts['copies'] == 5 and read == ['00000-of-00003']


def test_a_confidence_for_each_class(labelled, pool, folder):
  minimum = [0.9, 0.0, 0.5]
  counts = run(labelled, pool, folder, min_confidence=minimum)
  label, top = TABLE.argmax(axis=1), TABLE.max(axis=1)
  assert counts['kept_per_class'] == [
      sum(label[i] == c and top[i] >= np.float32(minimum[c])
          for i in range(150)) for c in range(3)]
  assert failure(labelled, pool, folder, min_confidence=[1, 1, 1]) == (
      "No image of `pool` reaches its class's `Select.min_confidence`: the "
      f'highest confidence of 150 is {TABLE.max():.4g}; lower it or train a '
      'better teacher.')
  assert failure(labelled, pool, folder, min_confidence=(0.5, 0.5)) == (
      '`Select.min_confidence` should be one number, or one for each of 3 '
      'classes, but has 2.')


def with_scores(tmp_path, pool):
  """Predictions with their margins."""
  folder = tmp_path / 'scored'
  for shard in pool.shards:
    header = headers.Header(
        classes=3, teacher_fingerprint='t1', source_name='pool',
        source_digest='d1', scores=('margin',))
    rows = slice(shard.first, shard.first + shard.num_examples)
    with store.writing_predictions(
        store.predictions_path(folder, shard.name), header) as writer:
      writer.write(pool.keys[rows], TABLE[rows])
  return str(folder)


def test_bounds_of_other_scores(tmp_path, pool, folder):
  bound = lambda **kwargs: score_bound.ScoreBound(score='margin', **kwargs)
  predictions = with_scores(tmp_path, pool)
  run(predictions, pool, folder, min_confidence=0.4,
      bounds=(bound(at_least=0.2),))
  ordered = np.sort(TABLE, axis=1)
  assert [r['key'] for r in parquet.read_table(
      folder / 'selection.parquet').to_pylist()] == [
          f'pool/{i}' for i in range(150) if ordered[i, 2] >= np.float32(0.4)
          and ordered[i, 2] - ordered[i, 1] >= np.float32(0.2)]
  assert failure(predictions, pool, folder, bounds=[bound(at_least=1)]) == (
      'No image of `pool` reaches `Select.min_confidence` = 0.3 and '
      f'`Select.bounds`: the highest confidence of 150 is {TABLE.max():.4g}; '
      'lower it or train a better teacher.')


def test_the_grid_selects(labelled, pool, folder):
  counts = run(labelled, pool, folder, min_confidence=None,
               balance=balance.ThresholdGrid(images_per_class=20))
  assert counts['used_per_class'] and counts['copies'] > 0
  rows = parquet.read_table(folder / 'selection.parquet').to_pylist()
  copies = balance.ThresholdGrid(images_per_class=20).copies(
      TABLE.argmax(axis=1), TABLE.max(axis=1), classes=3, seed=SEED)
  assert [(row['key'], row['copies']) for row in rows] == [
      (f'pool/{i}', copies[i]) for i in np.flatnonzero(copies)]


def test_a_balance_of_its_own_selects_in_memory(labelled, pool, folder):
  class Even:
    def copies(self, labels, confidences, *, classes, seed, keys):
      assert labels.dtype == np.int32 and confidences.dtype == np.float32
      assert (confidences >= np.float32(0.4)).all()
      return np.array([2 - int(key.split('/')[1]) % 2 * 2 for key in keys])
  run(labelled, pool, folder, min_confidence=0.4, balance=Even())
  assert [(r['key'], r['copies']) for r in parquet.read_table(
      folder / 'selection.parquet').to_pylist()] == [
          (f'pool/{i}', 2) for i in range(0, 150, 2)
          if TABLE[i].max() >= np.float32(0.4)]


def failure(*args, **kwargs):
  with pytest.raises(errors.RunError) as caught:
    run(*args, **kwargs)
  return str(caught.value)


def test_nothing_above_the_threshold(labelled, pool, folder):
  assert failure(labelled, pool, folder, min_confidence=1) == (
      'No image of `pool` reaches `Select.min_confidence` = 1: the highest '
      f'confidence of 150 is {TABLE.max():.4g}; lower it or train a better '
      'teacher.')
  assert not folder.exists()


def test_an_empty_class_is_an_error_of_the_balance(labelled, pool, folder):
  top = np.sort(TABLE.max(axis=1))[-1]
  assert failure(labelled, pool, folder, min_confidence=float(top),
                 balance=balance.Balance(images_per_class=2)).startswith(
                     'No image is left to balance for 2 of 3 classes (')
  counts = run(labelled, pool, folder, min_confidence=float(top),
               balance=balance.Balance(images_per_class=2,
                                       allow_empty_classes=True))
  assert (counts['used'], counts['copies']) == (1, 2)


def test_a_balance_that_drops_all(labelled, pool, folder):
  class Nothing:
    def copies(self, labels, confidences, *, classes, seed, keys):
      return np.zeros(len(labels), np.int64)
    def __repr__(self):
      return 'Nothing()'
  assert failure(labelled, pool, folder, balance=Nothing(),
                 min_confidence=None) == (
                     '`Select.balance` should leave images, but Nothing() '
                     'gives none of 150 a copy; bind another balance.')


def test_an_empty_pool(tmp_path, folder):
  pool = fakes.Pool((0,))
  labelling.Labelling().run(fakes.teachers(TABLE), pool, str(tmp_path))
  assert failure(str(tmp_path), pool, folder) == (
      'The pool `pool` has no image to select; look at its path.')


def test_missing_predictions(labelled, pool, folder):
  path = f'{labelled}/predictions-00002-of-00003.parquet'
  os.remove(path)
  assert failure(labelled, pool, folder) == (
      f'There is no file of predictions `{path}`; run the stage that writes it '
      'first.')


@pytest.mark.parametrize('changed, classes, sentence', [
    ({}, 4, 'classes 4, but is of 3'),
    ({'name': 'other'}, 3, "source 'other', but is of 'pool'"),
    ({'digest': 'd2'}, 3, "source digest 'd2', but is of 'd1'"),
    ({'sizes': (91, 0, 59)}, 3, 'number of rows 91, but is of 90')])
def test_predictions_of_something_else(labelled, folder, changed, classes,
                                       sentence):
  pool = fakes.Pool(**{'sizes': SIZES, **changed})
  assert failure(labelled, pool, folder, classes=classes) == (
      f'`{labelled}/predictions-00000-of-00003.parquet` should be of '
      f'{sentence}; label the pool again.')


def test_predictions_of_two_teachers(labelled, pool, folder):
  os.remove(f'{labelled}/predictions-00002-of-00003.parquet')
  pool_of_one = fakes.Pool(SIZES)
  pool_of_one.shards = pool.shards[2:]
  labelling.Labelling(batch_size=32).run(
      fakes.teachers(TABLE, 't2'), pool_of_one, labelled)
  assert failure(labelled, pool, folder) == (
      f'`{labelled}/predictions-00002-of-00003.parquet` should be of teacher '
      "fingerprint 't1', but is of 't2'; label the pool again.")


def test_predictions_of_two_temperatures(labelled, pool, folder):
  path = f'{labelled}/predictions-00002-of-00003.parquet'
  table = parquet.read_table(path)
  parquet.write_table(table.replace_schema_metadata(
      {**table.schema.metadata, b'noisy_student.temperature': b'1.5'}), path)
  assert failure(labelled, pool, folder) == (
      f'`{path}` should be of temperature 1.0, but is of 1.5; label the pool '
      'again.')


def test_keys_should_agree(labelled, pool, folder):
  pool.keys[97], pool.keys[98] = pool.keys[98], pool.keys[97]
  assert failure(labelled, pool, folder, min_confidence=None) == (
      f'Row 7 of `{labelled}/predictions-00002-of-00003.parquet` should have '
      'the key of its image in `pool`, `pool/98`, but has `pool/97`; label the '
      'pool again.')
  assert os.listdir(folder) == ['scratch']


@pytest.mark.parametrize('batch, extra, word', [
    (1024, 1, 'more'), (90, 1, 'more'), (1024, -1, 'fewer')])
def test_other_records_than_declared(labelled, pool, folder, batch, extra, word,
                                     monkeypatch):
  monkeypatch.setattr(materialise, '_BATCH', batch)
  pool.extra_records = extra
  assert failure(labelled, pool, folder, min_confidence=None) == (
      f'Shard `00000-of-00003` of `pool` has {word} records than the 90 that '
      f'it declares and `{labelled}/predictions-00000-of-00003.parquet` has; '
      'count the source and label the pool again.')


def test_records_that_end_at_a_batch(labelled, pool, folder, monkeypatch):
  monkeypatch.setattr(materialise, '_BATCH', 89)
  pool.extra_records = -1
  assert failure(labelled, pool, folder, min_confidence=None) == (
      'Shard `00000-of-00003` of `pool` should have 90 records, but has 89; '
      'the source changed since it was counted, so count it again.')


@pytest.mark.parametrize('column, value', [
    ('label', 3), ('label', -1), ('confidence', np.nan), ('confidence', 2)])
def test_columns_out_of_range(labelled, pool, folder, column, value):
  path = f'{labelled}/predictions-00000-of-00003.parquet'
  table = parquet.read_table(path)
  index = table.schema.get_field_index(column)
  values = table[column].to_pylist()
  values[4] = value
  import pyarrow as pa
  field = table.schema.field(index)
  parquet.write_table(
      table.set_column(index, field, pa.array(values, field.type)), path)
  assert failure(labelled, pool, folder) == (
      f'`{path}` should have labels below 3 and confidences from 0 to 1, but '
      'has others; label the pool again.')


def test_hidden_labels_should_be_as_many_as_images(labelled, folder):
  pool = fakes.Pool(SIZES, hidden=HIDDEN[:-1])
  assert failure(labelled, pool, folder) == (
      'The hidden labels of `pool` should be 150, one for each image, but are '
      'of shape [149].')


def test_a_stop_while_writing_leaves_nothing(labelled, pool, folder,
                                             monkeypatch):
  calls = []
  plain = pseudo_record.serialise
  def stops(**kwargs):
    calls.append(kwargs)
    if len(calls) == 60:
      raise KeyboardInterrupt
    return plain(**kwargs)
  run(labelled, pool, folder)
  whole = contents(folder)
  with monkeypatch.context() as patched:
    patched.setattr(pseudo_record, 'serialise', stops)
    with pytest.raises(KeyboardInterrupt):
      run(labelled, pool, folder)
  assert os.listdir(folder) == ['scratch']
  run(labelled, pool, folder)
  assert contents(folder) == whole


def test_num_shards_should_be_positive(labelled, pool, folder):
  with pytest.raises(ValueError) as caught:
    run(labelled, pool, folder, num_shards=0)
  assert str(caught.value) == '`num_shards` should be at least 1, but is 0.'


@pytest.mark.parametrize('arguments, error, sentence', [
    ({'min_confidence': 1.5}, ValueError,
     '`Select.min_confidence` should be a number at least 0 and at most 1, but '
     'is 1.5.'),
    ({'min_confidence': 'low'}, ValueError,
     '`Select.min_confidence` should be a number at least 0 and at most 1, but '
     "is 'low'."),
    ({'min_confidence': (0.5, 2)}, ValueError,
     '`Select.min_confidence` should have a number at least 0 and at most 1 '
     'for each class, but has 2 for class 1.'),
    ({'bounds': 0.5}, TypeError,
     '`Select.bounds` should be a value of type list or tuple, but is 0.5.'),
    ({'bounds': (0.5,)}, TypeError,
     '`Select.bounds` should be of `ScoreBound`s, but has 0.5.'),
    ({'materialise': None}, TypeError,
     '`Select.materialise` should be a value of type Materialise, but is '
     'None.'),
    ({'balance': None}, TypeError,
     '`Select.balance` should be an object with `copies()`, but is None.')])
def test_constructor_errors(arguments, error, sentence):
  with pytest.raises(error) as caught:
    select.Select(**{'balance': balance.Unbalanced(), **arguments})
  assert str(caught.value) == sentence


def test_balance_has_to_be_built():
  with pytest.raises(TypeError, match='write a gin reference with brackets'):
    select.Select(balance=balance.Balance)
