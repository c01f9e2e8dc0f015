"""A source without some examples keeps the others as they were."""

import numpy as np
import pytest

from ns import mixture
from ns.mixture import without
from tests.support import data_sets
from tests.support import photos
from tests.support import source_contract
from tests.support import tf_records

cache = source_contract.make_cache


def of(source, left_out):
  return without.Without(source=source, left_out=np.array(left_out, np.int64))


@pytest.mark.parametrize('left_out', [
    [], [0], [14], [3, 4, 5, 9], list(range(0, 15, 2)), list(range(14))])
def test_it_keeps_what_a_source_keeps(tmp_path, left_out):
  written = photos.folder(tmp_path / 'images')
  source = mixture.Folder(name='made', path=str(tmp_path / 'images'))
  expected = photos.in_order(written)
  source_contract.check(of(source, left_out), [
      row for place, row in enumerate(expected) if place not in left_out])


def test_the_shards_of_files_are_theirs(tmp_path):
  for number, count in enumerate([4, 3, 5, 2]):
    tf_records.write(tmp_path / f'r{number}', [
        tf_records.example(**{'image/encoded': b'%d-%d' % (number, i)})
        for i in range(count)])
  source = mixture.TfRecord(name='made', files=f'{tmp_path}/r*', label='')
  found = of(source, [1, 4, 5, 6, 13])
  assert [(s.name, s.first, s.num_examples) for s in found.shards] == [
      ('r0', 0, 3), ('r2', 3, 5), ('r3', 8, 1)]
  source_contract.check(found, [
      (f'made/r{number}/{row}', b'%d-%d' % (number, row), None)
      for number, row in [(0, 0), (0, 2), (0, 3), (2, 0), (2, 1), (2, 2),
                          (2, 3), (2, 4), (3, 0)]])
  assert found.image_bytes == source.image_bytes


def test_pixels_and_hidden_labels(tmp_path):
  split = data_sets.few_labels(tmp_path, train=20, test=8,
                               labelled_per_class=1, validation=2)
  found = of(split.unlabelled, [0, 5, 13])
  kept = np.delete(np.arange(14), [0, 5, 13])
  assert found.num_examples == 11 and not found.is_labelled
  assert found.hidden_labels().tolist() == (
      split.unlabelled.hidden_labels()[kept].tolist())
  images = lambda source: np.stack(
      [r['image'] for r in source.records().as_numpy_iterator()])
  np.testing.assert_array_equal(images(found), images(split.unlabelled)[kept])
  assert (found.classes, found.class_names, found.image_shape) == (
      4, tuple('0123'), (8, 8, 1))
  assert found.foreign() is None


def test_digests_are_of_what_is_left_out(tmp_path):
  source = data_sets.idx(tmp_path)
  digests = [of(source, left_out).digest()
             for left_out in ([], [1], [2], [1, 2])]
  assert len({*digests, source.digest()}) == 5
  assert of(source, [1]).canonical() == {
      'source': 'made_up', 'digest': digests[1]}
