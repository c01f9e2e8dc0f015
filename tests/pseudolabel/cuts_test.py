import numpy as np
import pytest

from ns.pseudolabel import cuts


@pytest.mark.parametrize('fine_bits', [16, 18])
def test_bins_ascend_with_confidences(fine_bits):
  generator = np.random.default_rng(0)
  values = np.concatenate([
      generator.random(10**5), 2.0 ** -generator.uniform(0, 140, 10**5),
      1 - 2.0 ** -generator.uniform(0, 30, 10**5),
      [0, 0.5, np.nextafter(np.float32(0.5), np.float32(0)), 1, 1.0000001, 1.01]
  ]).astype(np.float32)
  values.sort()
  bins = cuts.bins(values, fine_bits)
  assert (np.diff(bins) >= 0).all()
  assert bins.min() == 0 and bins.max() == cuts.num_bins(fine_bits) - 1
  # Equal to one of them in a bin, and the last has none below 1.
  assert set(values[bins == bins.max()]) == {
      np.float32(1), np.float32(1.0000001), np.float32(1.01)}


def test_a_bin_holds_no_more_values_than_the_module_says():
  # All float32 of two bins: one below a half, one above it.
  for start in 0.3, 0.9:
    values = np.float32(start).view(np.int32) + np.arange(
        -2**18, 2**18, dtype=np.int32)
    bins = cuts.bins(values.view(np.float32))
    middle = bins[len(bins) // 2]
    assert 1 < np.count_nonzero(bins == middle) <= 65537


@pytest.mark.parametrize('seed', range(10))
def test_cuts_against_sorting(seed, monkeypatch):
  monkeypatch.setattr(cuts, '_AT_ONCE', 50)  # So that parts are put together.
  generator = np.random.default_rng(seed)
  classes = 7
  labels = generator.integers(0, classes, 3000)
  confidences = np.where(
      generator.random(3000) < 0.5, generator.integers(0, 9, 3000) / 8,
      1 - generator.random(3000) ** 4).astype(np.float32)
  totals = np.bincount(labels, minlength=classes)
  most = generator.integers(1, totals)
  wanted = generator.random(classes) < 0.7
  wanted[0] = True
  found = cuts.Cuts(wanted)
  parts = [slice(i, i + 100) for i in range(0, 3000, 100)]
  for part in parts:
    found.counter.add(found.coarse(labels[part], confidences[part]))
  found.find_bins(most)
  for part in parts:
    found.add(found.fine(labels[part], confidences[part]))
  found.find_cuts(most)
  assert found.labels.tolist() == np.flatnonzero(wanted).tolist()
  for i, label in enumerate(found.labels):
    members = np.sort(confidences[labels == label])[::-1]
    cut = members[most[label] - 1]
    assert found.cut[i] == cut
    assert found.tied[i] == np.count_nonzero(members == cut)
    assert found.used_of_tied[i] == most[label] - np.count_nonzero(
        members > cut)


@pytest.mark.parametrize('seed', range(10))
def test_draws_against_sorting(seed, monkeypatch):
  monkeypatch.setattr(cuts, '_AT_ONCE', 50)
  monkeypatch.setattr(cuts, '_DRAW_BINS', 8)
  generator = np.random.default_rng(seed)
  labels = generator.integers(0, 5, 1000)
  # With ties, which real draws hardly have.
  draws = generator.integers(0, 40, 1000) / 40
  places = np.arange(1000) * 3
  wanted = np.array([True, False, True, True, False])
  extra = np.where(wanted, generator.integers(1, 150, 5), 0)
  found = cuts.DrawCuts(wanted)
  parts = [slice(i, i + 100) for i in range(0, 1000, 100)]
  for part in parts:
    found.counter.add(found.coarse(labels[part], places[part],
                                   lambda: draws[part]))
  found.find_bins(extra)
  for part in parts:
    found.add(found.fine(labels[part], places[part], lambda: draws[part]))
  found.find_cuts(extra)
  for i, label in enumerate(found.labels):
    members = np.flatnonzero(labels == label)
    last = members[np.argsort(draws[members], kind='stable')[extra[label] - 1]]
    assert (found.cut[i], found.last[i]) == (draws[last], places[last])
