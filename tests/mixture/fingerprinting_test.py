"""Images in batches, and what is known of them."""

import hashlib

import numpy as np
import pytest

from ns import mixture
from ns.core import errors
from ns.mixture import fingerprinting
from tests.support import data_sets
from tests.support import photos
from tests.support import planted
from tests.support import source_contract
from tests.support import tf_records

cache = source_contract.make_cache


def read(source):
  """First index and number of each batch, all keys and images."""
  found = [batch for shard in source.shards
           for batch in fingerprinting.batches(source, shard)]
  return ([(batch.first, len(batch.keys)) for batch in found],
          [key.decode() for batch in found for key in batch.keys],
          [image for batch in found for image in batch.images])


@pytest.fixture(name='files')
def make_files(tmp_path):
  """A source of two files of records, and their images."""
  images = [planted.jpeg(planted.photograph(i, (30, 40))) for i in range(7)]
  for number, part in enumerate((images[:5], images[5:])):
    tf_records.write(tmp_path / f'r{number}', [
        tf_records.example(**{'image/encoded': image}) for image in part])
  return mixture.TfRecord(
      name='made', files=f'{tmp_path}/r*', label=''), images


def test_files_of_records_are_read_in_their_order(files, monkeypatch):
  monkeypatch.setattr(fingerprinting, '_ENCODED_AT_ONCE', 2)
  source, images = files
  batches, keys, found = read(source)
  assert batches == [(0, 2), (2, 2), (4, 1), (5, 2)]
  assert keys == source.keys() and found == images


def test_image_files_and_pixels_are_read_at_once(tmp_path, monkeypatch):
  monkeypatch.setattr(fingerprinting, '_ENCODED_AT_ONCE', 4)
  written = photos.folder(tmp_path / 'images')
  source = mixture.Folder(name='made', path=str(tmp_path / 'images'))
  batches, keys, found = read(source)
  assert batches == [(0, 4), (4, 4), (8, 4), (12, 3)]
  assert list(zip(keys, found)) == [
      row[:2] for row in photos.in_order(written)]
  pixels = data_sets.idx(tmp_path, count=9)
  monkeypatch.setattr(fingerprinting, '_BYTES_AT_ONCE', 8 * 8 * 6)
  batches, keys, found = read(pixels)
  assert batches == [(0, 6), (6, 3)] and keys == pixels.keys()
  np.testing.assert_array_equal(np.stack(found), pixels.pixels)


def test_a_file_that_changed_is_said(files, tmp_path):
  source, _ = files
  source.read()
  whole = (tmp_path / 'r0').read_bytes()
  (tmp_path / 'r0').write_bytes(whole[:len(whole) // 2])
  with pytest.raises(errors.RunError, match='is not where it was when `made` '
                     'was looked through'):
    read(source)


def test_a_shard_of_another_number_is_said(files, monkeypatch):
  source, _ = files
  monkeypatch.setattr(fingerprinting, '_in_order', lambda *given: [])
  with pytest.raises(errors.RunError) as caught:
    read(source)
  assert str(caught.value) == (
      'Shard `r0` of `made` should have 5 examples, but has 0; it changed '
      'since it was counted.')


def test_what_is_known_of_images():
  good = planted.photograph(0, (40, 50))
  white = planted.encoded(planted.Image.new('RGB', (30, 20), (255,) * 3))
  encoded = np.array([planted.encoded(good), white, b'none', planted.encoded(
      planted.mirrored(good))], object)
  found = fingerprinting.see(encoded)
  assert found.are_good.tolist() == [True, True, False, True]
  assert found.contents == [
      hashlib.sha256(image).digest()[:16] for image in encoded]
  whole = np.full([20, 30, 3], 255, np.uint8)
  assert found.flat == {1: hashlib.sha256(
      b'(20, 30, 3)' + whole.tobytes()).digest()[:16]}
  assert found.prints[[0]].mirrored.differences(found.prints[[3]])[0] < 1e-3


@pytest.mark.parametrize('channels', [1, 3])
def test_pixels_are_known_as_their_files_are(channels):
  pictures = [planted.photograph(i, (30, 40)).convert(
      'L' if channels == 1 else 'RGB') for i in range(3)]
  pixels = np.stack([np.asarray(p) for p in pictures]).reshape(
      3, 30, 40, channels)
  found = fingerprinting.see(pixels)
  other = fingerprinting.see(np.array(
      [planted.encoded(p) for p in pictures], object))
  assert found.contents == [
      fingerprinting.pixel_digest(planted.encoded(p)) for p in pictures]
  assert found.prints.differences(other.prints).max() < 5e-3
  assert found.are_good.all() and not found.flat


def test_several_batches_are_joined():
  white = np.full([2, 9, 9, 1], 255, np.uint8)
  white[1] = 254
  first, second = (fingerprinting.see(white[part])
                   for part in ([0], [0, 1]))
  found = fingerprinting.joined([first, second])
  assert found.contents == first.contents + second.contents
  assert found.flat == {0: first.flat[0], 1: second.flat[0],
                        2: second.flat[1]}
  assert len(found.prints) == len(found.are_good) == 3
  assert len(fingerprinting.joined([]).prints) == 0
