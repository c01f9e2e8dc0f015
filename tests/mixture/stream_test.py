import itertools

import numpy as np
import pytest
import tensorflow as tf

from ns.core import seeds
from ns.mixture import lane
from ns.mixture import stream

SEED = seeds.Seed(11)
SPEC = {'x': tf.TensorSpec((), tf.int64), 'key': tf.TensorSpec((), tf.string)}


def block(start, stop):
  numbers = np.arange(start, stop)
  keys = np.array([b'%d' % number for number in numbers], object)
  return lane.Block(name='block', num_examples=stop - start,
                    read=lambda: {'x': numbers, 'key': keys})


# Three lanes of two, one and three blocks.
LANES = [[block(0, 4), block(4, 9)], [block(100, 109)],
         [block(200, 203), block(203, 205), block(205, 209)]]


def take(steps, *, per_lane=2, first_step=0, seed=SEED, lanes=LANES):
  """The examples of each step as (value, seed)."""
  examples = stream.dataset(lanes, SPEC, seed, per_lane=per_lane,
                            first_step=first_step)
  flat = [(int(e['x']), int(e['seed'])) for e in itertools.islice(
      examples.as_numpy_iterator(), steps * per_lane * len(lanes))]
  size = per_lane * len(lanes)
  return [flat[size * step:size * step + size] for step in range(steps)]


def test_every_lane_gives_its_part_in_order():
  for step in take(20):
    assert [value // 100 for value, _ in step] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize('per_lane', [1, 2, 5, 20])
def test_a_lane_is_that_of_its_seed(per_lane):
  for number in range(3):
    found = [v for step in take(36, per_lane=per_lane) for v, _ in step
             if v // 100 == number][:36]
    blocks = lane.Lane(LANES[number], SEED.child('lane', number),
                       per_lane).examples(0)
    expected = itertools.chain.from_iterable(b['x'].tolist() for b in blocks)
    assert found == list(itertools.islice(expected, 36))


@pytest.mark.parametrize('per_lane', [1, 2, 7])
@pytest.mark.parametrize('first_step', [1, 4, 5, 1000])
def test_starting_later_is_passing_over(first_step, per_lane):
  whole = take(first_step + 6, per_lane=per_lane)
  assert take(6, per_lane=per_lane, first_step=first_step) == whole[first_step:]


def test_a_start_at_a_billion_is_quick():
  assert len(take(3, first_step=10**9)) == 3


def test_no_two_examples_have_the_same_seed():
  drawn = [seed for step in take(60) for _, seed in step]
  assert len(set(drawn)) == len(drawn) == 60 * 6


def test_a_record_keeps_its_other_features():
  examples = stream.dataset(LANES, SPEC, SEED, per_lane=1)
  assert examples.element_spec == {
      **SPEC, 'seed': tf.TensorSpec((), tf.int64)}
  for example in examples.take(30).as_numpy_iterator():
    assert example['key'] == b'%d' % example['x']


def test_a_stream_is_let_go_in_the_middle():
  """Iterators that nobody reads to an end leave no thread behind."""
  import gc
  import threading
  before = threading.active_count()
  for _ in range(5):
    iterator = iter(stream.dataset(LANES, SPEC, SEED, per_lane=2))
    next(iterator)
    del iterator
  gc.collect()
  assert threading.active_count() <= before + 3
