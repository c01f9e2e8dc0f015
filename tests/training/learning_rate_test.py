import math

import pytest

from ns.training import learning_rate


def test_cosine_at_its_corners():
  cosine = learning_rate.Cosine(peak=0.4, warmup_steps=10)
  at = lambda step: cosine.at(step, 50)
  assert at(0) == 0.0
  assert at(5) == pytest.approx(0.2)
  assert at(9) == pytest.approx(0.36)
  assert at(10) == 0.4
  assert at(30) == pytest.approx(0.2)  # Halfway down.
  assert at(49) == pytest.approx(0.4 * (1 + math.cos(math.pi * 39 / 40)) / 2)
  assert at(50) == 0.0
  assert at(1000) == 0.0


def test_cosine_is_the_docstrings_formula():
  peak, warmup_steps, num_steps = 0.3, 7, 40
  cosine = learning_rate.Cosine(peak=peak, warmup_steps=warmup_steps)
  for step in range(num_steps):
    if step < warmup_steps:
      rate = peak * step / warmup_steps
    else:
      t = (step - warmup_steps) / (num_steps - warmup_steps)
      rate = peak * (1 + math.cos(math.pi * t)) / 2
    assert cosine.at(step, num_steps) == pytest.approx(rate, rel=1e-12)


def test_cosine_rises_then_falls_and_never_leaves_its_bounds():
  cosine = learning_rate.Cosine(peak=1.0, warmup_steps=20)
  rates = [cosine.at(step, 100) for step in range(120)]
  assert all(a < b for a, b in zip(rates[:20], rates[1:21]))
  assert all(a > b for a, b in zip(rates[20:100], rates[21:101]))
  assert min(rates) == 0.0 and max(rates) == rates[20] == 1.0


def test_cosine_without_warm_up_starts_at_its_peak():
  cosine = learning_rate.Cosine(peak=0.1)
  assert cosine.at(0, 10) == 0.1
  assert cosine.at(0, 1) == 0.1


def test_constant_is_constant():
  constant = learning_rate.Constant(rate=0.02)
  assert {constant.at(step, 10) for step in range(20)} == {0.02}


@pytest.mark.parametrize('make, said', [
    (lambda: learning_rate.Cosine(peak=0),
     '`Cosine.peak` should be a number above 0, but is 0.'),
    (lambda: learning_rate.Cosine(peak=1, warmup_steps=-1),
     '`Cosine.warmup_steps` should be a whole number of at least 0, but is '
     '-1.'),
    (lambda: learning_rate.Cosine(peak=1, warmup_steps=1.5),
     '`Cosine.warmup_steps` should be a whole number of at least 0, but is '
     '1.5.'),
    (lambda: learning_rate.Constant(rate=float('nan')),
     '`Constant.rate` should be a number above 0, but is nan.')])
def test_wrong_arguments(make, said):
  with pytest.raises(ValueError) as caught:
    make()
  assert str(caught.value) == said
