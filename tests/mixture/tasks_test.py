import collections
import itertools

import numpy as np
import pytest
import seqio
import tensorflow as tf

from ns import mixture
from ns.core import seeds
from ns.mixture import labels
from ns.mixture import tasks
from ns.mixture import views
from tests.support import data_sets
from tests.support import pseudo_files

SEED = seeds.Seed(3)
VIEW = views.View(size=8, channels=1)
EVALUATED = {'image': ('uint8', 3), 'label': ('float32', 1),
             'weight': ('float32', 0), 'is_labelled': ('float32', 0),
             'key': ('string', 0)}
TRAINED = {**EVALUATED, 'seed': ('int64', 0)}


def place(start):
  return tasks.Place(seed=SEED, lanes=1, per_lane=1, shuffle_buffer=100,
                     first_step=start)


def labelled(folder, indices=range(10), start=0, smoothing=0.1, view=VIEW):
  source = mixture.Subset(
      name='labelled', source=data_sets.idx(folder), is_labelled=True,
      indices=np.array(indices))
  return source, tasks.labelled(source, view=view, smoothing=smoothing,
                                place=place(start))


def pool(channels=1, count=6):
  """Images that tell their own number, and what a teacher says of them."""
  images = np.zeros((count, 8, 8, channels), np.uint8)
  images[...] = np.arange(count).reshape(-1, 1, 1, 1)
  images[:, 1, 1] = 255  # Not all of a colour.
  rows = np.random.default_rng(0).random((count, 4)).astype(np.float32)
  return images, rows / rows.sum(-1, keepdims=True)


def pseudo(folder, copies=(1, 2, 3, 1, 4, 1), classes=4, start=0, channels=1,
           policy=labels.SoftLabels()):
  images, rows = pool(channels, len(copies))
  files = pseudo_files.write(folder, images, rows, copies)
  return tasks.pseudo_labelled(
      files, classes=classes, policy=policy, place=place(start),
      view=views.View(size=8, channels=channels))


def first(task, count):
  examples = tasks.dataset(task, num_epochs=None).as_numpy_iterator()
  return list(itertools.islice(examples, count))


def declared(task):
  return {name: (feature.dtype.name, feature.rank)
          for name, feature in task.output_features.items()}


def test_a_labelled_task_declares_what_it_gives(tmp_path):
  _, task = labelled(tmp_path)
  assert isinstance(task, seqio.Task)
  assert declared(task) == TRAINED
  example = first(task, 1)[0]
  assert isinstance(example.pop('key'), bytes)
  assert {name: (value.dtype.name, np.ndim(value)) for name, value in
          example.items()} == {n: d for n, d in TRAINED.items() if n != 'key'}


def test_a_pseudo_labelled_task_declares_the_same(tmp_path):
  task = pseudo(tmp_path)
  assert isinstance(task, seqio.Task)
  assert declared(task) == TRAINED
  specs = tasks.dataset(task, num_epochs=None).element_spec
  assert specs == tasks.dataset(labelled(tmp_path)[1],
                                num_epochs=None).element_spec
  assert specs['image'].shape == VIEW.shape and specs['label'].shape == (4,)


def test_labelled_images_have_their_own_labels(tmp_path):
  source, task = labelled(tmp_path)
  pixels, class_ids = source.source.pixels, source.source.class_ids
  examples = first(task, 20)
  for example in examples:
    index, = [i for i in range(10)
              if (pixels[i] == example['image']).all()]
    expected = np.full(4, 0.025)
    expected[class_ids[index]] += 0.9
    np.testing.assert_allclose(example['label'], expected, rtol=1e-6)
    assert example['weight'] == 1 and example['is_labelled'] == 1
  images = [e['image'].tobytes() for e in examples]
  assert len(set(images[:10])) == len(set(images[10:])) == 10


@pytest.mark.parametrize('channels', [1, 3])
def test_pseudo_labelled_copies_are_counted(tmp_path, channels):
  copies = (1, 2, 3, 1, 4, 1)
  images, _ = pool(channels)
  examples = first(pseudo(tmp_path, copies, channels=channels), 24)
  for epoch in examples[:12], examples[12:]:
    found = collections.Counter(int(e['image'][0, 0, 0]) for e in epoch)
    assert found == dict(enumerate(copies))
  for example in examples:
    number = int(example['image'][0, 0, 0])
    np.testing.assert_array_equal(example['image'], images[number])
    assert example['weight'] == 1 and example['is_labelled'] == 0


def test_a_pool_is_read_once(tmp_path):
  examples = tasks.dataset(pseudo(tmp_path), num_epochs=None)
  iterator = examples.as_numpy_iterator()
  begun = list(itertools.islice(iterator, 13))  # An epoch has 12.
  for path in tmp_path.glob('pseudo-*'):
    path.unlink()
  # Far enough that nothing can have been read ahead.
  assert len(begun + list(itertools.islice(iterator, 1000))) == 1013


def test_copies_of_an_image_have_seeds_of_their_own(tmp_path):
  examples = first(pseudo(tmp_path), 24)
  assert len({int(e['seed']) for e in examples}) == 24


@pytest.mark.parametrize('policy', [
    labels.SoftLabels(temperature=0.5), labels.HardLabels(smoothing=0.2)])
def test_the_policy_makes_the_label(tmp_path, policy):
  _, rows = pool()
  expected = policy.apply(
      tf.constant(rows), tf.argmax(rows, axis=-1)).numpy()
  for example in first(pseudo(tmp_path, policy=policy), 12):
    np.testing.assert_allclose(
        example['label'], expected[int(example['image'][0, 0, 0])], rtol=1e-6)


@pytest.mark.parametrize('make', [
    lambda folder, start: labelled(folder, start=start)[1],
    lambda folder, start: pseudo(folder, start=start)])
def test_starting_later_is_passing_over(tmp_path, make):
  whole = first(make(tmp_path, 0), 30)
  later = first(make(tmp_path, 17), 13)
  for expected, found in zip(whole[17:], later, strict=True):
    for name in TRAINED:
      np.testing.assert_array_equal(found[name], expected[name])


def test_an_evaluation_task_is_its_source_once_in_order(tmp_path):
  source, _ = labelled(tmp_path, [3, 5, 8])
  task = tasks.evaluation(source, VIEW)
  assert (task.name, declared(task)) == ('labelled', EVALUATED)
  dataset = tasks.dataset(task)
  idx = source.source
  # seqio's own comparison: all examples, in order, and no feature more.
  seqio.test_utils.assert_dataset(dataset, [
      {'image': idx.pixels[i], 'label': np.eye(4, dtype=np.float32)[
          idx.class_ids[i]], 'weight': 1.0, 'is_labelled': 1.0,
       'key': f'made_up/{i:02}'.encode()}
      for i in (3, 5, 8)])


def test_seqio_takes_the_tasks_into_a_mixture(tmp_path):
  mixture = seqio.Mixture('both', [(labelled(tmp_path)[1], 1.0),
                                   (pseudo(tmp_path), 3.0)])
  assert set(mixture.output_features) == set(TRAINED)
  assert mixture.num_input_examples('train') == 10 + 12  # Copies counted.
  kinds = [e['is_labelled'] for e in first(mixture, 200)]
  assert 25 < sum(kinds) < 75


def test_seqio_checks_the_features_of_what_comes_out():
  wrong = tf.data.Dataset.from_tensors({'image': tf.zeros(VIEW.shape, tf.uint8)})
  task = tasks._task('wrong', lambda split: wrong, lambda record: record,
                     tasks._TRAINING_FEATURES, {'train': 1})
  with pytest.raises(ValueError, match='Task dataset is missing expected '
                     'output feature after preprocessing: '):
    tasks.dataset(task)


def test_images_of_another_shape_are_refused(tmp_path):
  with pytest.raises(ValueError, match='needs images of 9 x 9 pixels, but '
                     'one has 8 x 8; choose a crop'):
    first(labelled(tmp_path, view=views.View(size=9, channels=1))[1], 1)


def test_records_of_other_classes_are_refused(tmp_path):
  with pytest.raises(tf.errors.OpError, match='Values size: 4 but output '
                     'shape: .5.'):
    first(pseudo(tmp_path, classes=5), 1)
