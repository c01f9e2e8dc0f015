import math
import os
import types

import numpy as np
import pytest

from ns.core import errors
from ns.core import manifest
from ns.mixture import views
from ns.pseudolabel import labelling
from ns.pseudolabel import store
from ns.pseudolabel import teacher
from tests.pseudolabel import fakes
from tests.support import thread_hosts

TABLE = fakes.distributions(12, 3)


def label(folder, source, predict, batch_size=4, fingerprint='t1', view=None,
          accuracy=None, on_progress=None, **policy):
  return labelling.Labelling(batch_size=batch_size, **policy).run(
      [teacher.Teacher(name='teacher', predict=predict, view=view,
                       fingerprint=fingerprint, accuracy=accuracy)],
      source, str(folder), on_progress)


def contents(folder):
  return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def rows(folder, source):
  found = [batch for shard in source.shards for batch in store.read(
      store.predictions_path(folder, shard.name),
      ['key', 'label', 'confidence', 'probabilities'])]
  return {name: np.concatenate([batch[name] for batch in found])
          for name in found[0]}


def entropy_of(labels, classes):
  """As a share of that of equal classes."""
  shares = [np.mean(labels == c) for c in range(classes) if c in labels]
  return -sum(p * math.log(p) for p in shares) / math.log(classes)


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
      'mean_confidence': pytest.approx(float(TABLE.max(axis=1).mean())),
      'class_entropy': pytest.approx(entropy_of(TABLE.argmax(axis=1), 3))}
  header, _ = store.read_header(
      tmp_path / 'predictions-00000-of-00002.parquet')
  assert (header.classes, header.teacher_fingerprint, header.source_name,
          header.source_digest) == (3, 't1', 'pool', 'd1')


def test_the_tail_is_padded_to_one_shape_and_dropped(tmp_path):
  source = fakes.Pool((7, 4, 1))
  seen = []

  def predict(images):
    seen.append(np.array(images[:, 0, 0, 0]))
    assert images.dtype == np.uint8 and images.shape == (4, 4, 3, 1)
    return TABLE[images[:, 0, 0, 0]]

  label(tmp_path, source, predict)
  assert [batch.tolist() for batch in seen] == [
      [0, 1, 2, 3], [4, 5, 6, 0], [11, 0, 0, 0], [7, 8, 9, 10]]
  assert rows(tmp_path, source)['key'].tolist() == source.keys


def test_labels_at_a_temperature(tmp_path):
  source = fakes.Pool((7, 5))
  run = labelling.Labelling(batch_size=4, scores=['entropy']).run
  counts = run(fakes.teachers(TABLE), source, str(tmp_path), temperature=2.0)
  expected = np.sqrt(TABLE)
  expected /= expected.sum(axis=1, keepdims=True)
  found = rows(tmp_path, source)
  np.testing.assert_allclose(found['confidence'], expected.max(axis=1),
                             rtol=1e-6)
  np.testing.assert_allclose(found['probabilities'], expected, rtol=1e-3)
  assert counts['mean_confidence'] == pytest.approx(
      expected.max(axis=1).mean())
  path = store.predictions_path(tmp_path, source.shards[0].name)
  assert store.read_header(path)[0].temperature == 2.0
  # Files of another temperature are not kept.
  assert run(fakes.teachers(TABLE), source, str(tmp_path),
             temperature=2.0)['shards_kept'] == 2
  assert run(fakes.teachers(TABLE), source, str(tmp_path))['shards_kept'] == 0


def test_results_do_not_depend_on_the_batch_size(tmp_path):
  source = fakes.Pool()
  for size in 1, 5, 64:
    label(tmp_path / str(size), source, fakes.Teacher(TABLE), size)
  assert (contents(tmp_path / '1') == contents(tmp_path / '5')
          == contents(tmp_path / '64'))


def test_a_teacher_may_answer_with_a_tensor(tmp_path):
  import tensorflow as tf
  table = tf.constant(TABLE)
  predict = tf.function(
      lambda images: tf.gather(table, tf.cast(images[:, 0, 0, 0], tf.int32)),
      input_signature=[tf.TensorSpec([4, 4, 3, 1], tf.uint8)])
  source = fakes.Pool()
  label(tmp_path, source, predict)
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
  predict = fakes.Teacher(TABLE)
  counts = label(folder, source, predict)
  assert counts['shards_kept'] == finished
  assert len(predict.shapes) == 4 - 2 * finished
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
  predict = fakes.Teacher(TABLE)
  again = label(tmp_path, source, predict)
  assert predict.shapes == [] and contents(tmp_path) == before
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
  assert told == [(4, 12), (7, 12), (11, 12), (12, 12), (12, 12)]
  told.clear()
  label(tmp_path, source, fakes.Teacher(TABLE),
        on_progress=lambda done, total: told.append((done, total)))
  assert told == [(7, 12), (12, 12), (12, 12)]


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
  def predict(images):
    answers = TABLE[images[:, 0, 0, 0]]
    answers[1:] = np.nan
    return answers
  source = fakes.Pool((1,))
  label(tmp_path, source, predict)
  assert rows(tmp_path, source)['key'].tolist() == ['pool/0']


@pytest.mark.parametrize('shape', [(4, 4), (3, 3), (4, 1, 3)])
def test_answers_should_be_of_the_right_shape(tmp_path, shape):
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, fakes.Pool(), lambda images: np.full(shape, 0.25))
  assert str(caught.value) == (
      'The teacher `teacher` should give probabilities of shape [batch, '
      f'classes] = [4, 3] for `pool`, but gave shape {list(shape)}; take a '
      'teacher of 3 classes.')


def test_a_shard_should_have_as_many_records_as_it_says(tmp_path):
  source = fakes.Pool((7, 5))
  source.extra_records = 1
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, source, fakes.Teacher(TABLE))
  assert str(caught.value) == (
      'Shard `00000-of-00002` of `pool` should have 7 records, but has 8; the '
      'source changed since it was counted, so count it again.')
  assert not list(tmp_path.iterdir())


class BrokenPool:
  """A pool of PNGs, those at `broken` cut short."""

  def __init__(self, broken, sizes=(7, 5)):
    self._pool = fakes.Pool(sizes, encoded=True)
    self._broken = broken

  def __getattr__(self, name):
    return getattr(self._pool, name)

  def records(self, shard):
    import tensorflow as tf
    broken = tf.constant([self.keys[i] for i in self._broken])
    return self._pool.records(shard).map(lambda record: {
        **record, 'image': tf.where(
            tf.reduce_any(record['key'] == broken),
            tf.strings.substr(record['image'], 0, 20), record['image'])})


class Whole:
  """A crop that sees the images of `fakes.Pool` as they are."""

  def apply(self, image, size, channels, seed):
    from ns.images import attempt
    from ns.images import decode
    import tensorflow as tf
    del size, seed
    return attempt.attempt(
        lambda: (tf.ensure_shape(decode.decode(image, channels)[:3, :3],
                                 (3, 3, channels)), tf.constant(True)),
        (tf.zeros((3, 3, channels), tf.uint8), False))


VIEW = views.View(size=3, channels=1, crop=Whole())


def test_a_broken_image_keeps_its_row_with_no_confidence(tmp_path):
  source = BrokenPool([3, 8])
  counts = label(tmp_path, source, fakes.Teacher(TABLE), view=VIEW,
                 max_broken=0.2)
  found = rows(tmp_path, source)
  assert found['key'].tolist() == source.keys
  good = ~np.isin(np.arange(12), [3, 8])
  np.testing.assert_array_equal(found['confidence'],
                                np.where(good, TABLE.max(axis=1), 0))
  np.testing.assert_array_equal(found['probabilities'][good],
                                TABLE[good].astype(np.float16))
  np.testing.assert_array_equal(found['probabilities'][~good],
                                np.full((2, 3), np.float16(1 / 3)))
  labels = TABLE.argmax(axis=1)[good]
  assert counts['broken'] == {'count': 2, 'share': 2 / 12, 'max_share': 0.2,
                              'keys': ['pool/3', 'pool/8']}
  assert counts['per_class'] == np.bincount(labels, minlength=3).tolist()
  assert counts['images'] == 12
  assert counts['mean_confidence'] == pytest.approx(
      float(TABLE.max(axis=1)[good].mean()))
  again = label(tmp_path, source, fakes.Teacher(TABLE), view=VIEW,
                max_broken=0.2)
  assert again == {**counts, 'images_labelled': 0, 'shards_kept': 2}


def test_too_many_broken_images_are_an_error(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, BrokenPool([3, 5]), fakes.Teacher(TABLE), view=VIEW)
  assert str(caught.value) == (
      'At most 0.01 of the 12 images of `pool` should be broken, which is '
      '`Labelling.max_broken`, but 2 do not decode: `pool/3`, `pool/5`; '
      'repair them, take them out, or allow more.')
  # They may be allowed; then the work goes on where it was.
  counts = label(tmp_path, BrokenPool([3, 5]), fakes.Teacher(TABLE), view=VIEW,
                 max_broken=1)
  assert counts['shards_kept'] == 1 and counts['broken']['count'] == 2


def test_twenty_broken_images_are_named(tmp_path):
  source = BrokenPool(range(1, 30), (15, 15))
  counts = label(tmp_path, source, fakes.Teacher(fakes.distributions(30, 3)),
                 view=VIEW, max_broken=1)
  assert counts['broken']['count'] == 29
  assert counts['broken']['keys'] == [f'pool/{i}' for i in range(1, 21)]


def table_of(labels, classes):
  """Distributions whose highest classes are `labels`."""
  table = np.full((len(labels), classes), 0.1 / classes, np.float32)
  table[np.arange(len(labels)), labels] += 0.9
  return table


class Big(fakes.Pool):
  """2,000 images; image i is filled with i modulo 250."""

  def __init__(self, shards=8):
    super().__init__((2000 // shards,) * shards)
    numbers = np.arange(2000) % 250
    self.images[...] = numbers.reshape(-1, 1, 1, 1)


def collapse(tmp_path, labels, **policy):
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, Big(policy.pop('shards', 8)),
          fakes.Teacher(table_of(labels, 3)), 125, **policy)
  return str(caught.value)


def test_classes_that_collapsed_stop_the_labelling(tmp_path):
  labels = np.zeros(250, int)
  labels[:2] = 1, 2
  expected = entropy_of(labels, 3)
  assert 0.04 < expected < 0.05
  assert collapse(tmp_path, labels) == (
      'The entropy of the classes that the teacher gives to `pool` should be '
      'at least `Labelling.min_class_entropy` = 0.1 of that of equal classes, '
      f'but is {expected:.3g} after 2,000 images, 99.2 % of which are in class '
      '0; look at the teacher, or lower the bound if the pool is like that. '
      'The finished shards stay.')
  # It is no other pool for another bound.
  counts = label(tmp_path, Big(), fakes.Teacher(table_of(labels, 3)),
                 min_class_entropy=0.04)
  assert counts['shards_kept'] == 8
  assert counts['class_entropy'] == pytest.approx(expected)


def test_it_stops_when_there_is_enough_to_tell(tmp_path):
  labels = np.zeros(250, int)
  # Of 16 shards of 125 images, 8.
  assert 'but is 0 after 1,000 images, 100.0 % of which' in collapse(
      tmp_path, labels, shards=16)
  assert len(os.listdir(tmp_path)) == 8


@pytest.mark.parametrize('bound', [None, 0])
def test_a_collapse_may_be_allowed(tmp_path, bound):
  counts = label(tmp_path, Big(), fakes.Teacher(table_of([0] * 250, 3)), 125,
                 min_class_entropy=bound)
  assert counts['class_entropy'] == 0


def test_a_small_pool_tells_nothing_of_a_collapse(tmp_path):
  counts = label(tmp_path, fakes.Pool(), fakes.Teacher(table_of([1] * 12, 3)))
  assert counts['class_entropy'] == 0


def test_a_sorted_pool_is_no_collapse():
  """Of ten classes in a row, the first eight shards have seven."""
  source = types.SimpleNamespace(name='pool', shards=[
      fakes.Shard(str(i), i, 1) for i in range(100)])
  order = [shard.first for shard in labelling.spread(source)]
  assert sorted(order) == list(range(100)) and order[0] == 0
  assert len({place // 10 for place in order[:8]}) == 7


def test_a_teacher_should_be_accurate_enough(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, fakes.Pool(), None, accuracy=0.412, min_accuracy=0.6)
  assert str(caught.value) == (
      'The teacher `teacher` should have an accuracy of at least '
      '`Labelling.min_accuracy` = 0.6 on validation before it labels, but has '
      '0.412; train it better, or lower the bound.')
  assert label(tmp_path, fakes.Pool(), fakes.Teacher(TABLE), accuracy=0.6,
               min_accuracy=0.6)['images'] == 12


def test_accuracy_should_be_known_where_it_is_asked_for(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, fakes.Pool(), None, min_accuracy=0.6)
  assert str(caught.value) == (
      '`Labelling.min_accuracy` = 0.6 asks for the accuracy of the teacher '
      '`teacher` on validation, which is not known; evaluate it first, or '
      'leave the bound out.')


def test_top_classes_and_scores_are_stored(tmp_path):
  logits = np.log(TABLE) + np.arange(12, dtype=np.float32)[:, np.newaxis]
  predict = fakes.Teacher(TABLE)
  predict.logits = fakes.Teacher(logits)
  label(tmp_path, fakes.Pool(), predict, top_k=1,
        scores=['energy', 'margin'])
  path = tmp_path / 'predictions-00001-of-00002.parquet'
  header, _ = store.read_header(path)
  assert (header.top_k, header.scores) == (1, ('energy', 'margin'))
  found, = store.read(path, ['energy', 'margin', 'top_classes', 'confidence'])
  np.testing.assert_allclose(found['energy'], np.arange(7, 12), atol=1e-5)
  table = np.sort(TABLE[7:])
  np.testing.assert_allclose(found['margin'], table[:, 2] - table[:, 1],
                             atol=1e-6)
  np.testing.assert_allclose(found['confidence'], table[:, 2], atol=1e-6)
  assert found['top_classes'][:, 0].tolist() == (
      TABLE[7:].argmax(axis=1).tolist())


def test_other_scores_are_other_files(tmp_path):
  label(tmp_path, fakes.Pool(), fakes.Teacher(TABLE))
  counts = label(tmp_path, fakes.Pool(), fakes.Teacher(TABLE),
                 scores=('entropy',))
  assert counts['shards_kept'] == 0


def test_top_k_should_be_below_the_classes(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    label(tmp_path, fakes.Pool(), fakes.Teacher(TABLE), top_k=3)
  assert str(caught.value) == (
      '`Labelling.top_k` should be below the 3 classes of `pool`, but is 3; '
      'None keeps whole distributions.')


@pytest.mark.parametrize('policy, message', [
    ({'top_k': 0}, '`Labelling.top_k` should be a whole number of at least 1, '
     'but is 0.'),
    ({'scores': ['entropy', 'gap']}, '`Labelling.scores` should be different '
     "ones of 'entropy', 'margin', 'energy', but are ['entropy', 'gap']."),
    ({'augment': 'mirror'}, '`Labelling.augment` should be one of None, '
     "'flip', but is 'mirror'."),
    ({'weights': (1, 0)}, '`Labelling.weights` should be numbers above 0, one '
     'for each teacher, but are [1, 0].'),
    ({'min_accuracy': 60}, '`Labelling.min_accuracy` should be a number at '
     'least 0 and at most 1, but is 60.'),
    ({'min_class_entropy': -1}, '`Labelling.min_class_entropy` should be a '
     'number at least 0 and at most 1, but is -1.'),
    ({'max_broken': None}, '`Labelling.max_broken` should be a number at least '
     '0 and at most 1, but is None.')])
def test_bad_policies(policy, message):
  with pytest.raises(ValueError) as caught:
    labelling.Labelling(**policy)
  assert str(caught.value) == message


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


@pytest.mark.parametrize('policy', [
    {'batch_size': 1}, {'min_accuracy': 0.5}, {'min_class_entropy': None},
    {'max_broken': 0.5}])
def test_what_changes_no_prediction_is_no_part_of_a_fingerprint(policy):
  assert (manifest.canonical(labelling.Labelling(**policy))
          == manifest.canonical(labelling.Labelling()))


def label_together(folder, source, teachers, workers, **policy):
  """What each of so many hosts, each with its own teacher, gives."""
  return thread_hosts.run(lambda hosts: labelling.Labelling(
      batch_size=4, **policy).run(
          [teacher.Teacher(name='teacher', fingerprint='t1',
                           predict=teachers[hosts.worker])],
          source, str(folder), hosts=hosts), workers)


@pytest.mark.parametrize('workers', [2, 3])
def test_hosts_deal_out_the_shards(tmp_path, workers):
  """And write what one writes; the first tells of all."""
  source = fakes.Pool((2, 3, 1, 4, 2))
  alone = label(tmp_path / 'alone', source, fakes.Teacher(TABLE))
  teachers = [fakes.Teacher(TABLE) for _ in range(workers)]
  found = label_together(tmp_path / 'all', source, teachers, workers)
  assert contents(tmp_path / 'all') == contents(tmp_path / 'alone')
  assert found[0] == alone
  calls = [len(each.shapes) for each in teachers]
  assert all(calls) and sum(calls) == 5


def test_hosts_keep_what_is_finished(tmp_path):
  """Whoever labelled it, and however many they were."""
  source = fakes.Pool((2, 3, 1, 4, 2))
  label(tmp_path, source, fakes.Teacher(TABLE))
  expected = contents(tmp_path)
  os.remove(store.predictions_path(str(tmp_path), source.shards[1].name))
  found = label_together(tmp_path, source, [fakes.Teacher(TABLE)] * 2, 2)
  assert found[0]['images_labelled'] == 3 and found[0]['shards_kept'] == 4
  assert contents(tmp_path) == expected


def test_a_host_that_fails_ends_all(tmp_path):
  class Broken:

    def __call__(self, images):
      raise errors.RunError('no electricity')

  with pytest.raises(errors.RunError, match='no electricity'):
    label_together(tmp_path, fakes.Pool((2, 3, 1)),
                   [fakes.Teacher(TABLE), Broken()], 2)


def test_the_first_host_looks_at_what_all_found(tmp_path):
  """Where no host has enough to tell, all of them together may."""
  table = np.full((1200, 3), (0.9, 0.05, 0.05), np.float32)
  source = fakes.Pool((300,) * 4)
  with pytest.raises(errors.RunError, match='min_class_entropy'):
    label_together(tmp_path, source, [fakes.Teacher(table)] * 2, 2)
