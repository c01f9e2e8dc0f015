"""A whole run on two devices, or on two hosts, is the run on one device."""

import json

import numpy as np
import pytest

from ns.pseudolabel import store
from tests.integration import on_runtimes

_SECONDS = 300


class Made:
  """What a run left in its folder."""

  def __init__(self, work):
    self.summary = json.loads((work / 'summary.json').read_text())
    self.losses = {name: [json.loads(line)['loss'] for line in (
        work / name / 'train' / 'metrics.jsonl').read_text().splitlines()]
                   for name in ('teacher', 'student1')}
    with np.load(work / 'student1' / 'train' / 'average.npz') as arrays:
      self.weights = dict(arrays)
    files = sorted((work / 'student1' / 'label').glob('*.parquet'))
    self.shards = [next(iter(store.read(str(path), ['key', 'probabilities'])))
                   for path in files]


@pytest.fixture(name='made', scope='module')
def make_runs(tmp_path_factory):
  """The run by its runtime: 'one', 'two' devices, and 'hosts'."""
  folder = tmp_path_factory.mktemp('runs')
  on_runtimes.run(folder / 'data', on_runtimes.DEVICES['one'])
  programs = [on_runtimes.start(folder / 'data', folder),
              *on_runtimes.start_hosts(folder / 'data', folder / 'hosts')]
  said = [program.communicate(timeout=_SECONDS)[0] for program in programs]
  for program, text in zip(programs, said):
    assert program.returncode == 0, text
  runs = {name: Made(folder / name) for name in ('one', 'two', 'hosts')}
  return {**runs, 'said': said[1:]}


@pytest.mark.parametrize('kind', ['two', 'hosts'])
@pytest.mark.parametrize('generation', ['teacher', 'student1'])
def test_the_loss_is_that_of_one_device(made, kind, generation):
  """At every step, with dropout, stochastic depth and input noise."""
  ours, expected = (made[name].losses[generation] for name in (kind, 'one'))
  assert len(expected) == 12 and len(set(expected)) == 12
  np.testing.assert_allclose(ours, expected, rtol=1e-5)


@pytest.mark.parametrize('kind', ['two', 'hosts'])
def test_the_weights_are_those_of_one_device(made, kind):
  ours, expected = made[kind].weights, made['one'].weights
  assert ours.keys() == expected.keys()
  for name in expected:
    np.testing.assert_allclose(ours[name], expected[name], rtol=2e-3,
                               atol=2e-4, err_msg=name)


@pytest.mark.parametrize('kind', ['two', 'hosts'])
def test_labels_and_accuracies_are_those_of_one_device(made, kind):
  ours, expected = made[kind], made['one']
  assert len(expected.shards) == 3
  for found, shard in zip(ours.shards, expected.shards, strict=True):
    assert found['key'].tolist() == shard['key'].tolist()
    np.testing.assert_allclose(
        found['probabilities'].astype(np.float32),
        shard['probabilities'].astype(np.float32), rtol=2e-3, atol=1e-4)
  for found, generation in zip(*(run.summary['generations']
                                 for run in (ours, expected)), strict=True):
    assert found['evaluate']['test'] == generation['evaluate']['test']
    if 'label' in generation:
      assert {name: found['label'][name] for name in (
          'images', 'shards', 'images_labelled', 'shards_kept')} == {
              'images': 40, 'shards': 3, 'images_labelled': 40,
              'shards_kept': 0}


def test_each_host_says_who_it_is(made):
  chief, other = made['said']
  assert 'student1/train: finished' in chief
  lines = [line for line in other.splitlines() if '/' in line]
  assert lines and 'finished' not in other
  own = [line for line in lines if 'student1' in line or 'teacher' in line]
  assert all(line.startswith('worker 1: ') for line in own)
