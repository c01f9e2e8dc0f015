import os

import pytest
import tensorflow as tf

from ns.mixture import pseudo_record
from ns.pseudolabel import record_files


def read(path):
  return [r.numpy() for r in tf.data.TFRecordDataset(str(path))]


def test_records_go_to_the_files_in_turn(tmp_path):
  with record_files.writing([pseudo_record.path(tmp_path / 'new', i, 3)
                             for i in range(3)]) as write:
    for number in range(8):
      assert write(b'%d' % number) == number % 3
    assert pseudo_record.paths(tmp_path / 'new') == []
  paths = pseudo_record.paths(tmp_path / 'new')
  assert [path.name for path in paths] == [
      f'pseudo-0000{i}-of-00003.tfrecord' for i in range(3)]
  assert [read(path) for path in paths] == [
      [b'0', b'3', b'6'], [b'1', b'4', b'7'], [b'2', b'5']]


def test_nothing_is_left_when_the_block_fails(tmp_path):
  with pytest.raises(KeyboardInterrupt):
    with record_files.writing([tmp_path / 'a', tmp_path / 'b']) as write:
      write(b'a')
      raise KeyboardInterrupt
  assert os.listdir(tmp_path) == []


def test_other_files_are_not_among_the_paths(tmp_path):
  for name in ('pseudo-00000-of-00001.tfrecord.aside', 'x.tfrecord',
               '.pseudo-00000-of-00001.tfrecord.aside'):
    (tmp_path / name).write_text('')
  assert pseudo_record.paths(tmp_path) == []
  assert pseudo_record.paths(tmp_path / 'absent') == []
