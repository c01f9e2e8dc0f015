"""Broken images that a training meets: counted, named and bounded."""

import dataclasses
import json
import os
import signal

import numpy as np
import pytest

from ns import training
from ns.core import errors
from ns.core import termination
from ns.core.runtime import alone
from ns.mixture import broken as limits
from ns.training import broken
from ns.training import clock
from tests.support import linear

OF_TIME = ('seconds', *clock.FIGURES)


class Killed(BaseException):
  """Stands for the end of the program: nothing catches it."""


def with_broken(at=(3, 8, 12, 17, 24), do=lambda step, attempt: None):
  """A change of batches: the images 2 (labelled) and 9 of some are broken.

  Each batch of an attempt has images of its own, but the first of step 17 is
  that of step 3.
  """
  def change(step, batch, attempt):
    do(step, attempt)
    weight, named = batch['weight'].copy(), 3 if step == 17 else step
    if step in at:
      weight[[2, 9]] = 0
    keys = [f'k{attempt}-{named:02}-{i:02}'.encode() for i in range(16)]
    return {**batch, 'weight': weight, 'key': np.array(keys)}
  return change


def killing(*where):
  def do(step, attempt):
    if (step, attempt) in where:
      raise Killed
  return do


def lasting(results):
  return {n: v for n, v in results.items() if n not in OF_TIME}


def lines(folder):
  return [lasting(json.loads(line)) for line in
          (folder / 'metrics.jsonl').read_text().splitlines()]


@pytest.fixture(name='whole', scope='module')
def make_whole(tmp_path_factory):
  folder = tmp_path_factory.mktemp('whole')
  return folder, linear.steps().run(linear.job(folder, change=with_broken()))


def test_each_is_counted_once(whole):
  folder, results = whole
  counts = [line.get('broken_images') for line in lines(folder)]
  assert counts == [2, 4, 6, 6, 8, 8]
  assert results['broken_images'] == 8
  assert results['broken'] == {
      kind: {'count': 4, 'keys': [f'k0-{step:02}-{place:02}'
                                  for step in (3, 8, 12, 24)]}
      for kind, place in (('labelled', 2), ('pseudo_labelled', 9))}
  json.dumps(results)


# The checkpoint is of step 10 or 20; what comes after is met again.
@pytest.mark.parametrize('at, steps_per_call', [
    (4, 1), (9, 5), (10, 1), (14, 1), (25, 5), (29, 2)])
def test_a_kill_loses_none(tmp_path, whole, at, steps_per_call):
  how = linear.steps(steps_per_call=steps_per_call)
  with pytest.raises(Killed):
    how.run(linear.job(tmp_path, change=with_broken(do=killing((at, 0)))))
  again = how.run(linear.job(tmp_path, change=with_broken()))
  assert lasting(again) == lasting(whole[1])
  assert lines(tmp_path) == lines(whole[0])


def test_what_is_made_ahead_is_not_counted(tmp_path, whole):
  """A thread makes step 12 while the steps until 10 are taken."""
  def do(step, attempt):
    del attempt
    if step == 6:
      os.kill(os.getpid(), signal.SIGTERM)

  how = linear.steps(steps_per_call=5)
  with termination.heard(), pytest.raises(errors.Terminated):
    how.run(linear.job(tmp_path, change=with_broken(do=do)))
  assert lines(tmp_path) == lines(whole[0])[:len(lines(tmp_path))]
  again = how.run(linear.job(tmp_path, change=with_broken()))
  assert lasting(again) == lasting(whole[1])
  assert lines(tmp_path) == lines(whole[0])


def test_a_return_forgets_what_was_after_the_checkpoint(tmp_path):
  def run(folder, do=lambda step, attempt: None):
    broken_at = with_broken(do=do)

    def change(step, batch, attempt):
      found = broken_at(step, batch, attempt)
      is_bad = (step, attempt) in ((13, 0), (26, 1))
      return {**found, 'weight': found['weight'] * (np.nan if is_bad else 1)}

    return linear.steps(guard=training.LossGuard(attempts=3)).run(
        linear.job(tmp_path / folder, change=change))

  results = run('whole')
  keys = results['broken']['labelled']['keys']
  assert keys == ['k0-03-02', 'k0-08-02', 'k1-03-02', 'k1-12-02', 'k2-24-02']
  with pytest.raises(Killed):
    run('killed', killing((11, 0)))
  with pytest.raises(Killed):
    run('killed', killing((24, 1)))
  with pytest.raises(Killed):
    run('killed', killing((22, 2)))
  assert lasting(run('killed')) == lasting(results)
  assert lines(tmp_path / 'killed') == lines(tmp_path / 'whole')


def limited(share):
  return {'labelled': limits.Limit(
      name='flowers', images=100, share=share,
      binding='ImageFolder.max_excluded')}


def test_at_the_limit(tmp_path):
  results = linear.steps(15).run(linear.job(
      tmp_path, change=with_broken(), max_broken=limited(0.03)))
  assert results['broken']['labelled'] == {
      'count': 3, 'share': 0.03, 'max_share': 0.03,
      'keys': ['k0-03-02', 'k0-08-02', 'k0-12-02']}
  assert results['broken']['pseudo_labelled']['count'] == 3


@pytest.mark.parametrize('steps_per_call', [1, 5])
def test_above_the_limit(tmp_path, steps_per_call):
  how = linear.steps(15, steps_per_call=steps_per_call)
  for _ in range(2):  # Another start says the same.
    with pytest.raises(errors.RunError) as caught:
      how.run(linear.job(
          tmp_path, change=with_broken(), max_broken=limited(0.02)))
    assert str(caught.value) == (
        'At most 0.02 of the 100 images of `flowers` should be broken, which '
        'is `ImageFolder.max_excluded`, but 3 do not decode by step 15 of '
        'student/train: `k0-03-02`, `k0-08-02`, `k0-12-02`; repair them, take '
        'them out, or allow more.')
  assert len(lines(tmp_path)) == 2
  results = how.run(linear.job(
      tmp_path, change=with_broken(), max_broken=limited(0.05)))
  assert results['broken_images'] == 6


class Other(alone.Alone):
  """One of two hosts; the other one meets an image before each summary."""
  workers = 2

  def union(self, items):
    self.__dict__['said'] = [*self.__dict__.get('said', ()), len(items)]
    return [*items, ['labelled', f'other-{len(self.said)}']]


def test_hosts_count_together(tmp_path):
  hosts = Other()
  results = linear.steps(10).run(linear.job(
      tmp_path, change=with_broken(), hosts=hosts, max_broken=limited(0.04)))
  assert results['broken']['labelled']['keys'] == [
      'k0-03-02', 'k0-08-02', 'other-1', 'other-2']
  assert hosts.said == [2, 2]  # What is new.
  with pytest.raises(errors.RunError, match=' but 4 do not decode by step 10 '):
    linear.steps(10).run(linear.job(
        tmp_path / 'other', change=with_broken(), hosts=Other(),
        max_broken=limited(0.03)))


def test_the_first_twenty_are_named_once(tmp_path, capsys):
  counted = broken.Broken(linear.job(tmp_path), {'labelled': ['a']})
  images = [('labelled', key) for key in ('a', 'b', 'b')]
  counted.meet(images)
  counted.meet(images)
  assert capsys.readouterr().err == (
      'student/train: the image `b` does not decode, and counts for nothing\n')
  counted.meet(('pseudo_labelled', f'{i:02}') for i in range(30))
  said = capsys.readouterr().err.splitlines()
  assert len(said) == 18
  assert said[-1].endswith('`17` does not decode, and counts for nothing; no '
                           'more are named')
  found = counted.agreed(1)
  assert found['labelled'] == ['a', 'b']
  assert len(found['pseudo_labelled']) == 30
  told = broken.results(linear.job(tmp_path), found)
  assert told['broken_images'] == 32
  assert len(told['broken']['pseudo_labelled']['keys']) == 20


def test_where_none_is_broken(tmp_path):
  job = linear.job(tmp_path)
  assert broken.results(job, broken.Broken(job, {}).agreed(1)) == {}
