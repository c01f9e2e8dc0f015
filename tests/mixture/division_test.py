import numpy as np
import pytest

from ns import mixture
from ns.mixture import division
from ns.mixture import sources
from tests.support import data_sets


@pytest.mark.parametrize('most, parts, lanes', [
    (8, (32, 224), 8), (8, (100,), 5), (8, (7, 21), 7), (8, (1, 3), 1),
    (3, (32,), 2), (8, (12, 18), 6), (1, (64,), 1)])
def test_lanes_divide_every_part_of_a_batch(most, parts, lanes):
  assert division.number_of_lanes(most, *parts) == lanes


def subset(folder, count=50):
  return mixture.Subset(name='some', source=data_sets.idx(folder, count=60),
                        indices=np.arange(count), is_labelled=True)


def keys(block):
  return [key.decode() for key in block.read()['key']]


@pytest.mark.parametrize('shard_size, lanes, block_examples', [
    (100, 1, 1000), (100, 3, 4), (7, 3, 1000), (7, 8, 4), (100, 8, 1000)])
def test_every_example_is_in_one_block(
    tmp_path, monkeypatch, lanes, block_examples, shard_size):
  monkeypatch.setattr(sources, '_MAX_SHARD', shard_size)
  source = subset(tmp_path)
  divided = division.of_source(source, lanes, block_examples)
  assert len(divided) == lanes
  found = []
  for blocks in divided:
    for block in blocks:
      assert len(keys(block)) == block.num_examples <= max(block_examples, 7)
      found += keys(block)
  assert sorted(found) == source.keys()
  sizes = [sum(block.num_examples for block in blocks) for blocks in divided]
  # By shards where there are enough, else by rows.
  assert max(sizes) - min(sizes) <= (7 if shard_size == 7 and lanes <= 8 else 1)


def test_a_lane_of_few_shards_has_every_nth_row(tmp_path):
  blocks = division.of_source(subset(tmp_path), 4, 1000)[1]
  assert keys(blocks[0]) == [f'made_up/{i:02}' for i in range(1, 50, 4)]


def test_files_go_to_lanes_in_turn_and_into_blocks():
  files = [(f'f{number}', size) for number, size in enumerate([4, 9, 5, 9, 3])]
  read = lambda path: {'path': np.array([path])}
  lanes = division.of_files(files, 2, 9, read)
  assert [[(b.name, b.num_examples) for b in lane] for lane in lanes] == [
      [('f0 to f2', 9), ('f4', 3)], [('f1', 9), ('f3', 9)]]
  assert lanes[0][0].read()['path'].tolist() == ['f0', 'f2']


def test_a_file_larger_than_a_block_is_one():
  lanes = division.of_files([('a', 50), ('b', 2)], 1, 10, lambda path: {})
  assert [b.num_examples for b in lanes[0]] == [50, 2]
