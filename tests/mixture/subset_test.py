import numpy as np
import pytest

from ns import mixture
from ns.mixture import sources
from tests.support import data_sets
from tests.support import idx_files
from tests.support import tf_records

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (12, 3, 2), np.uint8)
COLOUR = RANDOM.integers(0, 256, (12, 3, 2, 3), np.uint8)
LABELS = np.array([0, 2, 1, 1, 0, 2, 2, 0, 1, 1, 0, 2], np.uint8)


def source(folder, pixels=PIXELS):
  return mixture.Idx(
      name='made', classes=3,
      images=idx_files.write(folder / 'images', pixels),
      labels=idx_files.write(folder / 'labels', LABELS))


def subset(idx, indices, is_labelled=True, name='part'):
  return mixture.Subset(name=name, source=idx, is_labelled=is_labelled,
                        indices=np.array(indices))


def test_records_are_the_subset_in_order(tmp_path):
  idx = source(tmp_path)
  part = subset(idx, [1, 4, 9])
  assert part.num_examples == 3 and part.classes == 3
  assert part.keys() == ['made/01', 'made/04', 'made/09']
  np.testing.assert_array_equal(part.class_ids, LABELS[[1, 4, 9]])
  for _ in range(2):
    records = list(part.records())
    assert [r['key'].numpy().decode() for r in records] == part.keys()
    assert [int(r['label']) for r in records] == [2, 0, 1]
    for record, index in zip(records, [1, 4, 9], strict=True):
      assert record['image'].dtype == np.uint8
      np.testing.assert_array_equal(record['image'],
                                    PIXELS[index][..., np.newaxis])
  assert {n: s.dtype.name for n, s in part.records().element_spec.items()} == {
      'key': 'string', 'image': 'uint8', 'label': 'int64'}


def test_records_of_a_shard_are_its_part(tmp_path, monkeypatch):
  monkeypatch.setattr(sources, '_MAX_SHARD', 2)
  part = subset(source(tmp_path, COLOUR), [0, 3, 4, 7, 11])
  keys = lambda records: [r['key'].numpy().decode() for r in records]
  found = [keys(part.records(shard)) for shard in part.shards]
  assert [len(keys_) for keys_ in found] == [1, 2, 2]
  assert sum(found, []) == part.keys() == keys(part.records())


def test_an_unlabelled_subset_has_its_labels_hidden(tmp_path):
  part = subset(source(tmp_path), [2, 1, 0], is_labelled=False, name='pool')
  assert set(part.records().element_spec) == {'key', 'image'}
  np.testing.assert_array_equal(part.hidden_labels(), [1, 2, 0])
  with pytest.raises(ValueError) as caught:
    part.class_ids
  assert str(caught.value) == '`pool` is not labelled.'


def test_the_digest_of_a_subset_is_of_what_it_gives(tmp_path):
  idx = source(tmp_path / 'a')
  part = subset(idx, [1, 2])
  assert part.digest() == subset(idx, [1, 2], name='else').digest()
  assert part.canonical() == {'source': 'part', 'digest': part.digest()}
  others = [subset(idx, [1, 3]), subset(idx, [2, 1]),
            subset(idx, [1, 2], is_labelled=False),
            subset(source(tmp_path / 'b', PIXELS[::-1]), [1, 2])]
  assert len({part.digest(), *(other.digest() for other in others)}) == 5


def test_the_digest_does_not_depend_on_the_type_of_indices(tmp_path):
  idx = source(tmp_path)
  narrow = mixture.Subset(name='part', source=idx, is_labelled=True,
                          indices=np.array([1, 2], np.int32))
  assert narrow.digest() == subset(idx, [1, 2]).digest()


def test_the_made_up_data_set_is_separable():
  pixels, labels = data_sets.pixels_and_labels(200, seed=1)
  others, truth = data_sets.pixels_and_labels(200, seed=2)
  means = np.stack([pixels[labels == c].mean(0) for c in range(4)])
  distances = ((others[:, np.newaxis] - means) ** 2).sum((2, 3))
  assert (distances.argmin(1) == truth).mean() > 0.95


def test_where_files_are_read_in_order_its_shards_are_theirs(
    tmp_path, monkeypatch):
  monkeypatch.setenv('NS_CACHE_DIR', str(tmp_path / 'cache'))
  for number, count in enumerate([4, 3, 5, 2]):
    tf_records.write(tmp_path / f'r{number}', [
        tf_records.example(**{'image/encoded': b'%d-%d' % (number, i)})
        for i in range(count)])
  records = mixture.TfRecord(name='made', files=f'{tmp_path}/r*', label='')
  part = subset(records, [0, 3, 4, 8, 11, 12], is_labelled=False)
  assert [(s.name, s.first, s.num_examples) for s in part.shards] == [
      ('r0', 0, 2), ('r1', 2, 1), ('r2', 3, 2), ('r3', 5, 1)]
  images = lambda *where: [
      r['image'] for r in part.records(*where).as_numpy_iterator()]
  assert images() == [b'0-0', b'0-3', b'1-0', b'2-1', b'2-4', b'3-0']
  assert [images(shard) for shard in part.shards] == [
      [b'0-0', b'0-3'], [b'1-0'], [b'2-1', b'2-4'], [b'3-0']]
  assert images(part.shards[2], np.array([1])) == [b'2-4']
  assert part.hidden_labels() is None and part.image_shape is None
