import gzip
import os

import numpy as np
import pytest
import tensorflow as tf

from ns import mixture
from ns.core import errors
from ns.mixture import source_manifest
from tests.support import photos
from tests.support import source_contract
from tests.support import tf_records

make_cache = source_contract.make_cache
error = source_contract.error

IMAGE, LABEL = 'image/encoded', 'image/class/label'


def record(seed, label=None, image=None):
  """In the reference's format, with a feature that is of no interest."""
  image = photos.encoded(seed % 3, seed) if image is None else image
  features = {IMAGE: image, 'image/height': 24}
  return tf_records.example(
      **features, **({} if label is None else {LABEL: label}))


def write(folder, counts=(12, 3, 70), first_class=1):
  """Files of so many records, and what a source should make of them."""
  expected, seed = [], 0
  for number, count in enumerate(counts):
    name = f'train-{number:05}-of-{len(counts):05}'
    width = len(str(count - 1))
    some = []
    for row in range(count):
      label = seed % 3
      some.append(record(seed, label + first_class))
      expected.append((f'made/{name}/{row:0{width}}',
                       photos.encoded(label, seed), label))
      seed += 1
    tf_records.write(folder / name, some)
  return expected


def source(folder, **how):
  return mixture.TfRecord(**{
      'name': 'made', 'files': str(folder / 'train-*'), 'classes': 3, **how})


def unlabelled(folder, **how):
  return source(folder, label='', classes=None, **how)


def test_the_helper_writes_the_format(tmp_path):
  # The checksum of nine digits is the standard's example.
  assert tf_records.crc32c(b'123456789') == 0xe3069283
  path = tf_records.write(tmp_path / 'a', [record(3, -2), b''])
  first, second = tf.data.TFRecordDataset(path).as_numpy_iterator()
  parsed = tf.train.Example.FromString(first).features.feature
  assert parsed[LABEL].int64_list.value == [-2]
  assert parsed[IMAGE].bytes_list.value == [photos.encoded(0, 3)]
  assert second == b''


@pytest.mark.parametrize('check_images', [False, True])
def test_it_keeps_the_contract(tmp_path, check_images):
  expected = write(tmp_path)
  made = source(tmp_path, check_images=check_images)
  source_contract.check(made, expected)
  assert [shard.name for shard in made.shards] == [
      f'train-{i:05}-of-00003' for i in range(3)]
  assert [shard.num_examples for shard in made.shards] == [12, 3, 70]
  assert made.class_names == ('0', '1', '2')


def test_without_labels_it_keeps_the_contract(tmp_path):
  expected = write(tmp_path)
  source_contract.check(
      unlabelled(tmp_path), [(*most, None) for *most, _ in expected])


def test_features_and_offset_may_be_others(tmp_path):
  tf_records.write(tmp_path / 'train-a', [
      tf_records.example(png=b'x', y=0), tf_records.example(png=b'y', y=1)])
  source_contract.check(
      source(tmp_path, image='png', label='y', label_offset=0, classes=2,
             class_names=['no', 'yes']),
      [('made/train-a/0', b'x', 0), ('made/train-a/1', b'y', 1)])


def test_files_of_one_name_in_several_folders(tmp_path):
  for name in 'ab':
    tf_records.write(tmp_path / name / 'x', [record(0, 1)])
  made = source(tmp_path, files=f'{tmp_path}/*/x')
  assert made.keys() == ['made/a-x/0', 'made/b-x/0']


def test_files_whose_keys_would_be_the_same(tmp_path):
  for name in 'a-b', 'a/b':
    tf_records.write(tmp_path / name, [tf_records.example(
        **{'image/encoded': b'x', 'image/class/label': 1})])
  source = mixture.TfRecord(name='made', files=f'{tmp_path}/**/*b', classes=2)
  assert error(lambda: source.num_examples) == (
      f'`{tmp_path}/a-b` and `{tmp_path}/a/b` would both be called `a-b` in '
      'the keys; rename one, or make two sources of them.')


def test_compressed_files(tmp_path):
  expected = write(tmp_path, counts=[4])
  path, = tmp_path.glob('train-*')
  path.write_bytes(gzip.compress(path.read_bytes()))
  source_contract.check(source(tmp_path, compression='GZIP'), expected)


def test_records_are_reached_from_the_last_mark(tmp_path, monkeypatch):
  monkeypatch.setattr(source_manifest, 'MARKED', 16)
  expected = write(tmp_path)
  made = source(tmp_path)
  source_contract.check(made, expected)
  path = tmp_path / 'train-00002-of-00003'
  ends = np.cumsum([len(tf_records.framed(record))
                    for record in tf.data.TFRecordDataset(
                        str(path)).as_numpy_iterator()])
  assert [file.marks for file in made.made.files] == [
      (0,), (0,), (0, *ends[[15, 31, 47, 63]])]
  # Where nothing but zeros is before it, nothing else is read.
  content = path.read_bytes()
  path.write_bytes(bytes(ends[47]) + content[ends[47]:])
  for row in 48, 66:
    assert made.columns(np.array([12 + 3 + row]))['image'].tolist() == [
        expected[12 + 3 + row][1]]
  path.write_bytes(content[:ends[15]] + bytes(ends[31] - ends[15])
                   + content[ends[31]:])
  rows = 12 + 3 + np.array([1, 15, 32, 34, 69])
  assert made.columns(rows)['image'].tolist() == [
      expected[row][1] for row in rows]


def test_a_compressed_file_has_no_marks(tmp_path, monkeypatch):
  monkeypatch.setattr(source_manifest, 'MARKED', 2)
  write(tmp_path, counts=[4])
  path, = tmp_path.glob('train-*')
  path.write_bytes(gzip.compress(path.read_bytes()))
  file, = source(tmp_path, compression='GZIP').made.files
  assert file.marks == ()


def test_a_restart_lists_and_counts_nothing(tmp_path, monkeypatch):
  write(tmp_path)
  source_contract.check_restart(lambda: source(tmp_path), monkeypatch)


def test_broken_records_are_left_out_and_named(tmp_path):
  broken = [record(0, 4), record(1, 0), record(2), tf_records.example(x=1),
            tf_records.example(**{IMAGE: 3, LABEL: 1}), b'no record',
            record(3, 2, b'no image')]
  good = [record(i, 1 + i % 3) for i in range(3)]
  tf_records.write(tmp_path / 'train-a', [
      good[0], *broken[:3], good[1], *broken[3:], good[2]])
  made = source(tmp_path, check_images=True, max_excluded=0.8)
  source_contract.check(made, [
      (f'made/train-a/{row}', photos.encoded(i, i), i)
      for i, row in enumerate([0, 4, 9])])
  reasons = dict(made.excluded())
  assert list(reasons) == [f'made/train-a/{row}' for row in (
      1, 2, 3, 5, 6, 7, 8)]
  said = list(reasons.values())
  assert said[:4] == [
      'is of class 3, counted from 0, where there are 3',
      'is of class -1, counted from 0, where there are 3',
      f'has no `{LABEL}`', f'has no `{IMAGE}`']
  assert said[4:] == [
      f'has no `{IMAGE}`', 'is no `tf.train.Example`', 'does not decode']


def test_without_labels_broken_records_are_left_out_too(tmp_path):
  tf_records.write(tmp_path / 'train-a', [
      record(0), tf_records.example(x=1), record(2), b'no record'])
  made = unlabelled(tmp_path, max_excluded=0.5)
  source_contract.check(made, [
      (f'made/train-a/{i}', photos.encoded(i, i), None) for i in (0, 2)])


@pytest.mark.parametrize('labelled', [True, False])
@pytest.mark.parametrize('cut', [1, 40])
def test_a_truncated_file(tmp_path, cut, labelled):
  expected = write(tmp_path, counts=[5, 80])
  path = tmp_path / 'train-00001-of-00002'
  path.write_bytes(path.read_bytes()[:-cut])
  make = source if labelled else unlabelled
  said = error(lambda: make(tmp_path).num_examples)
  assert said.startswith(
      'Of `made` a share of 0.01 may be left out at most '
      '(`TfRecord.max_excluded`), but 0.5 is (`made/train-00001-of-00002`: '
      'cannot be read on: ')
  made = make(tmp_path, max_excluded=0.5)
  assert made.num_examples == 84
  # The key of a row would have the digits of the rows that are known.
  assert [image for _, image, _ in source_contract.records(made)] == [
      image for _, image, _ in expected[:84]]


def test_a_flipped_bit(tmp_path):
  write(tmp_path, counts=[5, 3])
  path = tmp_path / 'train-00001-of-00002'
  content = bytearray(path.read_bytes())
  content[len(content) // 2] ^= 4
  path.write_bytes(content)
  made = source(tmp_path, max_excluded=0.5)
  assert made.num_examples == 6
  (key, reason), = made.excluded()
  assert key == 'made/train-00001-of-00002'
  assert reason.startswith('cannot be read on: corrupted record at ')


def test_an_empty_file(tmp_path):
  expected = write(tmp_path, counts=[5])
  tf_records.write(tmp_path / 'train-zz', [])
  assert '`made/train-zz`: has no records' in error(source(tmp_path).read)
  made = source(tmp_path, max_excluded=0.5)
  source_contract.check(made, expected)


def test_a_changed_file(tmp_path, cache):
  write(tmp_path)
  source(tmp_path).read()
  manifest, = cache.iterdir()
  path = tmp_path / 'train-00001-of-00003'
  size = path.stat().st_size
  with path.open('ab') as file:
    file.write(b'more')
  assert error(source(tmp_path).read) == (
      f'`{path}` should have the {size:,} bytes that it had when its source '
      f'was looked through, but has {size + 4:,}; bring it back, or remove '
      f'`{manifest}` to look through the source again.')


def test_a_file_that_was_only_touched(tmp_path, monkeypatch):
  write(tmp_path)
  digest = source(tmp_path).digest()
  source(tmp_path).read()
  path = tmp_path / 'train-00001-of-00003'
  os.utime(path, (1, 1))
  source(tmp_path).read()  # It is read through: the same.
  monkeypatch.setattr(mixture.TfRecord, '_look_through', None)
  again = source(tmp_path)
  again.read()  # That is noted.
  assert again.digest() == digest


def test_other_content_of_the_same_size(tmp_path, cache):
  write(tmp_path)
  source(tmp_path).read()
  path = tmp_path / 'train-00001-of-00003'
  was = path.stat().st_mtime_ns
  # The three records in another order.
  tf_records.write(path, [record(i, i % 3 + 1) for i in (14, 13, 12)])
  os.utime(path, (1, 1))
  manifest, = cache.iterdir()
  assert error(source(tmp_path).read) == (
      f'`{path}` should have the {path.stat().st_size:,} bytes that it had '
      'when its source was looked through, and has, but was written since, at '
      f'1000000000 for {was}; bring it back, or remove `{manifest}` to look '
      'through the source again.')


def test_the_digest_sees_other_bytes_of_the_same_size(tmp_path):
  digests = set()
  for byte in b'xy':
    folder = tmp_path / chr(byte)
    tf_records.write(folder / 'train-0', [tf_records.example(
        **{'image/encoded': bytes([byte]) * 9})])
    digests.add(unlabelled(folder).digest())
  assert len(digests) == 2


def test_a_file_that_loses_records_while_it_is_read(tmp_path, cache):
  write(tmp_path, counts=[5])
  made = source(tmp_path)
  made.read()
  manifest, = cache.iterdir()
  path, = tmp_path.glob('train-*')
  path.write_bytes(path.read_bytes()[:-9])
  with pytest.raises(Exception) as caught:
    source_contract.records(made)
  assert ('`made/train-00000-of-00001/4` is not where it was when `made` was '
          f'looked through; remove `{manifest}` to look through the source '
          'again.') in str(caught.value)


def test_a_length_that_is_damaged_while_it_is_read(tmp_path, cache):
  expected = write(tmp_path, counts=[6])
  made = source(tmp_path)
  source_contract.check(made, expected)
  path, = tmp_path.glob('train-*')
  content = bytearray(path.read_bytes())
  content[7] = 0x80  # No number that Python can seek by, or read.
  path.write_bytes(content)
  for row in 0, 3:
    with pytest.raises(errors.RunError, match=(
        f'is not where it was when `.*` was looked.*`{cache}')):
      made.columns(np.array([row]))


def test_the_digest_is_of_contents_and_not_of_places(tmp_path):
  for name in 'abc':
    write(tmp_path / name, counts=[4, 2])
  first = source(tmp_path / 'a').digest()
  assert source(tmp_path / 'b').digest() == first
  tf_records.write(tmp_path / 'c/train-00001-of-00002', [
      record(4, 2), record(5, 1)])  # The labels of `write` are 2 and 3.
  others = [source(tmp_path / 'c').digest(),
            unlabelled(tmp_path / 'b').digest(),
            source(tmp_path / 'a', name='else').digest()]
  assert len({first, *others}) == 4


def test_no_such_files(tmp_path):
  assert error(lambda: source(tmp_path).num_examples) == (
      '`TfRecord.files` should be a pattern of files, but there is none like '
      f'`{tmp_path}/train-*`.')


@pytest.mark.parametrize('changes, said', [
    ({'files': None}, '`TfRecord.files` should be a value of type str, but is '
     'None.'),
    ({'compression': 'zip'}, "`TfRecord.compression` should be one of '', "
     "'GZIP', but is 'zip'."),
    ({'classes': None}, '`TfRecord.classes` should be a whole number of at '
     'least 2, but is None.'),
    ({'label_offset': '1'}, "`TfRecord.label_offset` should be a whole number, "
     "but is '1'."),
    ({'class_names': ['a']}, '`TfRecord.class_names` should be 3 distinct '
     "names, one for each class, but is ['a']."),
    ({'label': ''}, "`TfRecord.label` should name the classes' feature, since "
     '`TfRecord.classes` or `TfRecord.class_names` is given, but is empty.')])
def test_wrong_fields(tmp_path, changes, said):
  with pytest.raises((TypeError, ValueError)) as caught:
    source(tmp_path, **changes)
  assert str(caught.value) == said
