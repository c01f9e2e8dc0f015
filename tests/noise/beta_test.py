"""The Beta distribution's quantiles against closed forms and sums."""

import numpy as np
import pytest

from ns.noise import beta

SHARES = (np.arange(beta.COUNT) + 0.5) / beta.COUNT


@pytest.mark.parametrize('alpha, distribution', [
    (0.5, lambda x: 2 / np.pi * np.arcsin(np.sqrt(x))),
    (1.0, lambda x: x),
    (2.0, lambda x: 3 * x**2 - 2 * x**3),
    (3.0, lambda x: 10 * x**3 - 15 * x**4 + 6 * x**5),
])
def test_distribution_function_at_the_quantiles(alpha, distribution):
  np.testing.assert_allclose(
      distribution(beta.quantiles(alpha)), SHARES, rtol=0, atol=1e-11)


@pytest.mark.parametrize('alpha', [0.05, 0.1, 0.2, 0.4, 1.0, 7.0, 100.0])
def test_like_the_draws_of_numpy(alpha):
  drawn = np.sort(np.random.default_rng(0).beta(alpha, alpha, 200_000))
  lower = beta.quantiles(alpha)[:beta.COUNT // 2]  # Above, many round to 1.
  below = np.searchsorted(drawn, lower, side='right') / 200_000
  # 0.999 of Kolmogorov and Smirnov's statistic, and half a step of the table.
  assert abs(below - SHARES[:beta.COUNT // 2]).max() < (
      1.95 / np.sqrt(200_000) + 0.5 / beta.COUNT)


@pytest.mark.parametrize('alpha', [0.01, 0.2, 1.0, 100.0])
def test_ascending_symmetric_and_inside(alpha):
  quantiles = beta.quantiles(alpha)
  assert quantiles.shape == (beta.COUNT,)
  assert (np.diff(quantiles) >= 0).all()
  assert quantiles[0] >= 0 and quantiles[-1] <= 1
  np.testing.assert_allclose(quantiles + quantiles[::-1], 1, atol=1e-15)


def test_series_is_the_integral_of_the_density():
  alpha, count = 0.7, 1_000_000
  # Substituting x = t^(1 / alpha) makes the density's beginning flat.
  t = (np.arange(count) + 0.5) / count * 0.3**alpha
  x = t ** (1 / alpha)
  integral = ((1 - x) ** (alpha - 1)).sum() * 0.3**alpha / count / alpha
  whole = np.exp(beta.log_cdf(np.log(np.array([0.5])), alpha))
  found = np.exp(beta.log_cdf(np.log(np.array([0.3])), alpha))
  y = (np.arange(count) + 0.5) / count * 0.5**alpha
  half = ((1 - y ** (1 / alpha)) ** (alpha - 1)).sum() * (
      0.5**alpha / count / alpha)
  assert whole[0] == pytest.approx(0.5, abs=1e-14)
  assert found[0] == pytest.approx(integral / (2 * half), rel=1e-9)
