import numpy as np
import pytest

from ns.core import errors
from ns.pseudolabel import header as headers
from ns.pseudolabel import store
from tests.pseudolabel import fakes
from tools import label_review

SIZES = (40, 0, 35)
CLASSES = 3


class Labelled:
  """A pool with random labels, of which some are used; on disk."""

  def __init__(self, folder, seed=0, keys=None, digest='d1'):
    generator = np.random.default_rng(seed)
    sizes = SIZES if keys is None else (len(keys),)
    self.source = fakes.Pool(sizes, digest=digest)
    if keys is not None:
      self.source.keys = list(keys)
    count = self.source.num_examples
    self.table = generator.dirichlet([0.7] * CLASSES, count).astype(np.float32)
    self.good = generator.random(count) > 0.1
    self.copies = np.where(
        self.good, generator.integers(0, 4, count) - 1, 0).clip(0)
    self.labels = self.table.argmax(axis=1)
    self.confidences = self.table.max(axis=1)
    self.folder = folder
    header = headers.Header(classes=CLASSES, teacher_fingerprint='t1',
                            source_name='pool', source_digest=digest)
    for shard in self.source.shards:
      rows = slice(shard.first, shard.first + shard.num_examples)
      with store.writing_predictions(
          store.predictions_path(folder, shard.name), header) as writer:
        writer.write(self.source.keys[rows], self.table[rows],
                     is_good=self.good[rows])
    used = np.flatnonzero(self.copies)
    with store.writing_selection(
        store.selection_path(folder), header) as writer:
      writer.write([self.source.keys[row] for row in used], self.labels[used],
                   self.confidences[used], self.copies[used])

  def review(self, shown=(0, 2), number=4):
    return label_review.review(
        self.source, str(self.folder), str(self.folder), shown, number)


@pytest.fixture(name='labelled', scope='module')
def make_labelled(tmp_path_factory):
  return Labelled(tmp_path_factory.mktemp('labelled'))


def test_counts_by_class_and_confidence(labelled):
  found = labelled.review()
  assert found.broken == (~labelled.good).sum() > 0
  for label in range(CLASSES):
    for which, weights in (('pool', labelled.good),
                           ('used', labelled.copies > 0),
                           ('copies', labelled.copies)):
      mine = labelled.labels == label
      expected, _ = np.histogram(
          labelled.confidences[mine], found.edges,
          weights=weights[mine].astype(int))
      np.testing.assert_array_equal(getattr(found, which)[label], expected)


def test_images_that_are_shown(labelled):
  found = labelled.review().samples
  assert list(found) == [0, 2]
  for label, kinds in found.items():
    mine = np.flatnonzero((labelled.labels == label) & labelled.good)
    used = [row for row in mine if labelled.copies[row]]
    used.sort(key=lambda row: -labelled.confidences[row])
    rest = [row for row in mine if not labelled.copies[row]]
    rest.sort(key=lambda row: -labelled.confidences[row])
    place = lambda sample: (
        labelled.source.shards[sample.shard].first + sample.row)
    most, least, without = (kinds[kind] for kind in label_review.KINDS)
    assert [place(sample) for sample in most] == used[:4]
    assert [place(sample) for sample in least] == used[:-5:-1]
    found_rest = [place(sample) for sample in without]
    assert len(found_rest) == 4 and set(found_rest) <= set(rest)
    # From the most confident of them to the least.
    assert (found_rest[0], found_rest[-1]) == (rest[0], rest[-1])
    for sample in (*most, *least, *without):
      assert sample.label == label
      assert sample.confidence == labelled.confidences[place(sample)]


def test_without_a_selection_nothing_is_used(labelled):
  found = label_review.review(
      labelled.source, str(labelled.folder), None, [1], 3)
  assert found.used.sum() == found.copies.sum() == 0
  assert found.pool.sum() == labelled.good.sum()
  assert not found.samples[1]['most confident']


def test_a_selection_of_something_else(tmp_path, labelled):
  other = Labelled(tmp_path, keys=[f'other/{i}' for i in range(30)])
  with pytest.raises(errors.RunError) as caught:
    label_review.review(labelled.source, str(labelled.folder),
                        str(other.folder), [], 3)
  assert str(caught.value) == (
      f'`{other.folder}` should be of the images that are labelled, in their '
      'order, but has others; make the stages `label` and `select` again.')


def expected_agreement(one, other):
  """By brute force, over keys."""
  mine = {key: row for row, key in enumerate(one.source.keys)
          if one.good[row]}
  confusion = np.zeros((CLASSES, CLASSES), int)
  same = {}
  for theirs, key in enumerate(other.source.keys):
    if key in mine and other.good[theirs]:
      row = mine[key]
      pair = one.labels[row], other.labels[theirs]
      confusion[pair] += 1
      place = min(int(one.confidences[row] * label_review.BINS),
                  label_review.BINS - 1)
      images, right = same.get(place, (0, 0))
      same[place] = images + 1, right + int(pair[0] == pair[1])
  return confusion, same


@pytest.mark.parametrize('keys, digest', [
    (None, 'd1'), ([f'pool/{i}' for i in range(60, 4, -2)], 'd2'),
    ([f'pool/{i}' for i in range(100)], 'd2'),
    ([f'x/{i}' for i in range(9)], 'd2')])
def test_two_labellings(tmp_path, labelled, keys, digest):
  other = Labelled(tmp_path, seed=1, keys=keys, digest=digest)
  found = label_review.agreement(
      CLASSES, *((each.source, str(each.folder)) for each in (labelled, other)))
  confusion, same = expected_agreement(labelled, other)
  np.testing.assert_array_equal(found.confusion, confusion)
  assert found.images == confusion.sum()
  assert found.share == (pytest.approx(confusion.trace() / confusion.sum())
                         if found.images else None)
  assert {place: tuple(row) for place, row in
          enumerate(found.by_confidence.tolist()) if row[0]} == same
