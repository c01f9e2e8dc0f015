"""Random pools and policies against a second implementation.

The long form is thousands of pools of some hundred images, and millions of
images at once.
"""

import pathlib

import numpy as np
from pyarrow import parquet
import pytest

from ns.core import errors
from ns.core import seeds
from ns.pseudolabel import balance as balances
from ns.pseudolabel import cuts
from ns.pseudolabel import scan as scans
from ns.pseudolabel import score_bound
from ns.pseudolabel import select
from ns.pseudolabel import store
from ns.pseudolabel import ties
from tests.pseudolabel import predictions
from tests.pseudolabel import second_selection
from tests.support import long_form

_WORDS = ('a', 'ab', 'b', 'é', 'a1', '1a', '', 'z9', 'a01', 'a001', '0', '00',
          'ž٣')


def keys(draws, count: int) -> list[str]:
  """Distinct keys: padded or not, in their order or not, or a jumble."""
  order = (draws.permutation(count) if draws.random() < 0.5
           else np.arange(count))
  kind = draws.integers(0, 4)
  if kind == 0:
    return [f'p/{number:07}' for number in order]
  if kind == 1:
    return [f'p/{number}' for number in order]
  if kind == 2:
    return [f'{"abc"[number % 3]}{number // 3:05}' for number in order]
  words = draws.integers(0, len(_WORDS), (count, 2)).tolist()
  return [f'{_WORDS[one]}/{number % 7}{_WORDS[other]}-{number}'
          for number, (one, other) in zip(order, words)]


def policy(draws, most: int):
  """A random balance."""
  how = {'images_per_class': int(draws.integers(1, most)),
         'duplicate': bool(draws.random() < 0.7),
         'max_copies': None if draws.random() < 0.5 else int(
             draws.integers(1, 5)),
         'allow_empty_classes': bool(draws.random() < 0.8)}
  kind = draws.integers(0, 4)
  if kind == 3:
    return balances.Unbalanced()
  if kind == 2:
    return balances.ThresholdGrid(min_threshold=draws.choice(
        [0.0, 0.29, 0.3, 0.57, 0.7, 1.0]).item(), **how)
  return balances.Balance(**how)


def confidences(draws, count: int) -> np.ndarray:
  """[count] float32: with ties, around the bounds, and those of broken images.
  """
  values = draws.beta(2, 1, count)
  levels = draws.choice([0, 2, 5, 20, 100, 1000])
  if levels:
    values = np.ceil(values * levels) / levels
  values = values.astype(np.float32)
  for special in (1, 1.0000001, np.nextafter(np.float32(1), np.float32(0)),
                  1e-30, 0):
    values[draws.random(count) < 0.02] = special
  return values


def check(folder: pathlib.Path, draws, count: int, classes: int, most: int,
          group: int) -> bool:
  """Selects from a random pool; whether there was a selection."""
  shares = draws.dirichlet(np.full(classes, 0.6))
  if draws.random() < 0.5:  # A class with nothing.
    shares[draws.integers(0, classes)] = 0
    shares /= shares.sum()
  names = keys(draws, count)
  labels = draws.choice(classes, count, p=shares).astype(np.int32)
  values = confidences(draws, count)
  labels[values == 0] = 0
  entropy = draws.random(count).astype(np.float32)
  ends = np.sort(draws.integers(0, count + 1, int(draws.integers(0, 5))))
  source = predictions.write(
      folder, names, labels, values, classes,
      np.diff([0, *ends, count]).tolist(), group=group, entropy=entropy)
  least = [None, 0.3, 0.0, 0.7, 1.0][draws.integers(0, 5)]
  if draws.random() < 0.3:
    least = draws.random(classes).round(2).tolist()
  bounds = (score_bound.ScoreBound(score='entropy', at_least=0.1, at_most=0.8),
            ) if draws.random() < 0.4 else ()
  balance = policy(draws, most)
  of_class = np.float32(least if isinstance(least, list)
                        else [least or 0] * classes)
  kept = (values > 0) & (values >= of_class[labels])
  if bounds:
    kept &= (entropy >= np.float32(0.1)) & (entropy <= np.float32(0.8))
  seed = seeds.Seed(int(draws.integers(0, 1000)))
  expected = second_selection.copies(
      names, labels.tolist(), values.tolist(), kept.tolist(), balance, seed,
      classes)
  header, _ = store.read_header(
      store.predictions_path(folder, source.shards[0].name))
  path = folder / 'selection.parquet'
  policy_ = select.Select(min_confidence=least, bounds=bounds, balance=balance)
  try:
    choice = policy_.choose(str(folder), source, seed, classes, header,
                            str(path))
  except errors.RunError:
    assert expected is None or not any(expected)
    return False
  assert expected is not None
  found = parquet.read_table(path).to_pydict()
  used = [row for row, number in enumerate(expected) if number]
  assert found['key'] == [names[row] for row in used]
  assert found['copies'] == [expected[row] for row in used]
  assert found['label'] == labels[used].tolist()
  assert found['confidence'] == values[used].tolist()
  for place, shard in enumerate(source.shards):
    assert choice.copies(place).tolist() == expected[
        shard.first:shard.first + shard.num_examples]
  for kind, weights in (('pool', values > 0), ('kept', kept),
                        ('used', np.array(expected) > 0),
                        ('copies', expected)):
    assert choice.per_class[kind].tolist() == np.bincount(
        labels, weights, minlength=classes).astype(int).tolist()
  assert choice.broken == (values == 0).sum()
  return True


@pytest.mark.parametrize('seed', long_form.cases(range(50), [0]))
def test_pools_of_some_hundred_images(tmp_path, monkeypatch, seed):
  selected = 0
  for number in range(80):
    draws = np.random.default_rng([seed, number])
    # Small, so that there are many blocks, parts and passes.
    monkeypatch.setattr(scans, '_BLOCK_ROWS', int(draws.choice([10, 100])))
    monkeypatch.setattr(ties, '_AT_ONCE', int(draws.choice([3, 20, 2**20])))
    monkeypatch.setattr(cuts, '_AT_ONCE', int(draws.choice([5, 2**22])))
    selected += check(
        tmp_path / str(number), draws, int(draws.integers(1, 400)),
        int(draws.integers(2, 9)), 60, int(draws.choice([7, 50, 1000])))
  assert selected > 40


@pytest.mark.parametrize('seed, count', long_form.cases(
    [(0, 30_000), *((seed, 2_000_000) for seed in range(8))], [(0, 30_000)]))
def test_many_images_at_once(tmp_path, seed, count):
  check(tmp_path / 'pool', np.random.default_rng([99, seed]), count, 100,
        count // 70, 50_000)
