import dataclasses
import itertools
import json
import os
import shutil
import signal

import numpy as np
import pytest
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.util import tensor_util

from ns import noise
from ns.core import errors
from ns.core import seeds
from ns.core import termination
from ns.core.runtime import alone
from ns.models import inference
from ns.models import weights
from ns.training import clock
from ns.training import learning_rate
from ns.training import optimizer
from ns.training import trainer
from tests.support import data_sets
from tests.support import linear
from tests.support import long_form
from tests.support import tiny


class Killed(BaseException):
  """Stands for the end of the program: nothing catches it."""


def killing(at):
  """A change of batches that ends the program before step `at`."""
  def change(step, batch):
    if step == at:
      raise Killed
    return batch
  return change


def broken(at):
  """A change of batches that makes the loss of step `at` NaN."""
  def change(step, batch):
    return {**batch, 'weight': batch['weight'] * np.nan} if step == at else (
        batch)
  return change


def arrays(path):
  with np.load(path) as file:
    return dict(file)


def assert_equal(found, expected):
  assert found.keys() == expected.keys()
  for name in found:
    np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


TIMES = ('seconds', *clock.FIGURES)


def without_times(results):
  return {n: v for n, v in results.items() if n not in TIMES}


def scalars(folder, name):
  accumulator = event_accumulator.EventAccumulator(
      str(folder), size_guidance={event_accumulator.TENSORS: 0})
  accumulator.Reload()
  return [(e.step, float(tensor_util.make_ndarray(e.tensor_proto)))
          for e in accumulator.Tensors(name)]


CADENCES = {'summary_every_steps': 20, 'checkpoint_every_steps': 25}


@pytest.fixture(name='whole', scope='module')
def make_whole(tmp_path_factory):
  """A training of 60 steps that nothing disturbed: its folder and results."""
  folder = tmp_path_factory.mktemp('whole')
  return folder, tiny.steps(60, **CADENCES).run(tiny.job(folder))


@pytest.fixture(name='wholes', scope='module')
def make_wholes(tmp_path_factory, whole):
  """Such a training of a network, and of one that is compiled in a moment."""
  folder = tmp_path_factory.mktemp('linear')
  return {tiny: whole, linear: (
      folder, linear.steps(60, **CADENCES).run(linear.job(folder)))}


def test_the_loss_falls(whole):
  folder, results = whole
  losses = scalars(folder / 'summaries', 'loss')
  assert [step for step, _ in losses] == [20, 40, 60]
  assert losses[-1][1] < 0.6 * losses[0][1]
  assert results['loss'] == pytest.approx(losses[-1][1], rel=1e-6)
  assert results['labelled_accuracy'] > 0.8
  assert results['seconds'] > 0 and results['images_per_second'] > 0
  assert set(results) == {'loss', 'labelled_accuracy', 'pseudo_agreement',
                          'attempt', *TIMES} - {clock.PROBED}
  json.dumps(results)  # Plain numbers, as a manifest wants them.


def test_the_rate_shown_is_the_one_taken(whole):
  folder, _ = whole
  cosine = learning_rate.Cosine(peak=0.05, warmup_steps=2)
  for done, rate in scalars(folder / 'summaries', 'learning_rate'):
    assert rate == pytest.approx(cosine.at(done - 1, learning_rate.Horizon(
        num_steps=60, labelled_batch=8)), rel=1e-6)


def test_the_average_is_a_trained_network(whole):
  folder, _ = whole
  network = tiny.architecture().build(noise.ModelNoise(), 4, seed=99)
  weights.load(network, folder / 'average.npz')
  pixels, labels = data_sets.pixels_and_labels(80, seed=7)
  predicted = inference.predictor(network)(pixels[..., np.newaxis])
  # Chance is 0.25; its moving statistics are still half those of the start.
  assert (predicted.argmax(-1) == labels).mean() > 0.5


def test_the_weights_themselves_are_kept_too(whole):
  folder, _ = whole
  average, network = (arrays(folder / f'{name}.npz')
                      for name in ('average', 'network'))
  assert average.keys() == network.keys()
  assert any(not np.array_equal(average[n], network[n]) for n in average)


def test_results_and_scratch_are_left(whole):
  folder, _ = whole
  assert sorted(p.name for p in folder.iterdir()) == [
      'average.npz', 'metrics.jsonl', 'network.npz', 'scratch', 'summaries']


def test_killed_before_the_commit_loses_the_last_steps_at_most(tmp_path, whole):
  folder, _ = whole
  shutil.copytree(folder, tmp_path / 'again')
  taken = []
  tiny.steps(60, **CADENCES).run(tiny.job(
      tmp_path / 'again',
      change=lambda step, batch: taken.append(step) or batch))
  assert min(taken) == 50


@pytest.mark.parametrize('support, at', long_form.cases(
    list(itertools.product([tiny, linear], [0, 25, 26, 59])),
    [(tiny, 26), (linear, 0), (linear, 59)]))
def test_killed_anywhere_and_restarted_gives_the_same(tmp_path, wholes, support,
                                                      at):
  folder, results = wholes[support]
  training = support.steps(60, **CADENCES)
  with pytest.raises(Killed):
    training.run(support.job(tmp_path, change=killing(at)))
  assert not (tmp_path / 'average.npz').exists()
  taken = []
  again = training.run(support.job(
      tmp_path, change=lambda step, batch: taken.append(step) or batch))
  # No step before the last checkpoint is taken again.
  assert taken[0] == at // 25 * 25
  for name in 'average.npz', 'network.npz':
    assert_equal(arrays(tmp_path / name), arrays(folder / name))
  assert without_times(again) == without_times(results)


@pytest.mark.parametrize('support, at', long_form.cases(
    list(itertools.product([tiny, linear], [0, 19, 25, 43, 58])),
    [(tiny, 43), (linear, 0), (linear, 25)]))
def test_asked_to_end_it_ends_after_the_step_and_goes_on_from_there(
    tmp_path, wholes, support, at):
  folder, results = wholes[support]
  training = support.steps(60, **CADENCES)

  def asking(step, batch):
    if step == at:
      os.kill(os.getpid(), signal.SIGTERM)
    return batch

  with termination.heard(), pytest.raises(errors.Terminated):
    training.run(support.job(tmp_path, change=asking))
  taken = []
  again = training.run(support.job(
      tmp_path, change=lambda step, batch: taken.append(step) or batch))
  assert taken[0] == at + 1
  for name in 'average.npz', 'network.npz':
    assert_equal(arrays(tmp_path / name), arrays(folder / name))
  assert without_times(again) == without_times(results)


def test_asked_to_end_in_the_last_step_it_finishes(tmp_path):
  training = linear.steps(5)
  ask = lambda step, batch: (
      step == 4 and os.kill(os.getpid(), signal.SIGTERM)) or batch
  with termination.heard():
    training.run(linear.job(tmp_path, change=ask))
  assert (tmp_path / 'average.npz').exists()


def test_seconds_are_those_of_all_starts(tmp_path, monkeypatch):
  monkeypatch.setattr(clock.Clock, 'seconds', 10.0)  # Of every start.
  training = linear.steps(6, summary_every_steps=100, checkpoint_every_steps=3)
  with pytest.raises(Killed):
    training.run(linear.job(tmp_path, change=killing(4)))
  assert training.run(linear.job(tmp_path))['seconds'] == 20.0


def test_cadences_do_not_change_the_weights(tmp_path, wholes):
  folder, _ = wholes[linear]
  linear.steps(60, summary_every_steps=7, checkpoint_every_steps=1000).run(
      linear.job(tmp_path))
  assert_equal(arrays(tmp_path / 'average.npz'), arrays(folder / 'average.npz'))


def test_another_seed_gives_other_weights(tmp_path, wholes):
  folder, _ = wholes[linear]
  linear.steps(60).run(linear.job(tmp_path, seed=seeds.Seed(6)))
  ours, theirs = (arrays(place / 'average.npz') for place in (tmp_path, folder))
  assert any(not np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize('summary, checkpoint, said_at', [
    (10, 4, 8),  # Seen before the checkpoint of step 8.
    (2, 100, 6), (100, 100, 12), (5, 4, 8)])
def test_a_loss_that_is_nan_ends_it(tmp_path, summary, checkpoint, said_at):
  training = linear.steps(12, summary_every_steps=summary,
                          checkpoint_every_steps=checkpoint)
  with pytest.raises(errors.RunError) as caught:
    training.run(linear.job(tmp_path, change=broken(5)))
  assert str(caught.value) == (
      f'The loss of student/train is nan at step {said_at}; all earlier stages '
      'are kept. Lower the peak of the learning rate or lengthen its warm-up, '
      f'remove `{tmp_path}`, and start again.')
  saved = sorted(
      p.stem for p in (tmp_path / 'scratch/checkpoints').glob('*.npz'))
  assert saved == (['step-4'] if checkpoint == 4 else [])
  assert not (tmp_path / 'average.npz').exists()


@pytest.mark.parametrize('checkpoint, said_at', [(1, 1), (100, 2)])
def test_weights_that_overflow_end_it(tmp_path, checkpoint, said_at):
  """The loss is from before the update, so it does not tell."""
  training = linear.steps(said_at + 1 if checkpoint == 1 else said_at,
                          learning_rate=TooMuch(said_at - 1),
                          summary_every_steps=100,
                          checkpoint_every_steps=checkpoint)
  with pytest.raises(errors.RunError) as caught:
    training.run(linear.job(tmp_path, change=lambda step, batch: {
        **batch, 'weight': 1e4 * batch['weight']}))
  message = str(caught.value)
  assert message.startswith(
      'The moving average of student/train is not finite in `network/')
  assert message.endswith(
      f'` at step {said_at}; all earlier stages are kept. Lower the peak of '
      'the learning rate or lengthen its warm-up, remove '
      f'`{tmp_path}`, and start again.')
  assert not list(tmp_path.glob('scratch/checkpoints/*.npz'))
  assert not (tmp_path / 'average.npz').exists()


@dataclasses.dataclass
class TooMuch:
  """A learning rate that is too much at one step alone."""
  at_step: int

  def at(self, step, horizon):
    del horizon
    return 1e38 if step == self.at_step else 1e-6


def arguments(**changes):
  return {'num_steps': 5, 'learning_rate': learning_rate.Cosine(peak=0.1),
          **changes}


@pytest.mark.parametrize('field, value, said', [
    ('num_steps', 0, 'a whole number of at least 1, but is 0.'),
    ('checkpoint_every_steps', 0, 'a whole number of at least 1, but is 0.'),
    ('summary_every_steps', None,
     'a whole number of at least 1, but is None.'),
    ('weight_decay', -1, 'a number at least 0, but is -1.'),
    ('learning_rate', 0.1, 'an object with `at()`, but is 0.1.'),
    ('optimizer', None, 'an object with `build()`, but is None.'),
    ('average', 0.9, 'an object with `update()`, but is 0.9.'),
    ('precision', 'bfloat16',
     "one of 'float32', 'mixed_bfloat16', but is 'bfloat16'."),
    ('jit_compile', None, 'one of False, True, but is None.'),
])
def test_wrong_arguments(field, value, said):
  with pytest.raises((TypeError, ValueError)) as caught:
    trainer.Training(**arguments(**{field: value}))
  assert str(caught.value) == f'`Training.{field}` should be {said}'


def test_another_precision_is_given_to_the_network_being_trained(tmp_path):
  given = []

  def build(seed, **how):
    given.append(how)
    return tiny.architecture().build(noise.ModelNoise(), 4, seed=seed, **how)

  results = []
  for precision in 'float32', 'mixed_bfloat16':
    folder = tmp_path / precision
    results.append(tiny.steps(20, precision=precision).run(
        dataclasses.replace(tiny.job(folder), build=build)))
    average = arrays(folder / 'average.npz')
    assert {value.dtype for value in average.values()} == {np.dtype('float32')}
  # A network of a team may lack the argument, and the average needs none.
  assert given == [{}, {}, {'precision': 'mixed_bfloat16'}, {}]
  assert results[1]['loss'] == pytest.approx(results[0]['loss'], rel=0.05)
  assert results[1]['loss'] != results[0]['loss']


def test_it_may_start_from_weights(tmp_path):
  network = tiny.architecture().build(noise.ModelNoise(), 4, seed=77)
  weights.save(network, tmp_path / 'start.npz')
  job = dataclasses.replace(tiny.job(tmp_path / 'x'),
                            initial_weights=tmp_path / 'start.npz')
  tiny.steps(1, weight_decay=0.0,
             learning_rate=learning_rate.Constant(rate=1e-12)).run(job)
  start = arrays(tmp_path / 'start.npz')
  for name in 'network', 'average':
    found = arrays(tmp_path / 'x' / f'{name}.npz')
    for path in start:
      if 'moving_' not in path:
        np.testing.assert_allclose(found[path], start[path], atol=1e-6)


def test_a_rate_in_epochs_has_the_jobs_numbers(tmp_path):
  exponential = learning_rate.Exponential(warmup_epochs=1, base_lr=1.0)
  job = linear.job(tmp_path, num_labelled=24)
  linear.steps(6, learning_rate=exponential, summary_every_steps=1).run(job)
  # Epochs of 24 / 8 = 3 steps; a peak of 8 / 256; stairs of 7.2 steps.
  assert scalars(tmp_path / 'summaries', 'learning_rate') == [
      (done, pytest.approx(8 / 256 * warmed)) for done, warmed in
      enumerate([0, 1 / 3, 2 / 3, 1, 1, 1], start=1)]


def test_a_rate_that_does_not_fit_is_said_before_training(tmp_path):
  training = tiny.steps(15, learning_rate=learning_rate.Exponential())
  job = dataclasses.replace(tiny.job(tmp_path), num_labelled=24)
  with pytest.raises(errors.RunError, match='^`Exponential.warmup_epochs` '
                     'should be below the 5 epochs of the training'):
    training.run(job)
  with pytest.raises(errors.RunError, match='^`Job.num_labelled` should be the '
                     'number of labelled images'):
    training.run(tiny.job(tmp_path))
  assert not list(tmp_path.iterdir())
  fitting = {'labelled_batch': 8, 'num_labelled': 23}
  assert training.check(model=tiny.architecture(), **fitting) == (
      learning_rate.Horizon(num_steps=15, **fitting))


@pytest.mark.parametrize('kind', [optimizer.Lars, optimizer.AdamW])
def test_weights_decay_once(kind):
  trainer.Training(**arguments(optimizer=kind(), weight_decay=0.0))
  trainer.Training(**arguments(optimizer=kind(weight_decay=0), weight_decay=1))
  with pytest.raises(ValueError) as caught:
    trainer.Training(**arguments(optimizer=kind()))
  name = kind.__name__
  assert str(caught.value) == (
      f'`Training.weight_decay` should be 0 with `{name}`, which decays the '
      'weights itself, but is 1e-05; bind 0 to one of `Training.weight_decay` '
      f'and `{name}.weight_decay`.')


@pytest.mark.parametrize('warmup_steps', [5, 6])
def test_a_warm_up_longer_than_the_training(warmup_steps):
  rate = learning_rate.Cosine(peak=0.1, warmup_steps=warmup_steps)
  with pytest.raises(ValueError) as caught:
    trainer.Training(**arguments(learning_rate=rate))
  assert str(caught.value) == (
      '`Cosine.warmup_steps` should be below `Training.num_steps` = 5, but is '
      f'{warmup_steps}.')


class Second(alone.Alone):
  """Another host than the first, which is asked to end in the end of a step.

  Attributes:
    ends_at: the step at which another host is.
  """
  is_chief = False
  ends_at = None
  asked = 0

  def any(self, flag):
    object.__setattr__(self, 'asked', self.asked + 1)
    return flag or self.asked == self.ends_at


def test_another_host_than_the_first_writes_nothing(tmp_path):
  job = linear.job(tmp_path, hosts=Second())
  found = linear.steps(12, checkpoint_every_steps=5).run(job)
  assert list(tmp_path.iterdir()) == [] and found['loss'] > 0


def test_when_another_host_is_asked_to_end_all_end(tmp_path):
  hosts = Second()
  object.__setattr__(hosts, 'ends_at', 3)
  job = linear.job(tmp_path, hosts=hosts)
  with pytest.raises(errors.Terminated):
    linear.steps(12).run(job)
  assert hosts.asked == 3
