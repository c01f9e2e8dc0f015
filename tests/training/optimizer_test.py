"""Optimizers against TensorFlow 1's, and against formulas in numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ns.training import optimizer

SHAPES = {'kernel': (3, 2), 'bias': (4,), 'gamma': (2,), 'beta': (2,)}


def starts(seed=0, shapes=None):
  random = np.random.default_rng(seed)
  return {name: random.normal(size=shape).astype(np.float32)
          for name, shape in (shapes or SHAPES).items()}


def gradients(step, shapes=None, scale=1.0):
  random = np.random.default_rng(1000 + step)
  return {name: (scale * random.normal(size=shape)).astype(np.float32)
          for name, shape in (shapes or SHAPES).items()}


def variables(values):
  return [keras.Variable(value, name=name) for name, value in values.items()]


def rate_at(step):
  return 0.3 / (step + 1)


def take(built, weights, step, rate, scale=1.0):
  built.learning_rate.assign(rate)
  built.apply([tf.constant(g) for g in gradients(step, scale=scale).values()],
              weights)


@pytest.mark.parametrize('nesterov', [False, True])
@pytest.mark.parametrize('momentum', [0.0, 0.9])
def test_sgd_is_momentum_by_hand(momentum, nesterov):
  values = starts()
  weights = variables(values)
  sgd = optimizer.Sgd(momentum=momentum, nesterov=nesterov).build(weights)
  velocity = {name: np.zeros(shape) for name, shape in SHAPES.items()}
  for step in range(6):
    rate = rate_at(step)
    take(sgd, weights, step, rate)
    for name, gradient in gradients(step).items():
      velocity[name] = momentum * velocity[name] - rate * gradient
      # Nesterov's: the gradient's step once more, from where momentum leads.
      values[name] = values[name] + (
          momentum * velocity[name] - rate * gradient if nesterov
          else velocity[name])
    for weight in weights:
      np.testing.assert_allclose(weight.numpy(), values[weight.name],
                                 rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('scale', [1e-4, 1.0, 100.0])
def test_rms_prop_is_tensorflow_1s_over_100_steps(scale):
  ours, theirs = variables(starts()), [
      tf.Variable(value) for value in starts().values()]
  built = optimizer.RmsProp().build(ours)
  rate = tf.Variable(0.0)
  judge = tf.compat.v1.train.RMSPropOptimizer(
      lambda: rate, decay=0.9, momentum=0.9, epsilon=1e-3)
  for step in range(100):
    rate.assign(0.016 / (step + 1))
    take(built, ours, step, rate.numpy(), scale)
    judge.apply_gradients(zip(
        [tf.constant(g) for g in gradients(step, scale=scale).values()],
        theirs))
    for our, their in zip(ours, theirs):
      np.testing.assert_allclose(our.numpy(), their.numpy(), rtol=1e-6)


def test_rms_prop_is_its_docstrings_formula():
  values, weights = starts(), variables(starts())
  built = optimizer.RmsProp(decay=0.8, momentum=0.7, epsilon=0.01).build(
      weights)
  square = {name: np.ones(shape) for name, shape in SHAPES.items()}
  velocity = {name: np.zeros(shape) for name, shape in SHAPES.items()}
  for step in range(100):
    rate = rate_at(step)
    take(built, weights, step, rate, scale=0.1)
    for name, g in gradients(step, scale=0.1).items():
      square[name] = 0.8 * square[name] + 0.2 * g.astype(np.float64)**2
      velocity[name] = (0.7 * velocity[name]
                        + rate * g / np.sqrt(square[name] + 0.01))
      values[name] = values[name] - velocity[name]
  for weight in weights:
    np.testing.assert_allclose(weight.numpy(), values[weight.name], rtol=1e-4,
                               atol=1e-5)


def test_rms_prop_starts_gently_where_keras_does_not():
  """The first step of a small gradient is 30 times shorter than Keras'."""
  gradient = np.full(3, 1e-4, np.float32)
  steps = []
  for built in (
      optimizer.RmsProp().build,
      lambda weights: keras.optimizers.RMSprop(
          0.0, rho=0.9, momentum=0.9, epsilon=1e-3)):
    weight = keras.Variable(np.zeros(3, np.float32))
    made = built([weight])
    made.learning_rate.assign(1.0)
    made.apply([tf.constant(gradient)], [weight])
    steps.append(-float(weight.numpy()[0]))
  assert steps[0] == pytest.approx(1e-4 / np.sqrt(0.901), rel=1e-3)
  assert steps[1] > 25 * steps[0]


def lars_by_hand(values, steps, *, momentum, decay, trust_coefficient, skip):
  values = {name: v.astype(np.float64) for name, v in values.items()}
  velocity = {name: np.zeros_like(v) for name, v in values.items()}
  for step in range(steps):
    for name, g in gradients(step).items():
      weight, rate = values[name], rate_at(step)
      if name not in skip:
        norm = np.sqrt((weight**2).sum())
        rate *= trust_coefficient * norm / (
            np.sqrt((g.astype(np.float64)**2).sum()) + decay * norm)
        g = g + decay * weight
      velocity[name] = momentum * velocity[name] + rate * g
      values[name] = weight - velocity[name]
  return values


@pytest.mark.parametrize('how', [
    {}, {'momentum': 0.0, 'weight_decay': 0.0}, {'skip': ()},
    {'skip': ['kernel'], 'weight_decay': 0.1, 'trust_coefficient': 0.1}])
def test_lars_is_its_docstrings_formula(how):
  weights = variables(starts())
  lars = optimizer.Lars(**how)
  built = lars.build(weights)
  for step in range(20):
    take(built, weights, step, rate_at(step))
  expected = lars_by_hand(
      starts(), 20, momentum=lars.momentum, decay=lars.weight_decay,
      trust_coefficient=lars.trust_coefficient, skip=lars.skip)
  for weight in weights:
    np.testing.assert_allclose(weight.numpy(), expected[weight.name],
                               rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('weight, gradient', [(0.0, 2.0), (2.0, 0.0)])
def test_lars_trusts_what_has_no_length(weight, gradient):
  kernel = keras.Variable(np.full(4, weight, np.float32), name='kernel')
  built = optimizer.Lars(weight_decay=0.5).build([kernel])
  built.learning_rate.assign(0.1)
  built.apply([tf.fill(4, gradient)], [kernel])
  np.testing.assert_allclose(
      kernel.numpy(), weight - 0.1 * (gradient + 0.5 * weight), rtol=1e-6)


@pytest.mark.parametrize('skip', [('bias', 'gamma', 'beta'), ()])
def test_adam_w_is_its_papers_algorithm(skip):
  values, weights = starts(), variables(starts())
  built = optimizer.AdamW(weight_decay=0.1, skip=skip).build(weights)
  mean = {name: np.zeros(shape) for name, shape in SHAPES.items()}
  square = {name: np.zeros(shape) for name, shape in SHAPES.items()}
  for step in range(20):
    rate = rate_at(step)
    take(built, weights, step, rate)
    for name, g in gradients(step).items():
      g = g.astype(np.float64)
      mean[name] = 0.9 * mean[name] + 0.1 * g
      square[name] = 0.999 * square[name] + 0.001 * g**2
      corrected = np.sqrt(square[name] / (1 - 0.999**(step + 1)))
      decayed = 0 if name in skip else 0.1 * values[name]
      values[name] = values[name] - rate * (
          mean[name] / (1 - 0.9**(step + 1)) / (corrected + 1e-8) + decayed)
  for weight in weights:
    np.testing.assert_allclose(weight.numpy(), values[weight.name], rtol=1e-3,
                               atol=1e-4)


EVERY = [optimizer.Sgd(), optimizer.RmsProp(), optimizer.Lars(),
         optimizer.AdamW(), optimizer.Sgd(momentum=0.0)]


@pytest.mark.parametrize('declared', EVERY, ids=str)
def test_nothing_moves_before_a_learning_rate_is_set(declared):
  weights = variables(starts())
  built = declared.build(weights)
  built.apply([tf.constant(g) for g in gradients(0).values()], weights)
  for weight in weights:
    np.testing.assert_array_equal(weight.numpy(), starts()[weight.name])


@pytest.mark.parametrize('declared', EVERY, ids=str)
def test_the_slots_are_there_from_the_start(declared):
  """Else a checkpoint that is read before the first step would lose them."""
  built = declared.build(variables(starts()))
  shapes = [tuple(v.shape) for v in built.variables]
  for shape in SHAPES.values():
    wanted = list(SHAPES.values()).count(shape) * declared.slots_per_variable
    assert shapes.count(shape) == wanted
  # And two scalars: the steps and the rate.
  assert len(shapes) == 2 + len(SHAPES) * declared.slots_per_variable


@pytest.mark.parametrize('declared', EVERY, ids=str)
def test_slots_have_the_names_of_their_variables(declared):
  """So that a checkpoint does not depend on the order of the variables."""
  paths = []
  for names in list(SHAPES), list(SHAPES)[::-1]:
    weights = variables({name: starts()[name] for name in names})
    paths.append([v.path for v in declared.build(weights).variables])
  assert len(set(paths[0])) == len(paths[0])
  assert sorted(paths[0]) == sorted(paths[1])
  slots = [path for path in paths[0] if 'kernel' in path]
  assert len(slots) == declared.slots_per_variable


@pytest.mark.parametrize('declared', EVERY, ids=str)
def test_it_gives_the_same_when_compiled_by_xla(declared):
  results = []
  for jit_compile in False, True:
    weights = variables(starts())
    built = declared.build(weights)

    def step(first, second):
      built.learning_rate.assign(0.1)
      built.apply(first, weights)
      built.apply(second, weights)

    tf.function(step, jit_compile=jit_compile, autograph=False)(
        *([tf.constant(g) for g in gradients(n).values()] for n in range(2)))
    results.append([w.numpy() for w in weights])
  for plain, compiled in zip(*results):
    np.testing.assert_allclose(compiled, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('kind, field, value, said', [
    ('Sgd', 'momentum', 1, 'a number at least 0 and below 1, but is 1.'),
    ('Sgd', 'momentum', -0.1, 'a number at least 0 and below 1, but is -0.1.'),
    ('Sgd', 'nesterov', None, 'one of False, True, but is None.'),
    ('RmsProp', 'decay', 1, 'a number at least 0 and below 1, but is 1.'),
    ('RmsProp', 'momentum', 1, 'a number at least 0 and below 1, but is 1.'),
    ('RmsProp', 'epsilon', 0, 'a number above 0, but is 0.'),
    ('Lars', 'momentum', 2, 'a number at least 0 and below 1, but is 2.'),
    ('Lars', 'weight_decay', -1, 'a number at least 0, but is -1.'),
    ('Lars', 'trust_coefficient', 0, 'a number above 0, but is 0.'),
    ('Lars', 'skip', 'bias', "a list of names of variables, such as ['bias'], "
     "but is 'bias'."),
    ('AdamW', 'beta_1', 1, 'a number at least 0 and below 1, but is 1.'),
    ('AdamW', 'beta_2', 1, 'a number at least 0 and below 1, but is 1.'),
    ('AdamW', 'epsilon', 0, 'a number above 0, but is 0.'),
    ('AdamW', 'weight_decay', -1, 'a number at least 0, but is -1.'),
    ('AdamW', 'skip', [''], "a list of names of variables, such as ['bias'], "
     "but is [''].")])
def test_wrong_arguments(kind, field, value, said):
  with pytest.raises(ValueError) as caught:
    getattr(optimizer, kind)(**{field: value})
  assert str(caught.value) == f'`{kind}.{field}` should be {said}'
