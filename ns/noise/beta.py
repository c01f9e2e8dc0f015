"""The symmetric Beta distribution, as a table of its quantiles.

A draw is a look-up: no arithmetic that one backend rounds unlike another, one
uniform number for each draw, and no rejection.
"""

import functools
import math

import numpy as np

# So many values are as likely each: a distribution function's largest error is
# half of one in that many.
COUNT = 2**14
_HALVINGS = 60


@functools.lru_cache(maxsize=8)
def quantiles(alpha: float) -> np.ndarray:
  """Quantiles (i + 1/2) / `COUNT` of Beta(alpha, alpha), float64, ascending."""
  wanted = np.log((np.arange(COUNT // 2) + 0.5) / COUNT)
  # By halves of log x: for small alpha the lowest quantiles are tiny.
  low = np.full_like(wanted, (wanted[0] + math.log(alpha)) / alpha - 50)
  high = np.full_like(wanted, math.log(0.5))
  for _ in range(_HALVINGS):
    middle = (low + high) / 2
    below = log_cdf(middle, alpha) < wanted
    low, high = np.where(below, middle, low), np.where(below, high, middle)
  lower = np.exp((low + high) / 2)
  return np.concatenate([lower, 1 - lower[::-1]])


def log_cdf(log_x: np.ndarray, alpha: float) -> np.ndarray:
  """Log of the distribution function of Beta(alpha, alpha) at x up to 1/2.

  By the series of positive terms, a = b = alpha (DLMF 8.17.8):

    I_x(a, b) = x^a (1 - x)^b / (a B(a, b)) sum_k prod_(j < k)
      x (a + b + j) / (a + 1 + j)
  """
  x = np.exp(log_x)
  term, total, k = np.ones_like(x), np.ones_like(x), 0
  while np.max(term / total) > 1e-16:
    term = term * x * (2 * alpha + k) / (alpha + 1 + k)
    total += term
    k += 1
  log_beta = 2 * math.lgamma(alpha) - math.lgamma(2 * alpha)
  return (alpha * (log_x + np.log1p(-x)) - math.log(alpha) - log_beta
          + np.log(total))
