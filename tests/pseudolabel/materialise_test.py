import io
import json
import os

import numpy as np
from PIL import Image
from pyarrow import parquet
import pytest
import tensorflow as tf

from ns.core import errors
from ns.core import seeds
from ns.core import termination
from ns.mixture import pseudo_record
from ns.pseudolabel import balance
from ns.pseudolabel import labelling
from ns.pseudolabel import materialise
from ns.pseudolabel import reencode
from ns.pseudolabel import select
from tests.pseudolabel import fakes

SIZES = (30, 0, 20, 25, 15, 40)
TABLE = fakes.distributions(130, 3, seed=4)


@pytest.fixture
def pool():
  return fakes.Pool(SIZES)


@pytest.fixture(scope='module')
def labelled(tmp_path_factory):
  folder = tmp_path_factory.mktemp('labelled')
  labelling.Labelling(batch_size=32).run(
      fakes.teachers(TABLE), fakes.Pool(SIZES), str(folder))
  return str(folder)


def run(labelled, pool, folder, seed=3, num_shards=2, on_progress=None,
        min_confidence=0.5, **arguments):
  return select.Select(
      min_confidence=min_confidence,
      balance=balance.Balance(images_per_class=40),
      materialise=materialise.Materialise(**arguments)).run(
          labelled, pool, str(folder), seeds.Seed(seed), 3,
          num_shards=num_shards, on_progress=on_progress)


def contents(folder):
  return {path.name: path.read_bytes() for path in folder.iterdir()}


def keys(path):
  return [pseudo_record.parse(r, 3)['key'].numpy().decode()
          for r in tf.data.TFRecordDataset(str(path))]


def shard_of(key):
  return int(np.searchsorted(np.cumsum(SIZES), int(key.split('/')[1]),
                             side='right'))


def test_parts_have_every_nth_shard_and_deal_their_images_out(
    labelled, pool, tmp_path):
  counts = run(labelled, pool, tmp_path, images_per_part=40)
  number = -(-counts['used'] // 40)
  assert number == 3 and len(counts['records']) == 6
  assert sorted(os.listdir(tmp_path)) == [
      *(f'pseudo-{i:05}-of-00006.tfrecord' for i in range(6)),
      'selection.parquet']
  used = parquet.read_table(tmp_path / 'selection.parquet')['key'].to_pylist()
  found = []
  with_images = [0, 2, 3, 4, 5]
  for part in range(3):
    files = [keys(tmp_path / f'pseudo-{2 * part + i:05}-of-00006.tfrecord')
             for i in range(2)]
    shards = with_images[part::3]
    expected = [key for shard in shards for key in used
                if shard_of(key) == shard]
    assert files == [expected[0::2], expected[1::2]]
    found.extend(expected)
  assert sorted(found) == sorted(used)


def test_one_part_unless_there_are_many_images(labelled, pool, tmp_path):
  assert run(labelled, pool, tmp_path, num_shards=8)['records'].keys() == {
      path.name for path in tmp_path.glob('pseudo-*')}


def test_no_more_parts_than_shards_with_images(labelled, pool, tmp_path):
  assert run(labelled, pool, tmp_path, images_per_part=1)['records'].keys() == {
      f'pseudo-{i:05}-of-00010.tfrecord' for i in range(10)}


def stopping(monkeypatch, at):
  """Lets the `at`-th record, counted from 1, stop the program."""
  calls = []
  plain = pseudo_record.serialise
  def stops(**kwargs):
    calls.append(kwargs)
    if len(calls) == at:
      raise KeyboardInterrupt
    return plain(**kwargs)
  monkeypatch.setattr(pseudo_record, 'serialise', stops)
  return calls


def test_finished_parts_are_kept(labelled, pool, tmp_path, monkeypatch):
  whole = tmp_path / 'whole'
  counts = run(labelled, pool, whole, images_per_part=40)
  folder = tmp_path / 'stopped'
  with monkeypatch.context() as patched:
    stopping(patched, counts['used'] - 1)
    with pytest.raises(KeyboardInterrupt):
      run(labelled, pool, folder, images_per_part=40)
  assert not (folder / 'selection.parquet').exists()
  first = {name: (folder / name).stat().st_ino for name in os.listdir(folder)
           if name.startswith('pseudo')}
  assert len(first) == 4  # Two parts of two files.
  seen = []
  with monkeypatch.context() as patched:
    calls = stopping(patched, None)
    assert run(labelled, pool, folder, images_per_part=40,
               on_progress=lambda *done: seen.append(done)) == counts
  assert 0 < len(calls) < counts['used'] / 2
  assert seen == [(counts['used'], counts['used'])]
  assert all((folder / name).stat().st_ino == inode
             for name, inode in first.items())
  assert contents(folder) == contents(whole)


@pytest.mark.parametrize('change', [
    {'seed': 4}, {'min_confidence': 0.45}, {'num_shards': 3},
    {'images_per_part': 30}, {'reencode': reencode.Reencode(format='png')}])
def test_parts_of_another_selection_are_not(labelled, pool, tmp_path, change,
                                            monkeypatch):
  whole, folder = tmp_path / 'whole', tmp_path / 'stopped'
  change = {'images_per_part': 40, **change}
  counts = run(labelled, pool, whole, **change)
  with monkeypatch.context() as patched:
    stopping(patched, 60)
    with pytest.raises(KeyboardInterrupt):
      run(labelled, pool, folder, images_per_part=40)
  with monkeypatch.context() as patched:
    calls = stopping(patched, None)
    run(labelled, pool, folder, **change)
  assert len(calls) == counts['used']
  assert contents(folder) == contents(whole)


@pytest.mark.parametrize('damage', ['cut', 'removed', 'mark'])
def test_a_part_that_changed_is_written_again(labelled, pool, tmp_path, damage,
                                              monkeypatch):
  whole, folder = tmp_path / 'whole', tmp_path / 'stopped'
  counts = run(labelled, pool, whole, images_per_part=40)
  with monkeypatch.context() as patched:
    stopping(patched, counts['used'])
    with pytest.raises(KeyboardInterrupt):
      run(labelled, pool, folder, images_per_part=40)
  path = folder / 'pseudo-00000-of-00006.tfrecord'
  if damage == 'cut':
    path.write_bytes(path.read_bytes()[:-1])
  elif damage == 'removed':
    path.unlink()
  else:
    (folder / 'scratch' / 'part-00000-of-00003.json').write_text('{')
  run(labelled, pool, folder, images_per_part=40)
  assert contents(folder) == contents(whole)


def test_progress_by_part(labelled, pool, tmp_path):
  seen = []
  counts = run(labelled, pool, tmp_path, images_per_part=40,
               on_progress=lambda done, total: seen.append((done, total)))
  assert len(seen) == 3 and seen == sorted(seen)
  assert seen[-1] == (counts['used'], counts['used'])


def test_asked_to_end_it_does_and_keeps_what_is_finished(
    labelled, pool, tmp_path):
  """After the first part; asked before, it decides on nothing."""
  run(labelled, pool, tmp_path / 'whole', images_per_part=40)
  ended, done = tmp_path / 'ended', []

  def request(images, total):
    done.append(images)
    termination.request()

  for _ in range(2):
    with termination.heard():
      with pytest.raises(errors.Terminated):
        run(labelled, pool, ended, images_per_part=40, on_progress=request)
  # One part each: the second start had the first one's already.
  assert len(done) == 2 and done[0] < done[1]
  with termination.heard():
    termination.request()
    with pytest.raises(errors.Terminated):
      run(labelled, pool, tmp_path / 'not', on_progress=request)
  assert len(done) == 2
  run(labelled, pool, ended, images_per_part=40)
  assert contents(ended) == contents(tmp_path / 'whole')


def test_several_processes_write_the_same(labelled, pool, tmp_path):
  run(labelled, pool, tmp_path / 'one', images_per_part=40)
  run(labelled, pool, tmp_path / 'two', images_per_part=40, workers=2)
  assert contents(tmp_path / 'two') == contents(tmp_path / 'one')


def test_images_encoded_anew(tmp_path):
  pool = fakes.Pool(SIZES, channels=3)
  labelling.Labelling(batch_size=32).run(
      fakes.teachers(TABLE), pool, str(tmp_path / 'labelled'))
  run(str(tmp_path / 'labelled'), pool, tmp_path, reencode=reencode.Reencode(
      quality=80, size=2))
  for path in pseudo_record.paths(tmp_path):
    for record in tf.data.TFRecordDataset(str(path)):
      parsed = pseudo_record.parse(record, 3)
      image = Image.open(io.BytesIO(parsed['image'].numpy()))
      number = int(parsed['key'].numpy().decode().split('/')[1])
      # 4 x 3 pixels, of one value.
      assert (image.format, image.size) == ('JPEG', (2, 3))
      assert np.abs(np.asarray(image).astype(int) - number).max() <= 2


def test_marks_say_what_a_part_is(labelled, pool, tmp_path, monkeypatch):
  stopping(monkeypatch, 80)
  with pytest.raises(KeyboardInterrupt):
    run(labelled, pool, tmp_path, images_per_part=40)
  mark = json.loads(
      (tmp_path / 'scratch' / 'part-00000-of-00003.json').read_text())
  assert mark['files'] == {
      f'pseudo-0000{i}-of-00006.tfrecord':
          (tmp_path / f'pseudo-0000{i}-of-00006.tfrecord').stat().st_size
      for i in range(2)}


@pytest.mark.parametrize('arguments, error, sentence', [
    ({'images_per_part': 0}, ValueError,
     '`Materialise.images_per_part` should be a whole number of at least 1, '
     'but is 0.'),
    ({'workers': 0}, ValueError,
     '`Materialise.workers` should be a whole number of at least 1, but is 0.'),
    ({'reencode': 'jpeg'}, TypeError,
     '`Materialise.reencode` should be an object with `apply()`, but is '
     "'jpeg'.")])
def test_constructor_errors(arguments, error, sentence):
  with pytest.raises(error) as caught:
    materialise.Materialise(**arguments)
  assert str(caught.value) == sentence
