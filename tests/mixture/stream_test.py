import itertools

import numpy as np
import pytest
import tensorflow as tf

from ns.core import seeds
from ns.mixture import stream

SEED = seeds.Seed(11)


def take(count, *, size=7, buffer_size=100, seed=SEED, start=0):
  """The first examples as (value, seed)."""
  records = tf.data.Dataset.from_tensor_slices({'x': np.arange(size)})
  examples = stream.endless(records, size, buffer_size, seed, start)
  return [(int(e['x']), int(e['seed']))
          for e in itertools.islice(examples, count)]


def member(seed: int, index: int) -> int:
  """Output `index` of SplitMix64, as int64; see `ns.core.draws`."""
  mask = 2**64 - 1
  state = (seed + (index + 1) * 0x9E3779B97F4A7C15) & mask
  state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
  state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
  state ^= state >> 31
  return state - 2**64 if state >= 2**63 else state


@pytest.mark.parametrize('buffer_size', [1, 3, 7, 100])
def test_every_epoch_is_a_permutation(buffer_size):
  values = [value for value, _ in take(28, buffer_size=buffer_size)]
  for epoch in range(4):
    assert sorted(values[7 * epoch:7 * epoch + 7]) == list(range(7))


@pytest.mark.parametrize('buffer_size', [3, 7])
def test_every_epoch_has_an_order_of_its_own(buffer_size):
  values = [value for value, _ in take(70, buffer_size=buffer_size)]
  epochs = {tuple(values[7 * e:7 * e + 7]) for e in range(10)}
  assert len(epochs) > 5


@pytest.mark.parametrize('start', [1, 6, 7, 8, 13, 14, 20, 700])
@pytest.mark.parametrize('buffer_size', [3, 100])
def test_starting_anywhere_is_passing_over(start, buffer_size):
  whole = take(start + 16, buffer_size=buffer_size)
  assert take(16, start=start, buffer_size=buffer_size) == whole[start:]


def test_a_start_at_a_billion_is_quick():
  assert len(take(3, start=10**9)) == 3


def test_the_same_seed_gives_the_same_stream_and_another_another():
  assert take(20) == take(20)
  other = take(20, seed=seeds.Seed(12))
  assert [v for v, _ in other] != [v for v, _ in take(20)]
  assert not {s for _, s in other} & {s for _, s in take(20)}


def test_example_i_of_epoch_e_has_a_seed_of_e_and_i():
  expected = [member(member(11, epoch), index)
              for epoch in range(3) for index in range(7)]
  assert [s for _, s in take(21)] == expected
  assert len(set(expected)) == 21


def test_seeds_stay_with_the_place_not_with_the_image():
  assert [s for _, s in take(14)] == [s for _, s in take(14, buffer_size=1)]


def test_an_image_has_another_seed_in_every_epoch():
  by_value = {}
  for value, seed in take(70):
    by_value.setdefault(value, []).append(seed)
  assert all(len(set(found)) == 10 for found in by_value.values())


def test_a_record_keeps_its_other_features():
  records = tf.data.Dataset.from_tensor_slices(
      {'x': np.arange(4), 'twice': 2 * np.arange(4)})
  for example in stream.endless(records, 4, 4, SEED).take(8):
    assert example['twice'] == 2 * example['x']
    assert example['seed'].dtype == tf.int64


def test_a_buffer_of_all_shuffles_evenly():
  """Each of 4 images comes first in about a quarter of the epochs."""
  values = [value for value, _ in take(4 * 400, size=4)]
  firsts = np.bincount(values[::4], minlength=4)
  assert (abs(firsts - 100) < 5 * (400 * 0.25 * 0.75)**0.5).all()
