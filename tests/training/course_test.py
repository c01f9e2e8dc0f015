"""What may happen in the course of a training, and what is seen of it."""

import contextlib
import dataclasses
import functools
import itertools
import json
import os
import signal
import types

import numpy as np
import pytest
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.util import tensor_util

from ns import training
from ns.core import errors
from ns.core import termination
from ns.training import clock
from ns.training import course
from tests.support import linear

OF_TIME = ('seconds', *clock.FIGURES)
ALWAYS = range(100)


class Killed(BaseException):
  """Stands for the end of the program: nothing catches it."""


def bad(at, attempts=(0,), killed_at=None):
  """A change of batches that makes a loss NaN in a step of some attempts.

  Args:
    at: the step.
    attempts: in which that is so.
    killed_at: attempt and step in which the program ends.
  """
  def change(step, batch, attempt):
    if (attempt, step) == killed_at:
      raise Killed
    if step != at or attempt not in attempts:
      return batch
    return {**batch, 'weight': batch['weight'] * np.nan}
  return change


def arrays(folder, name='average'):
  with np.load(folder / f'{name}.npz') as file:
    return dict(file)


def assert_equal(found, expected):
  for name in 'average', 'network':
    ours, theirs = arrays(found, name), arrays(expected, name)
    assert ours.keys() == theirs.keys()
    for path in ours:
      np.testing.assert_array_equal(ours[path], theirs[path], err_msg=path)


def lasting(results):
  return {n: v for n, v in results.items() if n not in OF_TIME}


def lines(folder):
  return [json.loads(line)
          for line in (folder / 'metrics.jsonl').read_text().splitlines()]


def checkpoints(folder):
  return sorted(path.stem for path in folder.rglob('*step-*.npz'))


@pytest.fixture(name='whole', scope='module')
def make_whole(tmp_path_factory):
  """A training of 30 steps that nothing disturbed."""
  folder = tmp_path_factory.mktemp('whole')
  return folder, linear.steps().run(
      linear.job(folder, description='a.b = 1\n'))


def test_a_line_for_each_summary(whole):
  folder, results = whole
  found = lines(folder)
  assert [line['step'] for line in found] == [5, 10, 15, 20, 25, 30]
  assert {line['attempt'] for line in found} == {0}
  assert {line['learning_rate'] for line in found} == {0.05}
  last = found[-1]
  assert lasting(results) == {
      **{name: last[name] for name in (
          'loss', 'labelled_accuracy', 'pseudo_agreement')}, 'attempt': 0}
  assert found[0]['loss'] > 1.5 * last['loss']
  seconds = [line['seconds'] for line in found]
  assert seconds == sorted(seconds) and seconds[-1] <= results['seconds']
  for line in found:
    assert line['images_per_second'] > 0
    assert 0 < line['input_wait_share'] + line['outside_share'] < 1


def assert_tensorboard_shows(folder):
  """The points of the log, each once; and the text, images and histograms."""
  seen = plugin_event_accumulator.EventAccumulator(
      str(folder / 'summaries'),
      size_guidance={plugin_event_accumulator.TENSORS: 0})
  seen.Reload()
  steps = {name: [event.step for event in seen.Tensors(name)]
           for name in seen.Tags()['tensors']}
  logged = lines(folder)
  assert steps == {
      'config': [0], 'images/labelled': [0], 'images/pseudo_labelled': [0],
      'network/kernel': [5, 30], **{
          name: [line['step'] for line in logged]
          for name in logged[0] if name != 'step'}}
  for name in 'loss', 'attempt', 'input_wait_share':
    assert [tensor_util.make_ndarray(event.tensor_proto)
            for event in seen.Tensors(name)] == pytest.approx(
                [line[name] for line in logged], rel=1e-6)


def test_tensorboard_has_the_same_and_more(whole):
  assert_tensorboard_shows(whole[0])


@pytest.mark.parametrize('at', [7, 13, 29])
def test_a_killed_training_has_every_line_once(tmp_path, whole, at):
  folder, _ = whole
  text = {'description': 'a.b = 1\n'}
  with pytest.raises(Killed):
    linear.steps().run(linear.job(
        tmp_path, change=bad(None, (), (0, at)), **text))
  with (tmp_path / 'metrics.jsonl').open('a') as file:
    file.write('{"step": 1')  # It was killed at that.
  linear.steps().run(linear.job(tmp_path, **text))
  assert list(map(lasting, lines(tmp_path))) == list(map(
      lasting, lines(folder)))
  assert_tensorboard_shows(tmp_path)
  assert_equal(tmp_path, folder)


def test_where_the_time_goes(tmp_path, monkeypatch):
  now = itertools.count(0)
  passing = lambda seconds: [next(now) for _ in range(seconds)]
  last = lambda: int(repr(now)[6:-1])
  monkeypatch.setattr(course.clock_lib, 'Clock', functools.partial(
      clock.Clock, last))
  compiled = course.train_step.compiled_steps

  def slow_steps(*args):
    take_steps = compiled(*args)
    return lambda *inputs: (passing(50 if inputs[1] == 0 else 5),
                            take_steps(*inputs))[1]

  def slow_input(step, batch):
    passing(3 if step < 5 else 30 if step == 5 else 1)
    return batch

  class SlowRate:

    def at(self, step, horizon):
      del step, horizon
      passing(2)
      return 0.01

  monkeypatch.setattr(course.train_step, 'compiled_steps', slow_steps)
  results = linear.steps(10, learning_rate=SlowRate()).run(
      linear.job(tmp_path, change=slow_input))
  first, second = lines(tmp_path)
  # The first step, which is compiled, is left out.
  assert first['images_per_second'] == pytest.approx(16 * 4 / (4 * 10))
  assert first['input_wait_share'] == pytest.approx(12 / 40)
  assert first['outside_share'] == pytest.approx(8 / 40)
  assert first['seconds'] == 55 + 40
  assert second['input_wait_share'] == pytest.approx(34 / 69)
  assert second['outside_share'] == pytest.approx(10 / 69)
  assert results['input_wait_share'] == pytest.approx(46 / 109)
  assert results['seconds'] == 55 + 109


class Accelerator:
  """A clock, a device that computes on its own, and a pipeline that does.

  A call takes `call` seconds of the device; the batches of the next one are
  there `batches` seconds after those before them. Nothing else takes time.
  """

  def __init__(self, call, batches):
    self.now = self._free = self._ready = 0.0
    self._call, self._batches = call, batches

  def feed(self, batches, counts, is_ahead):
    del is_ahead
    counts = iter(counts)

    def take():
      self._ready = max(self._ready + self._batches, self.now)
      self.now = self._ready
      return list(itertools.islice(batches, next(counts)))

    return types.SimpleNamespace(take=take)

  def compiled_steps(self, how, job, state):
    del how, job, state

    def take_steps(batches, step, rates):
      del step, rates
      done = self._free = max(self.now, self._free) + self._call

      class Loss:

        def __array__(_, dtype=None, copy=None):
          self.now = max(self.now, done)
          return np.ones(len(batches), dtype or np.float32)

      return {'loss': Loss()}

    return take_steps


@pytest.mark.parametrize('batches, share', [
    (0, 0), (8, 0), (15, 1 / 3), (40, 3 / 4)])
def test_the_wait_of_a_device_that_computes_on_its_own(
    tmp_path, monkeypatch, capsys, batches, share):
  """The host waits for each batch; the device only while it has no other."""
  machine = Accelerator(call=10, batches=batches)
  monkeypatch.setattr(course.clock_lib, 'Clock', functools.partial(
      clock.Clock, lambda: machine.now))
  monkeypatch.setattr(course.calls, 'Feed', machine.feed)
  monkeypatch.setattr(course.train_step, 'compiled_steps',
                      machine.compiled_steps)
  linear.steps(400, steps_per_call=4, summary_every_steps=200,
               checkpoint_every_steps=400).run(linear.job(tmp_path))
  _, last = lines(tmp_path)
  assert last['input_wait_share'] == pytest.approx(share, abs=0.02)
  assert last['probed_images_per_second'] == pytest.approx(4 * 16 / 10)
  said = [line for line in capsys.readouterr().err.splitlines()
          if 'went to waiting' in line]
  assert [', measured against calls whose batches were in memory. More' in line
          for line in said] == [True] * (share > 0)


def test_a_last_call_of_one_step_keeps_the_figures(tmp_path):
  """It is compiled as the first is, and only its own time is left out."""
  results = linear.steps(16, steps_per_call=5).run(linear.job(tmp_path))
  assert results['images_per_second'] > 0
  assert 'images_per_second' not in lines(tmp_path)[-1]


def test_input_that_holds_it_up_is_said_once(tmp_path, monkeypatch, capsys):
  figures = {'images_per_second': 5.0, 'input_wait_share': 0.34,
             'outside_share': 0.0}
  monkeypatch.setattr(clock.Clock, 'window', lambda self: figures)
  linear.steps(10).run(linear.job(tmp_path))
  said = [line for line in capsys.readouterr().err.splitlines()
          if 'waiting' in line]
  assert said == [
      'student/train: 34% of the time until step 5 went to waiting for '
      'batches. More cores, a cheaper crop or input noise, or images that are '
      'nearer make that less.']


THREE = training.LossGuard(attempts=3)


@pytest.fixture(name='returned', scope='module')
def make_returned(tmp_path_factory):
  """A loss of attempt 0 is NaN in step 13, and of attempt 1 in step 24."""
  def change(step, batch, attempt):
    return bad(13 if attempt == 0 else 24, (0, 1))(step, batch, attempt)
  folder = tmp_path_factory.mktemp('returned')
  return folder, linear.steps(guard=THREE).run(
      linear.job(folder, change=change, description='a.b = 1\n')), change


def test_it_returns_to_the_last_good_checkpoint(returned, whole):
  folder, results, _ = returned
  assert results['attempt'] == 2
  assert results['returns'] == [
      {'step': 15, 'returned_to': 10,
       'reason': 'loss of student/train is nan at step 15'},
      {'step': 25, 'returned_to': 20,
       'reason': 'loss of student/train is nan at step 25'}]
  assert [(line['step'], line['attempt']) for line in lines(folder)] == [
      (5, 0), (10, 0), (15, 1), (20, 1), (25, 2), (30, 2)]
  undisturbed = lines(whole[0])
  assert list(map(lasting, lines(folder)))[:2] == list(map(
      lasting, undisturbed))[:2]
  assert lines(folder)[2]['loss'] != undisturbed[2]['loss']
  assert_tensorboard_shows(folder)
  json.dumps(results)


def test_another_attempt_is_a_training_with_other_seeds(tmp_path, returned):
  """Put together from trainings that return nowhere."""
  for attempt, end in enumerate([10, 20, 30]):
    def ending(step, batch, attempt, end=end):
      del attempt
      if step == end - 1:
        os.kill(os.getpid(), signal.SIGTERM)
      return batch

    job = linear.job(tmp_path, change=ending)
    part = dataclasses.replace(
        job, seed=job.seed.of_attempt(attempt),
        batches=functools.partial(job.batches, attempt=attempt))
    with termination.heard(), (
        pytest.raises(errors.Terminated) if end < 30
        else contextlib.nullcontext()):
      linear.steps().run(part)
  assert_equal(tmp_path, returned[0])


@pytest.mark.parametrize('killed_at', [(1, 10), (1, 17), (2, 20), (2, 29)])
def test_a_kill_in_another_attempt(tmp_path, returned, killed_at):
  folder, results, change = returned
  dying = lambda step, batch, attempt: change(
      step, bad(None, (), killed_at)(step, batch, attempt), attempt)
  with pytest.raises(Killed):
    linear.steps(guard=THREE).run(linear.job(tmp_path, change=dying))
  taken = []
  noting = lambda step, batch, attempt: (
      taken.append((attempt, step)) or change(step, batch, attempt))
  again = linear.steps(guard=THREE).run(linear.job(tmp_path, change=noting))
  assert taken[0] == (killed_at[0], killed_at[1] // 10 * 10)
  assert lasting(again) == lasting(results)
  assert list(map(lasting, lines(tmp_path))) == list(map(
      lasting, lines(folder)))
  assert_equal(tmp_path, folder)


def test_an_interrupted_one_returns_where_another_does(tmp_path, returned):
  """To a checkpoint of the cadence, not to that of the interruption."""
  folder, results, change = returned

  def asking(step, batch, attempt):
    if (attempt, step) in ((0, 11), (1, 21)):
      os.kill(os.getpid(), signal.SIGTERM)
    return change(step, batch, attempt)

  for _ in range(2):
    with termination.heard(), pytest.raises(errors.Terminated):
      linear.steps(guard=THREE).run(linear.job(tmp_path, change=asking))
  again = linear.steps(guard=THREE).run(linear.job(tmp_path, change=change))
  assert lasting(again) == lasting(results)
  assert_equal(tmp_path, folder)


def test_before_the_first_checkpoint_it_returns_to_the_start(tmp_path, capsys):
  guard = training.LossGuard(attempts=2)
  results = linear.steps(12, guard=guard).run(
      linear.job(tmp_path, change=bad(3)))
  assert results['returns'] == [
      {'step': 5, 'returned_to': 0,
       'reason': 'loss of student/train is nan at step 5'}]
  assert [line['attempt'] for line in lines(tmp_path)] == [1, 1, 1]
  said = capsys.readouterr().err.splitlines()
  assert said[0] == ('The loss of student/train is nan at step 5; back to step '
                     '0, with other seeds')
  assert 'attempt 1' in said[-1] and '12/12 steps' in said[-1]


def test_when_all_attempts_are_used_up(tmp_path):
  taken = []
  always = lambda step, batch, attempt: (
      taken.append((attempt, step)) or bad(13, ALWAYS)(step, batch, attempt))
  with pytest.raises(errors.RunError) as caught:
    linear.steps(guard=THREE).run(linear.job(tmp_path, change=always))
  assert str(caught.value) == (
      'The loss of student/train is nan at step 15, in the last of the 3 '
      'attempts that `LossGuard.attempts` allows; all earlier stages are kept. '
      'Bind more and start again, which goes on from the last good '
      'checkpoint; or lower the peak of the learning rate or lengthen its '
      f'warm-up, remove `{tmp_path}`, and start again.')
  assert taken.count((0, 13)) == taken.count((2, 13)) == 1
  assert checkpoints(tmp_path) == ['attempt-1-step-10', 'attempt-2-step-10']
  assert not (tmp_path / 'average.npz').exists()
  # With more, it goes on.
  results = linear.steps(guard=training.LossGuard(attempts=5)).run(
      linear.job(tmp_path, change=bad(13, range(4))))
  assert results['attempt'] == 4 and len(results['returns']) == 4


def test_attempts_that_are_not_needed_change_nothing(tmp_path, whole):
  folder, results = whole
  again = linear.steps(guard=THREE).run(linear.job(tmp_path))
  assert lasting(again) == lasting(results)
  assert_equal(tmp_path, folder)


def test_a_loss_that_explodes(tmp_path, whole):
  def change(step, batch, attempt):
    weight = 1e3 if step == 6 and not attempt else 1
    return {**batch, 'weight': batch['weight'] * np.float32(weight)}

  guard = training.LossGuard(max_loss=50.0)
  with pytest.raises(errors.RunError) as caught:
    linear.steps(guard=guard).run(linear.job(tmp_path, change=change))
  head, _, tail = str(caught.value).partition(' before ')
  assert 1e3 < float(head.removeprefix('The loss of student/train is ')) < 1e4
  assert tail == (
      'step 10, above `LossGuard.max_loss` = 50; all earlier stages are kept. '
      'Lower the peak of the learning rate or lengthen its warm-up, remove '
      f'`{tmp_path}`, and start again.')
  assert not checkpoints(tmp_path)
  # A guard is no part of what the result is of: the same folder goes on.
  results = linear.steps(guard=dataclasses.replace(guard, attempts=2)).run(
      linear.job(tmp_path, change=change))
  assert results['attempt'] == 1
  assert results['loss'] < whole[1]['loss'] * 2


def measuring(accuracies):
  """An accuracy that is told for each measurement; notes the weights."""
  told, seen = iter(accuracies), []

  def accuracy(network):
    seen.append([variable.numpy() for variable in network.variables])
    return next(told)

  return accuracy, seen


BEST = training.BestOnValidation(every_steps=8)


def test_the_best_average_is_kept(tmp_path, whole):
  accuracy, seen = measuring([0.5, 0.75, 0.75, 0.25])
  results = linear.steps(selection=BEST).run(
      linear.job(tmp_path, accuracy=accuracy))
  assert lasting(results) == {
      **lasting(whole[1]), 'best_step': 16, 'validation_accuracy': 0.75}
  found = arrays(tmp_path)
  np.testing.assert_array_equal(list(found.values())[0], seen[1][0])
  # The average of the same training, 16 steps of it.
  linear.steps(16).run(linear.job(tmp_path / 'short'))
  np.testing.assert_array_equal(
      list(arrays(tmp_path / 'short').values())[0], seen[1][0])
  for name, value in arrays(tmp_path, 'network').items():
    np.testing.assert_array_equal(value, arrays(whole[0], 'network')[name])
  measured = [(line['step'], line['validation_accuracy'])
              for line in lines(tmp_path) if 'validation_accuracy' in line]
  assert measured == [(8, 0.5), (16, 0.75), (24, 0.75), (30, 0.25)]


@pytest.mark.parametrize('killed_at, left', [
    (9, [0.5, 0.75, 0.5, 0.25]), (17, [0.75, 0.5, 0.25]),
    (29, [0.5, 0.25])])
def test_a_kill_does_not_change_which_is_best(tmp_path, killed_at, left):
  told = [0.5, 0.75, 0.5, 0.25]
  whole = linear.steps(selection=BEST).run(linear.job(
      tmp_path / 'whole', accuracy=measuring(told)[0]))
  with pytest.raises(Killed):
    linear.steps(selection=BEST).run(linear.job(
        tmp_path / 'killed', accuracy=measuring(told)[0],
        change=bad(None, (), (0, killed_at))))
  again = linear.steps(selection=BEST).run(linear.job(
      tmp_path / 'killed', accuracy=measuring(left)[0]))
  assert lasting(again) == lasting(whole)
  assert_equal(tmp_path / 'killed', tmp_path / 'whole')


def test_the_best_of_a_failed_attempt_is_forgotten(tmp_path):
  # Of steps 8, 16 (then it fails, and goes back to 10), 16, 24 and 30.
  accuracy, seen = measuring([0.5, 0.9, 0.6, 0.7, 0.65])
  results = linear.steps(selection=BEST, guard=THREE).run(
      linear.job(tmp_path, accuracy=accuracy, change=bad(17)))
  assert (results['best_step'], results['validation_accuracy']) == (24, 0.7)
  np.testing.assert_array_equal(list(arrays(tmp_path).values())[0], seen[3][0])


def test_without_validation_nothing_is_selected(tmp_path):
  with pytest.raises(errors.RunError) as caught:
    linear.steps(selection=BEST).run(linear.job(tmp_path))
  assert str(caught.value) == (
      '`Training.selection` measures on validation images, of which '
      'student/train has none; leave it out, or bind a division of the data '
      'that has some.')


def test_so_many_checkpoints_are_kept(tmp_path):
  linear.steps(60, checkpoints_to_keep=3).run(linear.job(tmp_path))
  assert checkpoints(tmp_path) == ['step-30', 'step-40', 'step-50']


@pytest.mark.parametrize('build, said', [
    (lambda: training.LossGuard(attempts=0),
     '`LossGuard.attempts` should be a whole number of at least 1, but is 0.'),
    (lambda: training.LossGuard(max_loss=0),
     '`LossGuard.max_loss` should be a number above 0, but is 0.'),
    (lambda: training.BestOnValidation(every_steps=0),
     '`BestOnValidation.every_steps` should be a whole number of at least 1, '
     'but is 0.'),
    (lambda: linear.steps(guard=None),
     '`Training.guard` should be a value of type LossGuard, but is None.'),
    (lambda: linear.steps(selection=8),
     '`Training.selection` should be a value of type BestOnValidation, but is '
     '8.'),
    (lambda: linear.steps(
        10, selection=training.BestOnValidation(every_steps=11)),
     '`BestOnValidation.every_steps` should be at most `Training.num_steps` = '
     '10, but is 11; at the last step alone there is nothing to choose from.'),
    (lambda: linear.steps(checkpoints_to_keep=0),
     '`Training.checkpoints_to_keep` should be a whole number of at least 1, '
     'but is 0.')])
def test_wrong_arguments(build, said):
  with pytest.raises((TypeError, ValueError)) as caught:
    build()
  assert str(caught.value) == said
