"""kill -9 while labelling, selecting and materialising: nothing is lost.

The long form is a hundred kills, half of them by the clock.
"""

import itertools
import shutil

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


def kill_and_finish(folder, expected, draw) -> None:
  """Starts until it was killed some times, and at last to the end.

  Args:
    folder: where it works.
    expected: what is there in the end.
    draw: gives the `Work` of a start.
  """
  kills = 0
  while kills < KILLS:
    if killed.start(draw()) is None:
      kills += 1
      check_names(folder, expected)
    else:  # It came to its end before: begin again.
      assert killed.contents(folder) == expected
      shutil.rmtree(folder)
  assert killed.start(killed.Work(folder=str(folder))) is not None
  assert killed.contents(folder) == expected


@pytest.mark.parametrize('seed', long_form.cases(range(13), [0]))
def test_killed_at_any_moment_it_comes_to_the_same_bytes(
    tmp_path, whole, seed):
  expected, moments = whole
  draws = np.random.default_rng(seed)
  # The stages after the labels have their share, too.
  shares = itertools.cycle([1.0, 0.2, 0.5, 0.9])
  kill_and_finish(tmp_path, expected, lambda: killed.Work(
      folder=str(tmp_path),
      moment=1 + int(draws.integers(0, moments) * next(shares))))


@pytest.mark.parametrize('seed', long_form.cases(range(12), [0]))
def test_killed_at_any_time_it_comes_to_the_same_bytes(tmp_path, whole, seed):
  draws = np.random.default_rng([seed, 7])
  kill_and_finish(tmp_path, whole[0], lambda: killed.Work(
      folder=str(tmp_path), seconds=float(draws.uniform(0.05, 0.6))))
