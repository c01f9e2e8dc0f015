import dataclasses

import pytest

from ns.core import errors
from ns.mixture import broken

LIMIT = broken.Limit(name='flowers', images=300, share=0.01,
                     binding='ImageFolder.max_excluded')


def test_as_many_as_may_be():
  LIMIT.check(0, [])
  LIMIT.check(3, ['a', 'b', 'c'])


def test_a_share_that_no_float_has():
  # 0.29 x 100 is 28.999999999999996.
  limit = dataclasses.replace(LIMIT, images=100, share=0.29)
  limit.check(29, ['a'] * 29)
  with pytest.raises(errors.RunError, match='30 do not decode'):
    limit.check(30, ['a'] * 30)


def test_what_is_told():
  keys = [f'{i:02}' for i in range(30)]
  assert LIMIT.told(3, keys[:3]) == {
      'count': 3, 'share': 0.01, 'max_share': 0.01, 'keys': ['00', '01', '02']}
  assert broken.told(30, keys) == {'count': 30, 'keys': keys[:20]}


@pytest.mark.parametrize('count, keys, met, said', [
    (4, 'abcd', '', '4 do not decode: `a`, `b`, `c` and 1 more'),
    (1500, 'abcdefgh', ' by step 7',
     '1,500 do not decode by step 7: `a`, `b`, `c` and 1,497 more')])
def test_more_than_may_be(count, keys, met, said):
  with pytest.raises(errors.RunError) as caught:
    LIMIT.check(count, list(keys), met)
  assert str(caught.value) == (
      'At most 0.01 of the 300 images of `flowers` should be broken, which is '
      f'`ImageFolder.max_excluded`, but {said}; repair them, take them out, or '
      'allow more.')
