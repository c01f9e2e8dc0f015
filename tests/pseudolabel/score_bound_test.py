import numpy as np
import pytest

from ns.pseudolabel import score_bound


def test_bounds_are_within_and_nan_is_not():
  values = np.array([0, 0.1, 0.5, 0.7, 1, np.nan], np.float32)
  within = lambda **bounds: score_bound.ScoreBound(
      score='entropy', **bounds).within(values).tolist()
  # 0.1 and 0.7 as float32 has them.
  assert within(at_least=0.1) == [False, True, True, True, True, False]
  assert within(at_most=0.7) == [True, True, True, True, False, False]
  assert within(at_least=0.1, at_most=0.7) == [
      False, True, True, True, False, False]


@pytest.mark.parametrize('arguments, sentence', [
    ({'score': 'confidence', 'at_most': 1},
     "`ScoreBound.score` should be one of 'entropy', 'margin', 'energy', but "
     "is 'confidence'."),
    ({'score': 'margin'},
     '`ScoreBound.at_least` or `at_most` should be given, but both are None; '
     'leave the bound out.'),
    ({'score': 'margin', 'at_least': 'low'},
     "`ScoreBound.at_least` should be a number, but is 'low'."),
    ({'score': 'margin', 'at_least': 0.5, 'at_most': 0.25},
     '`ScoreBound.at_least` should be at most `at_most` = 0.25, but is 0.5.')])
def test_constructor_errors(arguments, sentence):
  with pytest.raises(ValueError) as caught:
    score_bound.ScoreBound(**arguments)
  assert str(caught.value) == sentence
