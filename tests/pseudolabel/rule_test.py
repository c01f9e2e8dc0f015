import numpy as np
import pytest

from ns.core import seeds
from ns.pseudolabel import rule


@pytest.mark.parametrize('first', [0, 1, 2, 3, 4, 5, 97, 1000])
def test_draws_go_on_from_any_image(first):
  whole = np.random.Generator(np.random.Philox(
      seeds.Seed(9).child('balance').value)).random(1100)
  np.testing.assert_array_equal(
      rule.draws(seeds.Seed(9), first).random(100), whole[first:first + 100])


def test_a_class_is_cut_in_one_way():
  with pytest.raises(ValueError) as caught:
    rule.of(3, least=np.array([0, 0.5, 0]), most=np.array([9, 9, 9]))
  assert str(caught.value) == (
      '`Rule.least` should be above 0 only for classes without `most` and '
      '`extra`, but class 1 has both.')
  with pytest.raises(ValueError, match='but class 2 has both'):
    rule.of(3, least=np.array([0, 0, 0.1]), extra=np.array([0, 0, 2]))


def test_a_rule_is_one_of_each_unless_said():
  plain = rule.of(2)
  assert not plain.has_draws
  copies = rule.copies_in_memory(
      plain, np.array([0, 1, 1]), np.array([0, .5, 1], np.float32),
      np.zeros(3), None)
  assert copies.tolist() == [1, 1, 1]
  assert rule.of(2, chance=np.array([0, 0.5])).has_draws
  assert rule.of(2, extra=np.array([0, 1])).has_draws
