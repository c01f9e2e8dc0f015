"""kill -9 while labelling, selecting and materialising: nothing is lost.

The long form is a hundred kills, half of them by the clock.
"""

import numpy as np
import pytest

from tests.pseudolabel import killed
from tests.support import long_form

KILLS = 4


@pytest.fixture(name='whole', scope='module')
def make_whole(tmp_path_factory):
  """What an undisturbed process writes, and the number of its moments."""
  folder = tmp_path_factory.mktemp('whole')
  moments = killed.start(killed.Work(folder=str(folder)))
  return killed.contents(folder), moments


def check_names(folder, expected) -> None:
  """What has its final name is whole, and is what it will be."""
  for name, content in killed.contents(folder).items():
    if '/.' not in name and '/scratch/' not in name:
      assert content == expected[name], name


def kill_and_finish(folder, expected, works) -> int:
  """Starts again and again, and at last to the end; how many were killed."""
  kills = 0
  for work in works:
    kills += killed.start(work) is None
    check_names(folder, expected)
  assert killed.start(killed.Work(folder=str(folder))) is not None
  assert killed.contents(folder) == expected
  return kills


@pytest.mark.parametrize('seed', long_form.cases(range(13), [0]))
def test_killed_at_any_moment_it_comes_to_the_same_bytes(
    tmp_path, whole, seed):
  expected, moments = whole
  draws = np.random.default_rng(seed)
  # One early, one late, so that all stages have their share.
  at = [1 + int(draws.integers(0, moments) * share)
        for share in (1.0, 0.2, 0.5, 0.9)]
  works = [killed.Work(folder=str(tmp_path), moment=moment) for moment in at]
  # A later start may be done before its moment comes.
  assert 1 <= kill_and_finish(tmp_path, expected, works) <= KILLS


@pytest.mark.parametrize('seed', long_form.cases(range(12), [0]))
def test_killed_at_any_time_it_comes_to_the_same_bytes(tmp_path, whole, seed):
  draws = np.random.default_rng([seed, 7])
  works = [killed.Work(folder=str(tmp_path),
                       seconds=float(draws.uniform(0.05, 0.6)))
           for _ in range(KILLS)]
  kill_and_finish(tmp_path, whole[0], works)
