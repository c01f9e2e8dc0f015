import os
import types

import numpy as np
import pytest

from ns.core import errors
from ns.core import manifest
from ns.mixture import views
from ns.pseudolabel import labelling
from ns.pseudolabel import store
from tests.pseudolabel import fakes

TABLE = fakes.distributions(12, 3)


def label(folder, source, predict, batch_size=4, fingerprint='t1', **kwargs):
  return labelling.Labelling(batch_size=batch_size).run(
      predict, source, str(folder), fingerprint, **kwargs)


def contents(folder):
  return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def rows(folder, source):
  found = [batch for shard in source.shards for batch in store.read(
      store.predictions_path(folder, shard.name),
      ['key', 'label', 'confidence', 'probabilities'])]
  return {name: np.concatenate([batch[name] for batch in found])
          for name in found[0]}


@pytest.mark.parametrize('encoded', [False, True])
def test_every_image_has_the_teachers_answer(tmp_path, encoded):
  source = fakes.Pool((7, 5), encoded=encoded, channels=3)
  counts = label(tmp_path, source, fakes.Teacher(TABLE),
                 view=fakes.View() if encoded else None)
  assert sorted(os.listdir(tmp_path)) == [
      'predictions-00000-of-00002.parquet',
      'predictions-00001-of-00002.parquet']
  found = rows(tmp_path, source)
  assert found['key'].tolist() == source.keys
  assert found['label'].tolist() == TABLE.argmax(axis=1).tolist()
  np.testing.assert_array_equal(found['confidence'], TABLE.max(axis=1))
  np.testing.assert_array_equal(found['probabilities'],
                                TABLE.astype(np.float16))
  assert counts == {
      'images': 12, 'images_labelled': 12, 'shards': 2, 'shards_kept': 0,
      'per_class': [int((TABLE.argmax(axis=1) == c).sum()) for c in range(3)],
      'mean_confidence': pytest.approx(float(TABLE.max(axis=1).mean()))}
  header, _ = store.read_header(
      tmp_path / 'predictions-00000-of-00002.parquet')
  assert (header.classes, header.teacher_fingerprint, header.source_name,
          header.source_digest) == (3, 't1', 'pool', 'd1')


def test_the_tail_is_padded_to_one_shape_and_dropped(tmp_path):
  source = fakes.Pool((7, 4, 1))
  seen = []

  def teacher(images):
    seen.append(np.array(images[:, 0, 0, 0]))
    assert images.dtype == np.uint8 and images.shape == (4, 4, 3, 1)
    return TABLE[images[:, 0, 0, 0]]

  label(tmp_path, source, teacher)
  assert [batch.tolist() for batch in seen] == [
      [0, 1, 2, 3], [4, 5, 6, 0], [7, 8, 9, 10], [11, 0, 0, 0]]
  assert rows(tmp_path, source)['key'].tolist() == source.keys


def test_results_do_not_depend_on_the_batch_size(tmp_path):
  source = fakes.Pool()
  for size in 1, 5, 64:
    label(tmp_path / str(size), source, fakes.Teacher(TABLE), size)
  assert (contents(tmp_path / '1') == contents(tmp_path / '5')
          == contents(tmp_path / '64'))


def test_a_teacher_may_answer_with_a_tensor(tmp_path):
  import tensorflow as tf
  table = tf.constant(TABLE)
  teacher = tf.function(
      lambda images: tf.gather(table, tf.cast(images[:, 0, 0, 0], tf.int32)),
      input_signature=[tf.TensorSpec([4, 4, 3, 1], tf.uint8)])
  source = fakes.Pool()
  label(tmp_path, source, teacher)
  np.testing.assert_array_equal(rows(tmp_path, source)['confidence'],
                                TABLE.max(axis=1))


@pytest.mark.parametrize('fail_at', [1, 2, 3, 4])
def test_stopped_anywhere_and_started_again_gives_the_same_bytes(
    tmp_path, fail_at):
  source = fakes.Pool((7, 5))
  label(tmp_path / 'whole', source, fakes.Teacher(TABLE))
  folder = tmp_path / 'stopped'
  with pytest.raises(KeyboardInterrupt):
    label(folder, source, fakes.Teacher(TABLE, fail_at=fail_at))
  # A shard takes two calls; only finished shards are there, and no half file.
  finished = (fail_at - 1) // 2
  assert sorted(os.listdir(folder)) == [
      f'predictions-{i:05}-of-00002.parquet' for i in range(finished)]
  teacher = fakes.Teacher(TABLE)
  counts = label(folder, source, teacher)
  assert counts['shards_kept'] == finished
  assert len(teacher.shapes) == 4 - 2 * finished
  assert contents(folder) == contents(tmp_path / 'whole')


def test_what_a_killed_run_left_aside_is_no_obstacle(tmp_path):
  source = fakes.Pool((7, 5))
  label(tmp_path / 'whole', source, fakes.Teacher(TABLE))
  (tmp_path / 'killed').mkdir()
  half = tmp_path / 'killed' / '.predictions-00000-of-00002.parquet.aside'
  half.write_bytes(b'PAR1 half')
  label(tmp_path / 'killed', source, fakes.Teacher(TABLE))
  assert contents(tmp_path / 'killed') == contents(tmp_path / 'whole')


def test_a_finished_pool_is_not_labelled_again(tmp_path):
  source = fakes.Pool()
  first = label(tmp_path, source, fakes.Teacher(TABLE))
  before = contents(tmp_path)
  teacher = fakes.Teacher(TABLE)
  again = label(tmp_path, source, teacher)
  assert teacher.shapes == [] and contents(tmp_path) == before
  assert again == {**first, 'images_labelled': 0, 'shards_kept': 2}


@pytest.mark.parametrize('changed', [
    {'fingerprint': 't2'}, {'source': fakes.Pool(digest='d2')},
    {'source': fakes.Pool(name='other')}, {'source': fakes.Pool(classes=4)}])
def test_shards_of_another_making_are_labelled_again(tmp_path, changed):
  label(tmp_path, fakes.Pool(), fakes.Teacher(TABLE))
  source = changed.get('source', fakes.Pool())
  fingerprint = changed.get('fingerprint', 't1')
  table = fakes.distributions(12, source.classes, seed=9)
  counts = label(tmp_path, source, fakes.Teacher(table),
                 fingerprint=fingerprint)
  assert counts['shards_kept'] == 0
  found = rows(tmp_path, source)
  np.testing.assert_array_equal(found['confidence'], table.max(axis=1))
  assert found['key'].tolist() == source.keys
  for shard in source.shards:
    header, _ = store.read_header(store.predictions_path(tmp_path, shard.name))
    assert (header.teacher_fingerprint, header.source_digest, header.classes
            ) == (fingerprint, source.digest(), source.classes)


def test_only_the_broken_shard_is_labelled_again(tmp_path):
  source = fakes.Pool((7, 5))
  label(tmp_path, source, fakes.Teacher(TABLE))
  whole = contents(tmp_path)
  (tmp_path / 'predictions-00001-of-00002.parquet').write_bytes(b'PAR1')
  counts = label(tmp_path, source, fakes.Teacher(TABLE))
  assert counts['shards_kept'] == 1 and counts['images_labelled'] == 5
  assert contents(tmp_path) == whole


def test_a_shard_of_another_length_is_labelled_again(tmp_path):
  label(tmp_path, fakes.Pool((7, 5)), fakes.Teacher(TABLE))
  source = fakes.Pool((8, 4))  # As if the digest had not told.
  assert label(tmp_path, source, fakes.Teacher(TABLE))['shards_kept'] == 0
  assert rows(tmp_path, source)['key'].tolist() == source.keys


def test_progress_counts_images_once_and_ends_at_all(tmp_path):
  source = fakes.Pool((7, 0, 5))
  told = []
  label(tmp_path, source, fakes.Teacher(TABLE),
        on_progress=lambda done, total: told.append((done, total)))
  assert told == [(4, 12), (7, 12), (7, 12), (11, 12), (12, 12)]
  told.clear()
  label(tmp_path, source, fakes.Teacher(TABLE),
        on_progress=lambda done, total: told.append((done, total)))
  assert told == [(7, 12), (7, 12), (12, 12)]


def test_the_teacher_does_not_see_labels(tmp_path):
  import tensorflow as tf
  source = fakes.Pool()
  plain = source.records
  source.records = lambda shard: plain(shard).map(
      lambda record: {**record, 'label': tf.constant(1, tf.int64)})
  label(tmp_path, source, fakes.Teacher(TABLE))
  assert rows(tmp_path, source)['key'].tolist() == source.keys


def test_not_finite_names_the_key(tmp_path):
  table = TABLE.copy()
  table[9, 2] = np.nan
  with pytest.raises(errors.RunError, match='^The probabilities of `pool/9` '
                     'should be finite, but hold nan; '):
    label(tmp_path, fakes.Pool((7, 5)), fakes.Teacher(table))
  assert os.listdir(tmp_path) == ['predictions-00000-of-00002.parquet']


def test_not_finite_in_the_padding_does_not_matter(tmp_path):
  def teacher(images):
    answers = TABLE[images[:, 0, 0, 0]]
    answers[1:] = np.nan
    return answers
  source = fakes.Pool((1,))
  label(tmp_path, source, teacher)
  assert rows(tmp_path, source)['key'].tolist() == ['pool/0']


@pytest.mark.parametrize('shape', [(4, 4), (3, 3), (4, 1, 3)])
def test_answers_should_be_of_the_right_shape(tmp_path, shape):
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, fakes.Pool(), lambda images: np.full(shape, 0.25))
  assert str(caught.value) == (
      'The teacher should give probabilities of shape [batch, classes] = [4, 3]'
      f' for `pool`, but gave shape {list(shape)}; take a teacher of 3 '
      'classes.')


def test_a_shard_should_have_as_many_records_as_it_says(tmp_path):
  source = fakes.Pool((7, 5))
  source.extra_records = 1
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, source, fakes.Teacher(TABLE))
  assert str(caught.value) == (
      'Shard `00000-of-00002` of `pool` should have 7 records, but has 8; the '
      'source changed since it was counted, so count it again.')
  assert not list(tmp_path.iterdir())


def test_a_broken_image_is_an_error(tmp_path):
  import tensorflow as tf
  source = types.SimpleNamespace(
      name='pool', classes=3, num_examples=1, digest=lambda: 'd',
      shards=(fakes.Shard('a', 0, 1),),
      records=lambda shard: tf.data.Dataset.from_tensor_slices(
          {'key': ['pool/0'], 'image': [b'not an image']}))
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, source, fakes.Teacher(TABLE),
          view=views.View(size=4, channels=1))
  assert str(caught.value) == (
      'The image `pool/0` of `pool` does not decode; repair it or take it out.')
  assert not list(tmp_path.iterdir())


def test_a_pool_should_have_shards(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, fakes.Pool(()), fakes.Teacher(TABLE))
  assert str(caught.value) == (
      'The pool `pool` should have images to label, but has no shard; look at '
      'its path.')


def test_shards_should_have_distinct_names(tmp_path):
  source = fakes.Pool((7, 5))
  source.shards = (source.shards[0], source.shards[0])
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, source, fakes.Teacher(TABLE))
  assert str(caught.value) == (
      'The shards of `pool` should have distinct names, but `00000-of-00002` '
      'is there 2 times; rename one.')


def test_batch_size_should_be_positive():
  with pytest.raises(ValueError) as caught:
    labelling.Labelling(batch_size=0)
  assert str(caught.value) == (
      '`Labelling.batch_size` should be a whole number of at least 1, but is '
      '0.')


def test_batch_size_is_no_part_of_a_fingerprint():
  assert (manifest.canonical(labelling.Labelling(batch_size=1))
          == manifest.canonical(labelling.Labelling(batch_size=64)))
