import collections
import dataclasses
import itertools

import numpy as np
import pytest

from ns.core import errors
from ns.core import seeds
from ns.mixture import lane

SEED = seeds.Seed(11)


def block(values, copies=None, reads=None, name='file', examples=None):
  values = np.asarray(values)

  def read():
    if reads is not None:
      reads.append(name)
    return {'x': values, 'twice': 2 * values,
            **({} if copies is None else {'copies': np.asarray(copies)})}
  count = len(values) if copies is None else sum(copies)
  return lane.Block(name=name, num_examples=examples or count, read=read)


def blocks(sizes, **how):
  """Blocks of the numbers from 0 on."""
  starts = np.cumsum([0, *sizes])
  return [block(np.arange(start, start + size), name=f'block{number}', **how)
          for number, (start, size) in enumerate(zip(starts, sizes))]


def take(count, parts, seed=SEED, start=0, per_step=1):
  """The first examples as (value, seed)."""
  found = []
  for columns in lane.Lane(parts, seed, per_step).examples(start):
    assert (columns['twice'] == 2 * columns['x']).all()
    assert columns['seed'].dtype == np.int64
    found += zip(columns['x'].tolist(), columns['seed'].tolist())
    if len(found) >= count:
      return found[:count]


def values(*args, **how):
  return [value for value, _ in take(*args, **how)]


SIZES = [[7], [3, 4], [2, 1, 4], [1] * 7]


@pytest.mark.parametrize('sizes', SIZES)
def test_every_epoch_is_a_permutation(sizes):
  found = values(28, blocks(sizes))
  for epoch in range(4):
    assert sorted(found[7 * epoch:7 * epoch + 7]) == list(range(7))


@pytest.mark.parametrize('sizes', SIZES)
def test_every_epoch_has_an_order_of_its_own(sizes):
  found = values(70, blocks(sizes))
  assert len({tuple(found[7 * e:7 * e + 7]) for e in range(10)}) > 5


@pytest.mark.parametrize('sizes', SIZES)
@pytest.mark.parametrize('start', [1, 3, 6, 7, 8, 13, 14, 20, 700])
def test_starting_anywhere_is_passing_over(start, sizes):
  whole = take(start + 16, blocks(sizes))
  assert take(16, blocks(sizes), start=start) == whole[start:]


def test_a_start_reads_one_block():
  reads = []
  parts = blocks([5, 5, 5], reads=reads)
  next(lane.Lane(parts, SEED).examples(10**9 + 7))
  assert len(reads) == 1


def test_one_block_is_read_once():
  reads = []
  take(40, blocks([7], reads=reads))
  assert reads == ['block0']


def test_the_records_of_a_block_come_together():
  found = values(700, blocks([3, 4]))
  for epoch in range(100):
    whole = found[7 * epoch:7 * epoch + 7]
    assert set(whole[:3]) == {0, 1, 2} or set(whole[:4]) == {3, 4, 5, 6}


def test_no_block_comes_twice_in_a_row():
  found = values(3000, blocks([1, 1, 1]))
  assert all(a != b for a, b in itertools.pairwise(found))


SEAMS = [([40], None, 9), ([25], None, 8), ([20, 20], None, 7),
         ([30], [1, 2, 3] * 10, 7), ([24, 24], [1, 1, 1, 2] * 6, 7)]


def of_copies(sizes, copies):
  return [dataclasses.replace(part, **vars(block(
      part.read()['x'], copies, name=part.name))) for part in blocks(sizes)]


@pytest.mark.parametrize('sizes, copies, per_step', SEAMS)
def test_no_step_has_an_image_twice(sizes, copies, per_step):
  parts = of_copies(sizes, copies)
  total = sum(part.num_examples for part in parts)
  found = np.array(values(400 * total, parts, per_step=per_step))
  # Without that, some have: the test sees it.
  plain = np.array(values(400 * total, parts))
  doubles = lambda stream: sum(
      len(set(step)) < per_step for step in
      stream[:len(stream) // per_step * per_step].reshape(-1, per_step))
  assert doubles(plain) > 50
  assert doubles(found) == 0
  for epoch in range(400):
    part = slice(epoch * total, (epoch + 1) * total)
    np.testing.assert_array_equal(np.sort(found[part]), np.sort(plain[part]))


@pytest.mark.parametrize('start', [1, 39, 40, 41, 79, 399, 12345])
@pytest.mark.parametrize('sizes, copies, per_step', SEAMS)
def test_it_starts_anywhere_nevertheless(sizes, copies, per_step, start):
  parts = of_copies(sizes, copies)
  whole = take(start + 90, parts, per_step=per_step)
  assert take(90, parts, start=start, per_step=per_step) == whole[start:]


def test_too_few_images_for_a_step_come_as_they_are_drawn():
  parts = blocks([7])
  assert take(70, parts, per_step=5) == take(70, parts)


def test_what_is_exchanged():
  order, before = np.array([3, 4, 0, 1, 2, 5]), np.array([0, 1, 2, 5, 4, 3])
  # 3 ended the order before, so 4, which did not, nor 0, takes its place.
  np.testing.assert_array_equal(
      lane.begun_with_others(order, before, 1), [4, 3, 0, 1, 2, 5])
  # 3 and 4 ended it, 0 and 1 are between the beginning and the end.
  np.testing.assert_array_equal(
      lane.begun_with_others(order, before, 2), [0, 1, 3, 4, 2, 5])
  np.testing.assert_array_equal(order, [3, 4, 0, 1, 2, 5])


def test_empty_blocks_are_left_out():
  assert sorted(values(3, blocks([0, 3, 0]))) == [0, 1, 2]


def test_another_seed_gives_another_stream():
  first, other = take(20, blocks([7])), take(20, blocks([7]), seeds.Seed(12))
  assert [v for v, _ in first] != [v for v, _ in other]
  assert not {s for _, s in first} & {s for _, s in other}


def test_seeds_are_of_epoch_and_place():
  expected = []
  for epoch in range(3):
    drawn = SEED.child('examples', epoch).bits(7)
    expected += drawn.view(np.int64).tolist()
  assert [s for _, s in take(21, blocks([7]))] == expected
  assert [s for _, s in take(21, blocks([3, 4]))] == expected
  assert len(set(expected)) == 21


def test_an_order_is_as_likely_as_any_other():
  """Of 3 records: six orders, each in about a sixth of the epochs."""
  found = values(3 * 1200, blocks([3]))
  orders = collections.Counter(
      tuple(found[3 * e:3 * e + 3]) for e in range(1200))
  assert len(orders) == 6
  expected, spread = 200, (1200 / 6 * 5 / 6)**0.5
  assert all(abs(n - expected) < 4.5 * spread for n in orders.values())


def test_a_number_of_examples_should_be_as_counted():
  with pytest.raises(errors.RunError) as caught:
    take(1, [block([1, 2, 3], name='pool/a', examples=1234)])
  assert str(caught.value) == (
      '`pool/a` should have 1,234 examples, but has 3; it changed since they '
      'were counted.')


# Copies.


def test_copies_are_counted():
  found = values(24, [block([5, 6, 7], [1, 3, 2]), block([8], [2])])
  for epoch in range(3):
    assert sorted(found[8 * epoch:8 * epoch + 8]) == [5, 6, 6, 6, 7, 7, 8, 8]


def test_copies_have_seeds_of_their_own():
  found = take(16, [block([5, 6, 7], [1, 5, 2])])
  assert len({seed for _, seed in found}) == 16


def gaps(order):
  """For each record the least distance between two of its copies."""
  least = {}
  for number in set(order.tolist()):
    places = np.flatnonzero(order == number)
    if len(places) > 1:
      least[number] = np.diff(places).min()
  return least


@pytest.mark.parametrize('seed', range(5))
def test_copies_lie_far_apart(seed):
  """Of n examples, c copies lie some n / c apart, give or take its root."""
  random = np.random.default_rng(seed)
  copies = random.choice([1, 1, 1, 2, 5, 40], 2000)
  order = lane.spaced_order(copies, seeds.Seed(seed).bits(2000))
  assert (np.bincount(order) == copies).all()
  for number, gap in gaps(order).items():
    expected = len(order) / copies[number]
    assert gap > expected - 6 * expected**0.5


def test_copies_of_one_image_share_no_batch():
  """Of 54 copies in 5,400 examples, in batches of 28 a lane."""
  copies = np.array([54] * 20 + [1] * 4320)
  for seed in range(20):
    order = lane.spaced_order(copies, seeds.Seed(seed).bits(len(copies)))
    for batch in np.array_split(order, len(order) // 28):
      assert len(set(batch.tolist())) == len(batch)


def test_a_record_without_copies_is_left_out():
  order = lane.spaced_order(np.array([0, 2, 0, 1]), SEED.bits(4))
  assert sorted(order.tolist()) == [1, 1, 3]


def test_joined_columns():
  part = lambda first: {'x': np.arange(first, first + 2),
                        'p': np.eye(2) * first}
  joined = lane.joined([part(1), part(3)])
  assert joined['x'].tolist() == [1, 2, 3, 4]
  np.testing.assert_array_equal(joined['p'], [[1, 0], [0, 1], [3, 0], [0, 3]])
  assert lane.joined([joined]) is joined
