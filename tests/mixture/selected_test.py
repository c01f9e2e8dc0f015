import types

import numpy as np
import pytest

from ns.core import errors
from ns.images import encode
from ns.mixture import selected
from tests.support import pseudo_files

IMAGES = np.random.default_rng(0).integers(
    0, 256, (7, 5, 4, 3), np.uint8)
COPIES = [3, 1, 2, 1, 1, 4, 1]
# Of each file in turn: 0, 3, 6; 1, 4; 2, 5.
ORDER = [0, 3, 6, 1, 4, 2, 5]


@pytest.fixture(name='files')
def make_files(tmp_path):
  written = pseudo_files.write(tmp_path, IMAGES, np.eye(4)[[0] * 7], COPIES, 3)
  return {path: count for (path, _), count in zip(written, (3, 2, 2))}


def source(files, **told):
  pool = types.SimpleNamespace(
      classes=4, class_names=tuple('abcd'), read=lambda: None,
      keys=lambda: [f'pool/{number}' for number in range(9)],
      hidden_labels=lambda: told.get('hidden'),
      foreign=lambda: told.get('foreign'))
  return selected.Selected(name='again', files=files, contents='d9', pool=pool)


def read(records):
  return [(record['key'].decode(), record['image'])
          for record in records.as_numpy_iterator()]


def expected(order):
  return [(f'pool/{number}', encode.png(IMAGES[number])) for number in order]


def test_images_of_all_files_in_order(files):
  found = source(files)
  assert found.num_examples == 7 and found.digest() == 'd9'
  assert read(found.records()) == expected(ORDER)
  assert [(s.name, s.first, s.num_examples) for s in found.shards] == [
      ('pseudo-00000-of-00003', 0, 3), ('pseudo-00001-of-00003', 3, 2),
      ('pseudo-00002-of-00003', 5, 2)]
  assert [read(found.records(shard)) for shard in found.shards] == [
      expected(ORDER[:3]), expected(ORDER[3:5]), expected(ORDER[5:])]
  assert (found.classes, found.class_names) == (4, tuple('abcd'))
  assert set(found.records().element_spec) == {'key', 'image'}


@pytest.mark.parametrize('rows', [[0], [1, 2, 4], [0, 1, 2, 6], [3, 4]])
def test_some_of_the_images(files, rows):
  assert read(source(files).at(np.array(rows))) == expected(
      [ORDER[row] for row in rows])


def test_none_of_the_images(files):
  none = source(files).columns(np.arange(0))
  assert {name: len(values) for name, values in none.items()} == {
      'key': 0, 'image': 0}


def test_keys_and_copies(files):
  found = source(files)
  assert found.keys() == [f'pool/{number}' for number in ORDER]
  assert found.keys(np.array([2, 5])) == ['pool/6', 'pool/2']
  assert np.concatenate([found.copies(shard) for shard in found.shards]
                        ).tolist() == [COPIES[number] for number in ORDER]


def test_what_is_known_of_the_pool(files):
  hidden = np.arange(9) % 4
  found = source(files, hidden=hidden, foreign=hidden == 2)
  assert found.hidden_labels().tolist() == hidden[ORDER].tolist()
  assert found.foreign().tolist() == (hidden[ORDER] == 2).tolist()
  assert source(files).hidden_labels() is None
  assert source(files).foreign() is None


def test_files_that_are_not_what_they_were(files):
  path, *others = files
  wrong = {path: 4, **{other: files[other] for other in others}}
  with pytest.raises(errors.RunError) as caught:
    source(wrong).copies(source(wrong).shards[0])
  assert str(caught.value) == (
      f'`{path}` should have 4 images, but has 3; make the stage that wrote it '
      'again.')
  with open(path, 'r+b') as file:
    file.seek(30)
    file.write(b'damage')
  with pytest.raises(errors.RunError) as caught:
    source(files).keys()
  assert str(caught.value) == (
      f'`{path}` is damaged after record 0 (corrupted record at 12); make the '
      'stage that wrote it again.')
