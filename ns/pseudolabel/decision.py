"""A balance's rule for a pool that is not in memory: where each class is cut.

`decide` reads labels and confidences some times, and keys where confidences are
tied; from its `Decision` the copies of any shard follow from that shard alone.
The result is that of `rule.copies_in_memory`, exactly. How:

1. Count the images of each class; the balance gives its `Rule`.
2. A histogram of the confidences of each class that is cut, in bins that get
   finer towards 0 and 1, tells in which bin the cut lies; one of the draws does
   so for each class in which some images get an extra copy.
3. Of the rows in these bins alone, count the distinct confidences of each
   class, and keep the draws: the cut is known, and how many of the images that
   have just that confidence are used.
4. If not all of them are, the first by key are: read their keys. As a rule keys
   ascend through the pool, which is checked, and then the last image used is
   all there is to know. Else see `ties`.

Memory: 47 KB for each class that is cut (less above 4,000 classes), 16 bytes
for each distinct confidence in the bins of step 3 (at most 65,537 a class, some
hundreds as a rule), some blocks of rows and some hundred bytes for each of the
others, and, where tied keys do not ascend, what `ties` says.
"""

import dataclasses

import numpy as np

from ns.core import seeds as seeds_lib
from ns.pseudolabel import balance as balances
from ns.pseudolabel import cuts
from ns.pseudolabel import rule as rules
from ns.pseudolabel import scan as scans
from ns.pseudolabel import ties

_ALL_PLACES = 2**62


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
  """What the first pass finds.

  Attributes:
    blocks: of the pool, with what is kept before each.
    counts: [classes, thresholds] int64, kept images that reach a threshold.
    kept: how many images the filter keeps.
    highest: of all confidences; 0 where there are none.
  """
  blocks: list[scans.Block]
  counts: np.ndarray
  kept: int
  highest: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decision:
  """How often each image is used; arrays are [classes] unless said.

  Attributes:
    rule: the rule of the classes.
    seed: of the draws.
    cut: float32, the confidence of the last images used; below 0: all are.
    last_tied: int64, of the images of just that confidence those up to this
      place in the pool are used.
    tied: [images / 8] uint8, or None: bits of more of them.
    draw_cut: float64; an image with a draw below it has an extra copy,
    last_drawn: int64; with just that draw up to this place.
  """
  rule: rules.Rule
  seed: seeds_lib.Seed
  cut: np.ndarray
  last_tied: np.ndarray
  tied: np.ndarray | None
  draw_cut: np.ndarray
  last_drawn: np.ndarray

  def copies(self, block: scans.Block, rows: scans.Rows) -> np.ndarray:
    """[kept] int64: how often each of the kept rows of a block is used."""
    labels = rows.labels
    cut = self.cut[labels]
    used = rows.confidences >= cut
    if (self.rule.least > 0).any():
      used &= rows.confidences.astype(np.float64) >= self.rule.least[labels]
    tied = np.flatnonzero(used & (rows.confidences == cut))
    used[tied] = self._is_first(rows.places[tied], labels[tied])
    copies = np.where(used, self.rule.copies[labels], 0)
    if self.rule.has_draws:
      draw = self.draws(block, rows)
      draw_cut = self.draw_cut[labels]
      more = (draw < draw_cut) | (draw < self.rule.chance[labels])
      equal = np.flatnonzero(draw == draw_cut)
      more[equal] = rows.places[equal] <= self.last_drawn[labels[equal]]
      copies += used & more
    return copies

  def draws(self, block: scans.Block, rows: scans.Rows) -> np.ndarray:
    """[kept] float64 in [0, 1)."""
    return rules.draws(self.seed, block.kept_before).random(len(rows.kept))

  def _is_first(self, places, labels) -> np.ndarray:
    """Which of the images of just the confidence of the cut are used."""
    first = places <= self.last_tied[labels]
    if self.tied is not None:
      first |= (self.tied[places >> 3] >> (places & 7).astype(np.uint8) & 1
                ).astype(bool)
    return first


def survey(scan: scans.Scan, thresholds) -> Survey:
  """Counts the images that the filter keeps, by class and threshold.

  Raises:
    RunError: as of `Scan`.
  """
  firsts = np.cumsum([0] + [shard.num_examples for shard in scan.shards])
  shards = range(len(scan.shards))
  blocks = [block for found in scans.mapped(
      lambda shard: scan.blocks(shard, int(firsts[shard])), shards)
            for block in found]

  def count(block):
    rows = scan.read(block)
    return (len(rows.kept), rows.highest, balances.counts_at_least(
        thresholds, rows.labels, rows.confidences, scan.classes))

  counts = np.zeros((scan.classes, len(thresholds)), np.int64)
  highest, kept, numbered = 0.0, 0, []
  for block, (number, high, some) in zip(blocks, scans.mapped(count, blocks)):
    numbered.append(dataclasses.replace(block, kept_before=kept))
    kept += number
    highest = max(highest, high)
    counts += some
  return Survey(blocks=numbered, counts=counts, kept=kept, highest=highest)


def decide(scan: scans.Scan, surveyed: Survey, rule: rules.Rule,
           seed: seeds_lib.Seed) -> Decision:
  """Finds the cuts: steps 2 to 4 of the module."""
  classes, blocks = scan.classes, surveyed.blocks
  decision = Decision(
      rule=rule, seed=seed, cut=np.full(classes, -1, np.float32),
      last_tied=np.full(classes, _ALL_PLACES), tied=None,
      draw_cut=np.full(classes, -1.0),
      last_drawn=np.full(classes, _ALL_PLACES))
  is_cut = surveyed.counts[:, 0] > rule.most
  if not (is_cut.any() or rule.extra.any()):
    return decision
  confidences, draws = cuts.Cuts(is_cut), cuts.DrawCuts(rule.extra > 0)

  def found(step):
    def of(block):
      rows = scan.read(block)
      return (getattr(confidences, step)(rows.labels, rows.confidences),
              getattr(draws, step)(
                  rows.labels, rows.places,
                  lambda: decision.draws(block, rows)))
    return scans.mapped(of, blocks)

  for of_confidences, of_draws in found('coarse'):
    confidences.counter.add(of_confidences)
    draws.counter.add(of_draws)
  confidences.find_bins(rule.most)
  draws.find_bins(rule.extra)
  for of_confidences, of_draws in found('fine'):
    confidences.add(of_confidences)
    draws.add(of_draws)
  confidences.find_cuts(rule.most)
  draws.find_cuts(rule.extra)
  decision.draw_cut[draws.labels] = draws.cut
  decision.last_drawn[draws.labels] = draws.last
  decision.cut[confidences.labels] = confidences.cut
  # How many of the images at the cut are used, where not all of them are.
  first = np.zeros(classes, np.int64)
  first[confidences.labels] = np.where(
      confidences.used_of_tied < confidences.tied, confidences.used_of_tied, 0)
  if not first.any():
    return decision
  tied = ties.Ties(scan=scan, blocks=blocks, cut=decision.cut, first=first)
  last = tied.last_by_place()
  if last is None:
    decision.last_tied[first > 0] = -1
    return dataclasses.replace(decision, tied=tied.bits_by_key())
  decision.last_tied[first > 0] = last[first > 0]
  return decision
