import numpy as np
import pytest
import tensorflow as tf

from ns import noise
from ns.core import draws
from ns.training import train_step
from tests.support import tiny


def prepared(tmp_path, **how):
  training, job = tiny.steps(weight_decay=0.01), tiny.job(tmp_path, **how)
  return training, job, train_step.State.create(training, job)


def tensors(step=0, **changes):
  return {name: tf.constant(value)
          for name, value in {**tiny.batch(step), **changes}.items()}


def values(network):
  return {v.path: v.numpy() for v in network.variables}


def assert_close(found, expected, **tolerance):
  assert found.keys() == expected.keys()
  for name in found:
    np.testing.assert_allclose(found[name], expected[name], err_msg=name,
                               **tolerance)


def by_hand(job, batch, rate, step, weight_decay=0.01):
  """One step without strategy, function or Keras optimizer; from new weights.

  Returns:
    The loss, the logits, and the variables after the step, by their paths.
  """
  network = job.build(job.seed.child('weights').value % 2**31)
  seed = draws.members(job.seed.child('model_noise').int64,
                       tf.constant(step, tf.int64))
  with tf.GradientTape() as tape:
    logits = network(tf.cast(batch['image'], tf.float32), training=True,
                     noise_seed=seed, first_index=0)
    shifted = logits - tf.reduce_max(logits, -1, keepdims=True)
    log_softmax = shifted - tf.math.log(
        tf.reduce_sum(tf.exp(shifted), -1, keepdims=True))
    losses = -tf.reduce_sum(batch['label'] * log_softmax, -1)
    loss = tf.reduce_sum(batch['weight'] * losses) / 8  # Labelled images.
    total = loss
    for variable in network.trainable_variables:
      if variable.name not in ('gamma', 'beta'):
        total += weight_decay * tf.reduce_sum(variable.value**2) / 2
  gradients = tape.gradient(total, network.trainable_variables)
  for variable, gradient in zip(network.trainable_variables, gradients):
    # Nesterov from rest: velocity = -rate * g; w += 0.9 * velocity - rate * g.
    variable.assign(variable - rate * 1.9 * gradient)
  return float(loss), logits.numpy(), values(network)


def test_both_networks_start_from_the_jobs_weights(tmp_path):
  _, job, state = prepared(tmp_path)
  expected = values(job.build(job.seed.child('weights').value % 2**31))
  assert_close(values(state.network), expected, rtol=0)
  assert_close(values(state.average), expected, rtol=0)
  _, _, other = prepared(tmp_path, seed=6)
  assert any(not np.array_equal(value, expected[name])
             for name, value in values(other.network).items())


def test_a_step_is_the_one_by_hand(tmp_path):
  training, job, state = prepared(tmp_path)
  start = values(state.average)
  weights = np.linspace(0.5, 1.5, 16).astype(np.float32)
  batch = tensors(weight=weights)
  metrics = train_step.compiled(training, job, state)(batch, 3, 0.1)
  loss, logits, expected = by_hand(job, batch, rate=0.1, step=3)
  assert float(metrics['loss']) == pytest.approx(loss, rel=1e-5)
  assert_close(values(state.network), expected, rtol=1e-4, atol=1e-5)
  d = min(0.8, 5 / 14)
  assert_close(values(state.average), {
      name: start[name] + (expected[name] - start[name]) * (1 - d)
      for name in start}, rtol=1e-4, atol=1e-5)
  agrees = logits.argmax(-1) == tiny.batch(0)['label'].argmax(-1)
  share = lambda part: (agrees * weights)[part].sum() / weights[part].sum()
  assert float(metrics['labelled_accuracy']) == pytest.approx(
      share(slice(0, 8)), rel=1e-5)
  assert float(metrics['pseudo_agreement']) == pytest.approx(
      share(slice(8, 16)), rel=1e-5)
  assert set(metrics) == {'loss', 'labelled_accuracy', 'pseudo_agreement'}
  assert all(m.dtype == tf.float32 and m.shape == [] for m in metrics.values())


def test_the_loss_has_no_branch_for_the_kind_of_label(tmp_path):
  metrics = []
  for kind in np.ones(16, np.float32), np.zeros(16, np.float32):
    training, job, state = prepared(tmp_path)
    step = train_step.compiled(training, job, state)
    metrics.append(step(tensors(is_labelled=kind), 0, 0.1))
  assert float(metrics[0]['loss']) == float(metrics[1]['loss'])
  assert float(metrics[0]['labelled_accuracy']) == (
      float(metrics[1]['pseudo_agreement']))
  # Of a kind that is not there, no share and no NaN.
  assert float(metrics[0]['pseudo_agreement']) == 0


def test_an_example_of_weight_0_counts_for_nothing_but_the_statistics(
    tmp_path):
  quiet = noise.ModelNoise(dropout=0.0, stochastic_depth=0.0)
  results = []
  for label in 0, 1:
    training, job, state = prepared(tmp_path, model_noise=quiet)
    batch = tiny.batch(0)
    batch['weight'][3] = 0
    batch['label'][3] = np.eye(4)[label]
    step = train_step.compiled(training, job, state)
    metrics = step({n: tf.constant(v) for n, v in batch.items()}, 0, 0.1)
    results.append((values(state.network),
                    {n: float(m) for n, m in metrics.items()}))
  assert_close(results[0][0], results[1][0], rtol=0)
  assert results[0][1] == results[1][1]


def test_model_noise_changes_with_the_step_and_not_from_run_to_run(tmp_path):
  def losses(*steps):
    training, job, state = prepared(tmp_path)
    take = train_step.compiled(training, job, state)
    # At a rate of 0 the weights stay, so that noise alone makes a difference.
    return [float(take(tensors(), step, 0.0)['loss']) for step in steps]
  once, again = losses(0, 1), losses(0)
  assert once[0] == again[0]
  assert once[0] != once[1]


def test_the_rate_and_step_do_not_trace_anew(tmp_path):
  training, job, state = prepared(tmp_path)
  traced = []
  apply = state.optimizer.apply
  state.optimizer.apply = lambda *args: traced.append(1) or apply(*args)
  step = train_step.compiled(training, job, state)
  for number in range(3):
    step(tensors(number), number, 0.1 / (number + 1))
  assert len(traced) <= 2  # Of one trace; a strategy may look twice.
