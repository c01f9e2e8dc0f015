import gzip
import hashlib
import pathlib

import numpy as np
import pytest

from ns import mixture
from ns.core import errors
from tests.support import idx_files

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (12, 3, 2), np.uint8)
COLOUR = RANDOM.integers(0, 256, (12, 3, 2, 3), np.uint8)
LABELS = np.array([0, 2, 1, 1, 0, 2, 2, 0, 1, 1, 0, 2], np.uint8)


def source(folder, pixels=PIXELS, labels=LABELS, *, name='made', classes=3,
           gzipped=False):
  end = '.gz' if gzipped else ''
  return mixture.Idx(
      name=name, classes=classes,
      images=idx_files.write(folder / f'images{end}', pixels, gzipped),
      labels=idx_files.write(folder / f'labels{end}', labels, gzipped))


def error(call):
  with pytest.raises(errors.RunError) as caught:
    call()
  return str(caught.value)


def test_the_helper_writes_the_format():
  assert idx_files.encode(np.array([[1, 2, 3]], np.uint8)) == (
      bytes.fromhex('00000802' '00000001' '00000003' '010203'))


def test_dimensions_are_not_negative(tmp_path):
  path = tmp_path / 'images'
  path.write_bytes(b'\0\0\x08\x03' + b'\xff' * 4 + b'\0\0\0\x01' * 2)
  idx = mixture.Idx(name='made', images=str(path), labels='none', classes=3)
  assert idx.num_examples == 2**32 - 1 and idx.image_shape == (1, 1, 1)
  assert error(lambda: idx.pixels).endswith('it may be cut short.')


@pytest.mark.parametrize('gzipped', [False, True])
@pytest.mark.parametrize('pixels', [PIXELS, COLOUR])
def test_pixels_and_class_ids_are_those_of_the_files(
    tmp_path, pixels, gzipped):
  idx = source(tmp_path, pixels, gzipped=gzipped)
  assert (pathlib.Path(idx.images).read_bytes()[:2] == b'\x1f\x8b') == gzipped
  assert idx.pixels.dtype == np.uint8 and idx.pixels.ndim == 4
  np.testing.assert_array_equal(idx.pixels.reshape(pixels.shape), pixels)
  assert idx.class_ids.dtype == np.int64
  np.testing.assert_array_equal(idx.class_ids, LABELS)
  assert idx.num_examples == 12
  assert idx.image_shape == (*pixels.shape[1:], 1)[:3]


@pytest.mark.parametrize('gzipped', [False, True])
def test_counting_reads_the_header_alone(tmp_path, gzipped):
  content = idx_files.encode(PIXELS)[:16]
  path = tmp_path / 'images'
  path.write_bytes(gzip.compress(content) if gzipped else content)
  idx = mixture.Idx(name='made', images=str(path), labels='none', classes=3)
  assert idx.image_shape == (3, 2, 1) and idx.num_examples == 12


def test_a_path_is_relative_to_where_the_user_is(tmp_path, monkeypatch):
  source(tmp_path)
  monkeypatch.setenv('BUILD_WORKING_DIRECTORY', str(tmp_path))
  idx = mixture.Idx(name='made', images='images', labels='labels', classes=3)
  np.testing.assert_array_equal(idx.class_ids, LABELS)


def test_a_path_may_be_in_a_repository(tmp_path, monkeypatch):
  source(tmp_path)
  monkeypatch.setenv('NS_MADE_UP_DIR', str(tmp_path))
  idx = mixture.Idx(name='made', images='@made_up/images',
                    labels='@made_up/labels', classes=3)
  np.testing.assert_array_equal(idx.class_ids, LABELS)


def test_keys_are_of_one_width(tmp_path):
  idx = source(tmp_path)
  assert idx.keys(np.array([0, 9, 11])) == ['made/00', 'made/09', 'made/11']


def test_the_digest_is_of_contents_classes_and_name(tmp_path):
  idx = source(tmp_path)
  checksum = lambda path: hashlib.sha256(
      pathlib.Path(path).read_bytes()).hexdigest()
  text = checksum(idx.images) + checksum(idx.labels) + '3' + 'made'
  assert idx.digest() == hashlib.sha256(text.encode()).hexdigest()
  assert idx.canonical() == {'source': 'made', 'digest': idx.digest()}


def test_the_digest_changes_with_a_byte_and_not_with_the_place(tmp_path):
  first = source(tmp_path / 'a').digest()
  assert source(tmp_path / 'b').digest() == first
  pixels, labels = PIXELS.copy(), LABELS.copy()
  pixels[11, 2, 1] ^= 1
  labels[11] = 0
  others = [source(tmp_path / 'c', pixels).digest(),
            source(tmp_path / 'd', labels=labels).digest(),
            source(tmp_path / 'e', classes=4).digest(),
            source(tmp_path / 'f', name='else').digest()]
  assert len({first, *others}) == 5


def test_the_digest_is_of_the_files_as_they_are_now(tmp_path):
  first = source(tmp_path).digest()
  assert source(tmp_path, PIXELS[::-1]).digest() != first


def test_a_missing_file(tmp_path):
  idx = source(tmp_path)
  pathlib.Path(idx.labels).unlink()
  assert error(lambda: idx.class_ids) == (
      f'`Idx.labels` names `{idx.labels}`, which does not exist.')


@pytest.mark.parametrize('content, begins', [
    (b'PNG not idx', '504e4720'),
    (idx_files.encode(PIXELS, kind=9), '00000903'),
    (idx_files.encode(LABELS), '00000801')])
def test_a_file_of_another_kind(tmp_path, content, begins):
  path = tmp_path / 'images'
  path.write_bytes(content)
  idx = mixture.Idx(name='made', images=str(path), labels='none', classes=3)
  expected = (f'`{path}` should be an IDX file of uint8 with rank 3 or 4, but '
              f'begins with {begins}.')
  assert error(lambda: idx.pixels) == expected
  assert error(lambda: idx.image_shape) == expected


@pytest.mark.parametrize('gzipped', [False, True])
def test_a_file_that_is_cut_short(tmp_path, gzipped):
  idx = source(tmp_path, PIXELS[:10], gzipped=gzipped)
  idx_files.write(idx.images, PIXELS[:10], gzipped, dimensions=(12, 3, 2))
  assert error(lambda: idx.pixels) == (
      f'`{idx.images}` should have 72 values, as its header says (12, 3, 2), '
      'but has 60; it may be cut short.')


@pytest.mark.parametrize('length', [4, 6, 8, 15])
def test_a_file_that_ends_within_its_header(tmp_path, length):
  idx = source(tmp_path)
  pathlib.Path(idx.images).write_bytes(idx_files.encode(PIXELS)[:length])
  expected = (f'`{idx.images}` cannot be read: it ends within its header.')
  assert error(lambda: idx.pixels) == expected
  assert error(lambda: idx.num_examples) == expected


def test_a_gzipped_file_that_is_cut_short(tmp_path):
  idx = source(tmp_path, gzipped=True)
  path = pathlib.Path(idx.images)
  path.write_bytes(path.read_bytes()[:-9])
  assert error(lambda: idx.pixels) == (
      f'`{path}` cannot be read: Compressed file ended before the '
      'end-of-stream marker was reached.')


def test_a_gzipped_file_that_is_broken_inside(tmp_path):
  idx = source(tmp_path, gzipped=True)
  path = pathlib.Path(idx.images)
  content = bytearray(path.read_bytes())
  content[10:14] = b'\xff\xff\xff\xff'  # The first block's head.
  path.write_bytes(content)
  assert error(lambda: idx.pixels).startswith(
      f'`{path}` cannot be read: Error -3 while decompressing data: ')


def test_a_folder_in_place_of_a_file(tmp_path):
  idx = mixture.Idx(name='made', images=str(tmp_path), labels='none', classes=3)
  assert error(lambda: idx.pixels).startswith(
      f'`{tmp_path}` cannot be read: [Errno 21] Is a directory')


def test_a_class_id_that_is_too_large(tmp_path):
  idx = source(tmp_path, classes=2)
  assert error(lambda: idx.class_ids) == (
      f'`{idx.labels}` should have class ids below `Idx.classes` = 2, but '
      'example 1 has 2.')


@pytest.mark.parametrize('count', [11, 0])
def test_another_number_of_labels_than_images(tmp_path, count):
  idx = source(tmp_path, labels=LABELS[:count])
  assert error(lambda: idx.class_ids) == (
      f'`{idx.labels}` should have a label for each of the 12 images in '
      f'`{idx.images}`, but has {count}.')


@pytest.mark.parametrize('field, value, said', [
    ('name', 3, '`Idx.name` should be a value of type str, but is 3.'),
    ('images', None, '`Idx.images` should be a value of type str, but is '
     'None.'),
    ('labels', 3, '`Idx.labels` should be a value of type str, but is 3.'),
    ('classes', 1, '`Idx.classes` should be a whole number of at least 2, but '
     'is 1.')])
def test_wrong_arguments(field, value, said):
  arguments = dict(name='made', images='i', labels='l', classes=3)
  with pytest.raises((TypeError, ValueError)) as caught:
    mixture.Idx(**{**arguments, field: value})
  assert str(caught.value) == said


@pytest.mark.parametrize('names', [['a', 'b'], ['a', 'b', 'a']])
def test_class_names_should_be_distinct_and_one_a_class(names):
  with pytest.raises(ValueError) as caught:
    mixture.Idx(name='x', images='i', labels='l', classes=3, class_names=names)
  assert str(caught.value) == (
      '`Idx.class_names` should be 3 distinct names, one for each class, but '
      f'is {names}.')


def test_classes_are_called_by_their_numbers_unless_named():
  make = lambda **how: mixture.Idx(name='x', images='i', labels='l', classes=3,
                                   **how)
  assert make().class_names == ('0', '1', '2')
  assert make(class_names=['a', 'b', 'c']).class_names == ('a', 'b', 'c')
