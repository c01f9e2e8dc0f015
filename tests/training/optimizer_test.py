import keras
import numpy as np
import pytest

from ns.training import optimizer


@pytest.mark.parametrize('nesterov', [False, True])
@pytest.mark.parametrize('momentum', [0.0, 0.9])
def test_steps_are_those_of_momentum_by_hand(momentum, nesterov):
  random = np.random.default_rng(0)
  start = random.normal(size=(3, 2)).astype(np.float32)
  variable = keras.Variable(start)
  sgd = optimizer.Sgd(momentum=momentum, nesterov=nesterov).build([variable])
  value, velocity = start.astype(np.float64), np.zeros((3, 2))
  for step in range(6):
    gradient = random.normal(size=(3, 2)).astype(np.float32)
    rate = 0.3 / (step + 1)
    sgd.learning_rate.assign(rate)
    sgd.apply([gradient], [variable])
    velocity = momentum * velocity - rate * gradient
    # Nesterov's: the gradient's step once more, from where momentum leads.
    value += momentum * velocity - rate * gradient if nesterov else velocity
    np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5, atol=1e-6)


def test_nothing_moves_before_a_learning_rate_is_set():
  variable = keras.Variable([1.0, 2.0])
  sgd = optimizer.Sgd().build([variable])
  sgd.apply([np.ones(2, np.float32)], [variable])
  np.testing.assert_array_equal(variable.numpy(), [1, 2])


def test_the_slots_are_there_from_the_start():
  """Else a checkpoint that is read before the first step would lose them."""
  variables = [keras.Variable(np.zeros((2, 3))), keras.Variable(np.zeros(4))]
  sgd = optimizer.Sgd().build(variables)
  shapes = [tuple(v.shape) for v in sgd.variables]
  assert (2, 3) in shapes and (4,) in shapes


@pytest.mark.parametrize('field, value, said', [
    ('momentum', 1, 'a number at least 0 and below 1, but is 1.'),
    ('momentum', -0.1, 'a number at least 0 and below 1, but is -0.1.'),
    ('nesterov', None, 'one of False, True, but is None.')])
def test_wrong_arguments(field, value, said):
  with pytest.raises(ValueError) as caught:
    optimizer.Sgd(**{field: value})
  assert str(caught.value) == f'`Sgd.{field}` should be {said}'
