import numpy as np
import pytest
from scipy import special
from scipy import stats

from ns.pseudolabel import scores

LOGITS = np.random.default_rng(0).normal(0, 8, (200, 12)).astype(np.float32)
PROBABILITIES = special.softmax(LOGITS, axis=1)


def test_entropy_is_that_of_scipy():
  np.testing.assert_allclose(
      scores.of('entropy', PROBABILITIES),
      stats.entropy(PROBABILITIES.astype(float), axis=1), rtol=1e-4, atol=1e-6)


def test_entropy_of_a_sure_and_of_an_even_answer():
  found = scores.of('entropy', np.array(
      [[1, 0, 0, 0], [0.25] * 4, [1.0000001, 0, 0, 0]], np.float32))
  np.testing.assert_allclose(found, [0, np.log(4), 0], atol=1e-6)
  assert found[2] >= 0


def test_margin_is_first_less_second():
  np.testing.assert_array_equal(
      scores.of('margin', PROBABILITIES),
      [sorted(row)[-1] - sorted(row)[-2] for row in PROBABILITIES])
  assert scores.of('margin', np.array([[0.5, 0.5]], np.float32)).tolist() == [0]


def test_energy_is_the_logarithm_of_the_sum():
  found = scores.of('energy', PROBABILITIES, LOGITS)
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, special.logsumexp(LOGITS, axis=1),
                             rtol=1e-6, atol=1e-6)
  assert scores.of('energy', PROBABILITIES[:1], LOGITS[:1] + 1000) == (
      pytest.approx(special.logsumexp(LOGITS[0]) + 1000, rel=1e-6))


def test_energy_needs_logits():
  with pytest.raises(ValueError) as caught:
    scores.of('energy', PROBABILITIES)
  assert str(caught.value) == (
      '`logits` should be given for the score `energy`, but are None; take a '
      'predictor that gives them, or leave that score out.')
