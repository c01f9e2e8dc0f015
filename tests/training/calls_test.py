"""Several steps in one call of the device."""

import dataclasses
import itertools
import os
import queue
import signal

import numpy as np
import pytest
import tensorflow as tf

from ns import training
from ns.core import errors
from ns.core import termination
from ns.models import weights
from ns.training import calls
from ns.training import clock
from ns.training import train_step
from tests.support import linear
from tests.support import tiny
from tests.support import two_devices


@pytest.mark.parametrize('first, steps, per_call, cadences, expected', [
    (0, 4, 1, [2], [(0, 1), (1, 1), (2, 1), (3, 1)]),
    (0, 9, 4, [100], [(0, 4), (4, 4), (8, 1)]),
    (0, 12, 4, [6], [(0, 4), (4, 1), (5, 1), (6, 4), (10, 1), (11, 1)]),
    (0, 12, 4, [8, 6], [(0, 4), (4, 1), (5, 1), (6, 1), (7, 1), (8, 4)]),
    (5, 12, 3, [6], [(5, 1), (6, 3), (9, 3)]),
    (3, 3, 2, [6], [])])
def test_calls_end_at_the_boundaries(first, steps, per_call, cadences,
                                     expected):
  assert list(calls.divided(first, steps, per_call, *cadences)) == expected


def test_every_step_once_in_two_shapes():
  random = np.random.default_rng(0)
  for _ in range(200):
    first, more, per_call, *cadences = random.integers(1, 40, 5).tolist()
    found = list(calls.divided(first, first + more, per_call, *cadences))
    assert [step + i for step, count in found for i in range(count)] == (
        list(range(first, first + more)))
    assert {count for _, count in found} <= {1, per_call}
    ends = {step + count for step, count in found}
    assert ends >= {step for step in range(first + 1, first + more + 1)
                    if any(step % every == 0 for every in cadences)}


def test_what_is_due_after_each_call():
  how = tiny.steps(14, steps_per_call=4, checkpoint_every_steps=8,
                   summary_every_steps=5,
                   selection=training.BestOnValidation(every_steps=7))
  due = lambda call: ''.join(letter for letter, is_due in (
      ('c', call.saves), ('s', call.sums_up), ('v', call.selects),
      ('l', call.is_last)) if is_due)
  found = [(call.first, call.done, due(call))
           for call in calls.of_training(how, 0)]
  assert found == [
      (0, 4, ''), (4, 5, 's'), (5, 6, ''), (6, 7, 'v'), (7, 8, 'c'),
      (8, 9, ''), (9, 10, 's'), (10, 14, 'svl')]
  assert found[3:] == [(call.first, call.done, due(call))
                       for call in calls.of_training(how, 6)]
  # At its end a checkpoint would serve nobody.
  last = list(calls.of_training(tiny.steps(4, checkpoint_every_steps=4), 3))
  assert [due(call) for call in last] == ['sl']
  assert not last[0].saves and last[0].is_looked_at


def test_calls_longer_than_from_selection_to_selection_are_refused():
  with pytest.raises(ValueError) as caught:
    tiny.steps(steps_per_call=30,
               selection=training.BestOnValidation(every_steps=25))
  assert str(caught.value) == (
      '`Training.steps_per_call` should be at most '
      '`BestOnValidation.every_steps` = 25, since a call ends where that is '
      'due, but is 30; bind fewer steps, or a larger `every_steps`.')


@pytest.mark.parametrize('name', ['checkpoint_every_steps',
                                  'summary_every_steps'])
def test_calls_longer_than_a_cadence_are_refused(name):
  with pytest.raises(ValueError) as caught:
    tiny.steps(steps_per_call=30, **{name: 25})
  assert str(caught.value) == (
      '`Training.steps_per_call` should be at most '
      f'`Training.{name}` = 25, since a call ends where that is due, but is '
      f'30; bind fewer steps, or a larger `{name}`.')


@pytest.mark.parametrize('is_ahead', [False, True])
def test_a_feed_gives_the_batches_of_each_call(is_ahead):
  feed = calls.Feed(iter(range(10)), [4, 1, 3], is_ahead)
  assert [feed.take() for _ in range(3)] == [[0, 1, 2, 3], [4], [5, 6, 7]]


def test_a_feed_is_one_call_ahead_and_no_more():
  made, asked = queue.Queue(), []

  def batches():
    for number in itertools.count():
      asked.append(number)
      made.put(number)
      yield number

  feed = calls.Feed(batches(), [2, 3, 4], is_ahead=True)
  assert feed.take() == [0, 1]
  assert [made.get(timeout=60) for _ in range(5)] == [0, 1, 2, 3, 4]
  feed._executor.shutdown(wait=True)
  assert asked == [0, 1, 2, 3, 4]


def test_what_goes_wrong_ahead_is_said_when_it_is_taken():
  def batches():
    yield 0
    raise errors.RunError('A batch cannot be made.')
  feed = calls.Feed(batches(), [1, 1], is_ahead=True)
  assert feed.take() == [0]
  with pytest.raises(errors.RunError, match='A batch cannot be made.'):
    feed.take()


def tensors(step):
  batch = tiny.batch(step)
  batch['weight'] = np.linspace(0.25, 2.0, 16).astype(np.float32)
  return {name: tf.constant(value) for name, value in batch.items()}


RATES = [0.02, 0.03, 0.01]


def taken(folder, per_call, strategy=None, **how):
  """The state after three steps, and their metrics."""
  chosen = tiny.steps(weight_decay=0.01, optimizer=training.RmsProp(), **how)
  job = tiny.job(folder)
  if strategy:
    job = dataclasses.replace(job, strategy=strategy)
  state = train_step.State.create(chosen, job)
  take = train_step.compiled_steps(chosen, job, state)
  found = [take([tensors(step) for step in range(first, first + per_call)],
                first + 7, RATES[first:first + per_call])
           for first in range(0, 3, per_call)]
  metrics = {name: np.concatenate([part[name] for part in found])
             for name in train_step.METRICS}
  return metrics, {
      (kind, variable.path): variable.numpy()
      for kind in ('network', 'average', 'optimizer')
      for variable in getattr(state, kind).variables}


def assert_close(found, expected, rtol, atol):
  assert found.keys() == expected.keys()
  for name, value in expected.items():
    np.testing.assert_allclose(found[name], value, rtol=rtol, atol=atol,
                               err_msg=str(name))


@pytest.fixture(name='alone', scope='module')
def take_alone(tmp_path_factory):
  return taken(tmp_path_factory.mktemp('alone'), 1)


def test_steps_in_one_call_are_those_one_by_one_bit_for_bit(tmp_path, alone):
  together = taken(tmp_path, 3)
  for found, expected in zip(together, alone):
    assert_close(found, expected, rtol=0, atol=0)
  assert all(values.shape == (3,) for values in together[0].values())
  assert len(set(together[0]['loss'])) == 3


def test_on_two_devices(tmp_path):
  alone, together = (taken(tmp_path, count, two_devices.strategy())
                     for count in (1, 3))
  for found, expected in zip(together, alone):
    assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_under_xla(tmp_path, alone):
  together = taken(tmp_path, 3, jit_compile=True)
  for found, expected in zip(together, alone):
    assert_close(found, expected, rtol=2e-3, atol=1e-4)


STOPS = {'checkpoint_every_steps': 6, 'summary_every_steps': 5}


def trained(folder, change=lambda step, batch: batch, **how):
  results = linear.steps(14, **STOPS, **how).run(
      linear.job(folder, change=change))
  return ({name: value for name, value in results.items()
           if name not in ('seconds', *clock.FIGURES)},
          weights.read(folder / 'average.npz'))


def test_a_training_in_calls_that_was_stopped_is_one_step_by_step(tmp_path):
  taken = []

  def stop(step, batch):
    taken.append(step)
    if step == 7:  # Within the call of the steps 6 to 9.
      os.kill(os.getpid(), signal.SIGTERM)
    return batch

  with termination.heard(), pytest.raises(errors.Terminated):
    trained(tmp_path / 'stopped', stop, steps_per_call=4)
  # It ends when the call does; the batches of the next may be there already.
  assert taken[:10] == list(range(10)) and len(taken) <= 11
  found = trained(tmp_path / 'stopped', steps_per_call=4)
  expected = trained(tmp_path / 'alone')
  assert found[0] == expected[0]
  assert_close(found[1], expected[1], rtol=0, atol=0)
