import hashlib
import os
import threading

import numpy as np
import pytest
import tensorflow as tf

from ns.mixture import contents
from ns.mixture import source_manifest

FILES = 3, 5  # Images of each shard.
IMAGES = [f'image {i}'.encode() * (i + 1) for i in range(sum(FILES))]


def manifest(**how):
  rows = [source_manifest.Example(
      shard=shard, row=row, path=f'{shard}-{row}', bytes=10, mtime_ns=7, **how)
          for shard, count in enumerate(FILES) for row in range(count)]
  # What is left out stands among the others.
  rows.insert(4, source_manifest.Example(path='bad', reason='is empty'))
  return source_manifest.Manifest(
      declared={}, class_names=(), rows=source_manifest.rows(rows), files=tuple(
          source_manifest.File(name=f's{i}', path='/data', bytes=50, mtime_ns=7,
                               num_records=count)
          for i, count in enumerate(FILES)))


def images(shard, *rows):
  return [IMAGES[(0, FILES[0])[shard] + row] for row in rows]


def note(known, shard, *rows, of=None):
  return known.note(shard, np.array(rows), of or images(shard, *rows)).tolist()


@pytest.fixture(name='path')
def make_path(tmp_path):
  return tmp_path / 'm.parquet'


def test_what_is_other_than_it_was(path):
  known = contents.Contents(manifest(), path)
  assert note(known, 1, 0, 2, 4) == []
  assert note(known, 1, 2, 3, of=[b'other', IMAGES[6]]) == [0]
  assert note(known, 1, 0, 1, 2, 3, 4) == []
  assert [known.knows(shard, 2) for shard in (0, 1)] == [False, True]
  # An image is told from the same image at another place.
  assert note(known, 1, 3, of=[IMAGES[7]]) == [0]


def test_it_is_kept_when_it_is_saved(path):
  known = contents.Contents(manifest(), path)
  note(known, 1, 1, 3)
  note(known, 0, 0)
  assert not list(path.parent.iterdir())
  known.save(1)
  later = contents.Contents(manifest(), path)
  assert [[later.knows(shard, row) for row in range(count)]
          for shard, count in enumerate(FILES)] == [
              [False] * 3, [False, True, False, True, False]]
  assert note(later, 1, 0, 1, 2, of=[b'x', b'y', b'z']) == [1]


def test_the_file_is_what_is_said_of_it(path):
  known = contents.Contents(manifest(), path)
  note(known, 1, 1, 4)
  known.save(1)
  found = (path.parent / 'm.parquet.contents' / 's1').read_bytes()
  prints = tf.raw_ops.Fingerprint(
      data=images(1, 1, 4), method='farmhash64').numpy()
  zero = bytes(8)
  assert found[16:] == (
      zero + prints[0].tobytes() + zero * 2 + prints[1].tobytes())


def test_nothing_is_written_where_nothing_is_new(path, monkeypatch):
  known = contents.Contents(manifest(), path)
  note(known, 0, 0, 1)
  known.save(0)
  monkeypatch.setattr('ns.core.files.write_whole', None)
  note(known, 0, 1)
  known.save(0)
  known.save(1)


def test_the_digest_of_a_shard_is_there_once_all_of_it_was_read(path):
  first, second = (contents.Contents(manifest(), path) for _ in range(2))
  note(first, 1, 0, 1, 2, 3, 4)
  for rows in (4,), (0, 2):
    note(second, 1, *rows)
    assert second.digest(1) == ''
  note(second, 1, 1, 3)
  prints = tf.raw_ops.Fingerprint(
      data=images(1, *range(5)), method='farmhash64').numpy()
  assert first.digest(1) == second.digest(1) == hashlib.blake2b(
      prints.tobytes(), digest_size=16).hexdigest()
  assert first.digest(0) == ''


def test_two_processes_that_read_parts_of_a_shard(path):
  first, second = (contents.Contents(manifest(), path) for _ in range(2))
  note(first, 1, 0, 1)
  note(second, 1, 3, 4)
  first.save(1)
  second.save(1)
  later = contents.Contents(manifest(), path)
  assert [later.knows(1, row) for row in range(5)] == [
      True, True, False, True, True]


def test_two_processes_that_save_at_once(path, monkeypatch, capsys):
  known, also = contents.Contents(manifest(), path), contents.Contents(
      manifest(), path)
  note(known, 1, 0)
  note(also, 1, 3)
  kind = type(contents.folder(path))
  replace = kind.replace

  def late(aside, target):
    monkeypatch.undo()
    also.save(1)
    return replace(aside, target)

  monkeypatch.setattr(kind, 'replace', late)
  known.save(1)
  assert not capsys.readouterr().out
  later = contents.Contents(manifest(), path)
  assert [later.knows(1, row) for row in range(5)] == [
      True, False, False, False, False]


def test_what_the_manifest_has_is_not_asked_for_again(path):
  prints = contents.of_images(IMAGES)
  made = manifest(content=int(prints[0]))
  known = contents.Contents(made, path)
  assert note(known, 0, 0) == [] and note(known, 0, 1) == [0]
  known.save(0)
  assert not contents.folder(path).exists()
  assert known.digest(1)


@pytest.mark.parametrize('damage', [
    lambda found: found[:-1], lambda found: b'', lambda found: b'x' + found[1:],
    lambda found: found + bytes(8)])
def test_files_of_other_images_say_nothing(path, damage):
  known = contents.Contents(manifest(), path)
  note(known, 0, 0, 1, 2)
  known.save(0)
  file = contents.folder(path) / 's0'
  file.write_bytes(damage(file.read_bytes()))
  later = contents.Contents(manifest(), path)
  assert not later.knows(0, 0)
  note(later, 0, 0)
  later.save(0)
  assert contents.Contents(manifest(), path).knows(0, 0)


def test_forgotten(path):
  contents.forget(path)
  known = contents.Contents(manifest(), path)
  note(known, 0, 0)
  known.save(0)
  contents.forget(path)
  assert not contents.Contents(manifest(), path).knows(0, 0)
  assert not list(path.parent.iterdir())


def test_where_nothing_can_be_written(path, capsys):
  contents.folder(path).write_text('A file, and no folder.')
  known = contents.Contents(manifest(), path)
  for row in 0, 1:
    note(known, 0, row)
    known.save(0)
  said, = capsys.readouterr().out.splitlines()
  assert said.startswith(f'`{path}.contents` cannot be written (')
  assert said.endswith('): whether images have other content than before is '
                       'known within this start only')
  assert note(known, 0, 0, of=[b'other']) == [0]


def test_threads(path):
  known = contents.Contents(manifest(), path)

  def read(row):
    for _ in range(20):
      assert note(known, 1, row) == []
      known.save(1)

  threads = [threading.Thread(target=read, args=[row]) for row in range(5)]
  for each in threads:
    each.start()
  for each in threads:
    each.join()
  assert known.digest(1)
  assert os.listdir(contents.folder(path)) == ['s1']
