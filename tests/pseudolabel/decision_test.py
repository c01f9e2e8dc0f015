import numpy as np
import pytest

from ns.core import errors
from ns.core import seeds
from ns.pseudolabel import balance
from ns.pseudolabel import cuts
from ns.pseudolabel import decision
from ns.pseudolabel import key_order
from ns.pseudolabel import rule as rules
from ns.pseudolabel import scan as scans
from ns.pseudolabel import score_bound
from ns.pseudolabel import ties
from tests.pseudolabel import predictions
from tests.pseudolabel import reference_filter
from tests.support import long_form

SEED = seeds.Seed(11)


def scanned(folder, source, minimum=0.0, bounds=()):
  minimum = np.broadcast_to(np.float32(minimum), source.classes)
  return scans.Scan(folder=str(folder), shards=source.shards,
                    classes=source.classes, min_confidences=minimum,
                    bounds=bounds)


def decided(scan, policy, seed=SEED):
  """[images] int64 copies of all images, kept or not, and the decision."""
  surveyed = decision.survey(scan, policy.thresholds)
  made = decision.decide(scan, surveyed, policy.rule(surveyed.counts), seed)
  copies = np.zeros(scan.num_images, np.int64)
  for block in surveyed.blocks:
    rows = scan.read(block)
    copies[rows.places] = made.copies(block, rows)
  return copies, made


POLICIES = [
    balance.Balance(images_per_class=300, allow_empty_classes=True),
    balance.Balance(images_per_class=300, max_copies=2,
                    allow_empty_classes=True),
    balance.Balance(images_per_class=300, duplicate=False,
                    allow_empty_classes=True),
    balance.ThresholdGrid(images_per_class=300, allow_empty_classes=True),
    balance.Unbalanced(),
]


@pytest.mark.parametrize('policy', POLICIES)
@pytest.mark.parametrize('levels', [4, 200, None])
@pytest.mark.parametrize('shuffled_keys', [False, True])
def test_streams_to_what_the_same_is_in_memory(tmp_path, policy, levels,
                                               shuffled_keys, monkeypatch):
  # Small, so that there are many blocks, parts and passes.
  monkeypatch.setattr(scans, '_BLOCK_ROWS', 1500)
  monkeypatch.setattr(cuts, '_AT_ONCE', 2000)
  monkeypatch.setattr(ties, '_AT_ONCE', 200)
  keys, labels, confidences = predictions.pool(5, 20000, 30, levels,
                                               shuffled_keys)
  source = predictions.write(tmp_path, keys, labels, confidences, 30,
                             (7000, 0, 1, 12999), group=700)
  copies, _ = decided(scanned(tmp_path, source, 0.25), policy)
  kept = confidences >= np.float32(0.25)
  assert not copies[~kept].any()
  np.testing.assert_array_equal(copies[kept], policy.copies(
      labels[kept], confidences[kept], keys=keys[kept], classes=30, seed=SEED))
  assert copies.any()


@pytest.mark.parametrize('levels, shuffled_keys', long_form.cases(
    [(None, False), (100, False), (100, True)], [(100, True)]))
def test_millions_against_brute_force(tmp_path, levels, shuffled_keys):
  rows, classes, wanted = 2_000_000, 200, 8000
  keys, labels, confidences = predictions.pool(6, rows, classes, levels,
                                               shuffled_keys)
  source = predictions.write(tmp_path, keys, labels, confidences, classes,
                             (900_000, 1_100_000), group=50_000)
  copies, made = decided(scanned(tmp_path, source, 0.3), balance.Balance(
      images_per_class=wanted, allow_empty_classes=True))
  totals = np.bincount(labels[confidences >= np.float32(0.3)],
                       minlength=classes)
  assert totals[1] == 0 and (totals > wanted).sum() > 30 < (
      totals < wanted).sum()
  chosen = predictions.best(keys, labels, confidences, classes, wanted, 0.3)
  np.testing.assert_array_equal(copies > 0, chosen)
  per_class = np.bincount(labels, copies, minlength=classes)
  assert per_class.tolist() == [wanted if total else 0 for total in totals]
  each = wanted // np.maximum(totals, 1)
  more = copies[chosen] - np.maximum(each, 1)[labels[chosen]]
  assert set(more.tolist()) == {0, 1}
  # In a class that is cut there are no copies.
  assert not (more[totals[labels[chosen]] >= wanted]).any()
  assert (made.tied is not None) == shuffled_keys


@pytest.mark.parametrize('workers', [1, 3])
@pytest.mark.parametrize('minimum, wanted, upsample', [
    (0.3, 300, True), (0.3, 300, False), (0.0, 40, True), (0.7, 1000, True),
    (1.0, 5, True)])
def test_the_grid_is_that_of_the_reference(tmp_path, minimum, wanted, upsample,
                                           workers):
  keys, labels, confidences = predictions.pool(7, 20000, 30, None, False)
  # Just on the grid, as far as float32 goes, and near it.
  confidences[:5000] = np.maximum(np.round(confidences[:5000], 2), 0.01)
  confidences[5000:6000] = np.nextafter(confidences[:1000], np.float32(0))
  confidences[6000:7000] = np.nextafter(confidences[:1000], np.float32(1))
  confidences[7000:7010] = np.float32(1.0000001)
  source = predictions.write(tmp_path, keys, labels, confidences, 30,
                             (20000,))
  policy = balance.ThresholdGrid(
      images_per_class=wanted, min_threshold=minimum, duplicate=upsample,
      allow_empty_classes=True)
  copies, _ = decided(scanned(tmp_path, source), policy)
  draws = rules.draws(SEED).random(20000)
  assert copies.tolist() == reference_filter.copies(
      labels.tolist(), confidences, draws.tolist(), classes=30,
      num_image=wanted, min_threshold=minimum, upsample=upsample,
      workers=workers)


def test_use_all_is_that_of_the_reference(tmp_path):
  keys, labels, confidences = predictions.pool(8, 3000, 10, 100, False)
  source = predictions.write(tmp_path, keys, labels, confidences, 10, (3000,))
  copies, _ = decided(scanned(tmp_path, source, 0.3), balance.Unbalanced())
  assert copies.tolist() == reference_filter.copies(
      labels.tolist(), confidences, [0.0] * 3000, classes=10, num_image=7,
      min_threshold=0.3, use_all=True)


@pytest.mark.parametrize('shuffled_keys', [False, True])
def test_all_confidences_equal(tmp_path, shuffled_keys, monkeypatch):
  monkeypatch.setattr(ties, '_AT_ONCE', 1000)
  keys, labels, _ = predictions.pool(9, 30000, 8, None, shuffled_keys)
  confidences = np.ones(30000, np.float32)
  source = predictions.write(tmp_path, keys, labels, confidences, 8,
                             (10000, 20000))
  copies, _ = decided(scanned(tmp_path, source), balance.Balance(
      images_per_class=1500, allow_empty_classes=True, duplicate=False))
  np.testing.assert_array_equal(copies, predictions.best(
      keys, labels, confidences, 8, 1500, 0).astype(int))


def test_keys_that_descend_only_between_blocks(tmp_path, monkeypatch):
  monkeypatch.setattr(scans, '_BLOCK_ROWS', 10)
  keys = np.array([f'{letter}/{i}' for letter in 'ba' for i in range(10)],
                  object)
  source = predictions.write(
      tmp_path, keys, np.zeros(20, int), np.ones(20, np.float32), 2, (20,),
      group=10)
  copies, made = decided(scanned(tmp_path, source), balance.Balance(
      images_per_class=5, allow_empty_classes=True))
  assert made.tied is not None
  assert keys[copies > 0].tolist() == [f'a/{i}' for i in range(5)]


def test_equal_keys_are_used_by_place(tmp_path):
  keys = np.array(['b', 'a', 'b', 'a', 'b'], object)
  source = predictions.write(tmp_path, keys, np.zeros(5, int),
                             np.ones(5, np.float32), 2, (5,))
  copies, _ = decided(scanned(tmp_path, source), balance.Balance(
      images_per_class=3, allow_empty_classes=True))
  assert copies.tolist() == [1, 1, 0, 1, 0]


def test_results_do_not_depend_on_blocks_and_threads(tmp_path, monkeypatch):
  keys, labels, confidences = predictions.pool(10, 9000, 12, 50, False)
  results = []
  for rows, threads, group, sizes in (
      (100, 1, 90, (9000,)), (10**6, 3, 4000, (4000, 5000)),
      (1000, 2, 500, (1,) * 5 + (8995,))):
    monkeypatch.setattr(scans, '_BLOCK_ROWS', rows)
    monkeypatch.setattr(scans, '_THREADS', threads)
    folder = tmp_path / str(rows)
    source = predictions.write(folder, keys, labels, confidences, 12, sizes,
                               group)
    results.append(decided(scanned(folder, source), POLICIES[0])[0].tolist())
  assert results[0] == results[1] == results[2]


def test_the_order_of_keys_is_not_looked_at_without_need(tmp_path, monkeypatch):
  monkeypatch.setattr(key_order, 'argsort', None)
  monkeypatch.setattr(key_order, 'is_ascending', None)
  confidences = (np.arange(100) / 100).astype(np.float32)
  source = predictions.write(tmp_path, np.array(['x'] * 100, object),
                             np.zeros(100, int), confidences, 2, (100,))
  copies, _ = decided(scanned(tmp_path, source), balance.Balance(
      images_per_class=30, allow_empty_classes=True))
  assert np.flatnonzero(copies).tolist() == list(range(70, 100))


def test_a_threshold_for_each_class(tmp_path):
  labels = np.array([0, 0, 1, 1])
  confidences = np.array([0.4, 0.6, 0.4, 0.6], np.float32)
  source = predictions.write(tmp_path, np.array(list('abcd'), object), labels,
                             confidences, 2, (4,))
  copies, _ = decided(scanned(tmp_path, source, [0.5, 0.3]),
                      balance.Unbalanced())
  assert copies.tolist() == [0, 1, 1, 1]


def test_bounds_of_other_scores(tmp_path):
  keys, labels, confidences = predictions.pool(11, 1000, 4, None, False)
  generator = np.random.default_rng(0)
  entropy = generator.random(1000).astype(np.float32)
  margin = generator.random(1000).astype(np.float32)
  entropy[5] = np.nan
  source = predictions.write(tmp_path, keys, labels, confidences, 4,
                             (400, 600), entropy=entropy, margin=margin)
  copies, _ = decided(scanned(tmp_path, source, 0.2, bounds=(
      score_bound.ScoreBound(score='entropy', at_most=0.7),
      score_bound.ScoreBound(score='margin', at_least=0.1, at_most=0.9))),
                      balance.Unbalanced())
  assert copies.tolist() == [
      int(c >= np.float32(0.2) and e <= np.float32(0.7)
          and np.float32(0.1) <= m <= np.float32(0.9))
      for c, e, m in zip(confidences, entropy, margin)]


def test_a_score_that_is_not_there(tmp_path):
  for scores, have in ({}, 'none'), ({'margin': np.zeros(1)}, 'margin'):
    source = predictions.write(tmp_path, np.array(['a'], object), np.zeros(1),
                               np.ones(1, np.float32), 2, (1,), **scores)
    scan = scanned(tmp_path, source, bounds=(
        score_bound.ScoreBound(score='entropy', at_most=1),))
    with pytest.raises(errors.RunError) as caught:
      decision.survey(scan, (0.0,))
    assert str(caught.value) == (
        f'`{tmp_path}/predictions-00000.parquet` should have the score '
        f'`entropy` that `Select.bounds` names, but has {have} besides the '
        'confidence; label the pool again with that score.')


def test_an_error_in_a_thread_is_that_of_the_first_block(tmp_path, monkeypatch):
  monkeypatch.setattr(scans, '_BLOCK_ROWS', 10)
  labels = np.zeros(100, int)
  labels[[35, 77]] = 9
  source = predictions.write(
      tmp_path, np.array(['x'] * 100, object), labels,
      np.ones(100, np.float32), 2, (50, 50), group=10)
  with pytest.raises(errors.RunError, match='predictions-00000.parquet. should '
                     'have labels below 2'):
    decision.survey(scanned(tmp_path, source), (0.0,))


def test_mapped_keeps_the_order_and_few_results(monkeypatch):
  monkeypatch.setattr(scans, '_THREADS', 3)
  begun = []
  results = scans.mapped(lambda i: begun.append(i) or i * i, range(100))
  assert next(results) == 0
  assert len(begun) <= 8
  assert list(results) == [i * i for i in range(1, 100)]
