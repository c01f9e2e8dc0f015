"""Labelling: the teacher's distribution for every image of the pool."""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import functools
from typing import Any

from ns.core import checks
from ns.core import errors
from ns.core import manifest
from ns.core.runtime import alone
from ns.mixture import broken
from ns.pseudolabel import ensemble as ensembles
from ns.pseudolabel import header as headers
from ns.pseudolabel import labelled_shard
from ns.pseudolabel import store
from ns.pseudolabel import tally as tallies
from ns.pseudolabel import teacher as teachers_lib

# Before so many images, or ten a class, and shards, what they are says nothing
# of the pool.
_ENOUGH_IMAGES = 1000
_ENOUGH_SHARDS = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Labelling:
  """Runs the teacher over a pool and stores what it says, shard by shard.

  A shard's file exists when the shard is finished, so a run that was stopped
  goes on with the first shard that has none, and ends with the same bytes. The
  first shards are spread over the pool, so that they tell what it is like even
  where it is sorted.

  An image that does not decode keeps its row, with a confidence of 0, and no
  selection takes it.

  Attributes:
    batch_size: images in a call of the teacher. The last batch of a shard is
      filled up with black images, so that one compiled shape serves; what the
      teacher says of those is dropped.
    precision: what the teacher's convolutions compute in: 'float32', or
      'mixed_bfloat16', which is faster where the device computes in bfloat16.
    top_k: how many classes of a distribution are kept, with an even share of
      the rest for all others; None for all. See docs/pseudo_labels.md.
    scores: what is stored besides the confidence, for `Select.bounds`: of
      'entropy', 'margin' and 'energy'.
    augment: 'flip': the mean of what the teacher says of an image and of its
      mirror image; None: of the image alone.
    weights: of each teacher in the mean, where there are several; equal ones
      if None.
    min_accuracy: what each teacher has to reach on validation before it labels
      (a share, as 0.6); None asks for nothing.
    min_class_entropy: what the entropy of the predicted classes has to be, as a
      share of that of equal classes, once enough is labelled to tell: from 1000
      images and ten a class on, in 8 shards or the whole pool. A teacher that
      puts nearly all into one class is below it. None asks for nothing.
    max_broken: which share of the pool may be images that do not decode.
  """
  batch_size: int = manifest.execution(default=512)
  precision: str = 'float32'
  top_k: int | None = None
  scores: Sequence[str] = ()
  augment: str | None = None
  weights: Sequence[float] | None = None
  # What they refuse is not made; what they pass does not depend on them.
  min_accuracy: float | None = manifest.execution(default=None)
  min_class_entropy: float | None = manifest.execution(default=0.1)
  max_broken: float = manifest.execution(default=0.01)

  def __post_init__(self):
    checks.integer(self, 'batch_size', at_least=1)
    checks.one_of(self, 'precision', ('float32', 'mixed_bfloat16'))
    if self.top_k is not None:
      checks.integer(self, 'top_k', at_least=1)
    checks.instance(self, 'scores', list, tuple)
    bad = [name for name in self.scores if name not in headers.SCORES]
    if bad or len(set(self.scores)) < len(self.scores):
      raise ValueError(
          '`Labelling.scores` should be different ones of '
          f'{", ".join(map(repr, headers.SCORES))}, but are '
          f'{list(self.scores)!r}.')
    checks.one_of(self, 'augment', ensembles.AUGMENTS)
    if self.weights is not None:
      checks.instance(self, 'weights', list, tuple)
      if not self.weights or any(
          isinstance(weight, bool) or not isinstance(weight, (int, float))
          or not 0 < weight < float('inf') for weight in self.weights):
        raise ValueError(
            '`Labelling.weights` should be numbers above 0, one for each '
            f'teacher, but are {list(self.weights)!r}.')
    for name in 'min_accuracy', 'min_class_entropy', 'max_broken':
      if getattr(self, name) is not None or name == 'max_broken':
        checks.number(self, name, at_least=0, at_most=1)

  def run(self, teachers: Sequence[teachers_lib.Teacher], source, folder: str,
          on_progress: Callable[[int, int], None] | None = None,
          temperature: float = 1.0, hosts: Any = alone.Alone()) -> dict:
    """Writes `<folder>/predictions-<shard name>.parquet` for each shard.

    A file that is already there is kept if it was made by these teachers from
    this source, and written again otherwise.

    Args:
      teachers: one, or several that label together.
      source: the pool (`ns.mixture.sources`).
      folder: where the files go; made if need be.
      on_progress: called with the number of images finished, those of kept
        files included, and the number of all.
      temperature: what the logits of their mean are divided by.
      hosts: those that label together (`ns.core.runtime`): the shards are dealt
        out to them, and the chief waits for all.

    Returns:
      As of `results`, and `images_labelled` now and `shards_kept`; on other
      hosts than the chief what these come to there.

    Raises:
      RunError: a teacher is not accurate enough or gives something else than
        distributions over the source's classes; what it says has collapsed to
        few classes; too many images are broken; or the source cannot be read, or
      was changed meanwhile.
    """
    self.check_accuracies(teachers)
    ensemble = self.ensemble(teachers, temperature)
    header = self.header(ensemble.fingerprint, source, temperature)
    shards = spread(source)
    own = shards[hosts.worker::hosts.workers]
    done = labelled = kept = 0
    report = on_progress or (lambda done, total: None)
    tally = tallies.Tally(header.classes)

    def rows_done(rows: int) -> None:
      if rows < shard.num_examples:  # The whole shard is told below.
        report(done + rows, source.num_examples)

    for shard in own:
      path = store.predictions_path(folder, shard.name)
      if labelled_shard.is_finished(path, header, shard):
        kept += 1
      else:
        labelled_shard.write(
            ensemble.answers(source, shard, self.batch_size,
                             with_logits='energy' in self.scores),
            path, header, rows_done)
        labelled += shard.num_examples
      done += shard.num_examples
      report(done, source.num_examples)
      tally.add(path)
      self.check(tally, source)
    labelled, kept = hosts.gather(
        [labelled, kept], waits=True).sum(0).tolist()
    for place, shard in enumerate(shards if hosts.is_chief else ()):
      if place % hosts.workers:
        path = store.predictions_path(folder, shard.name)
        hosts.wait_for(functools.partial(
            labelled_shard.is_finished, path, header, shard), path)
        done += shard.num_examples
        report(done, source.num_examples)
        tally.add(path)
        self.check(tally, source)
    source.read()  # All that was labelled is what was counted.
    return {**self.results(tally, source), 'images_labelled': labelled,
            'shards_kept': kept}

  @property
  def answering(self) -> dict:
    """What decides on the answers to an image, not on what is kept of them."""
    return {'precision': self.precision, 'augment': self.augment,
            'weights': self.weights}

  def ensemble(self, teachers: Sequence[teachers_lib.Teacher],
               temperature: float = 1.0) -> ensembles.Ensemble:
    """The teachers as they label together."""
    return ensembles.Ensemble(
        teachers=tuple(teachers), weights=self.weights, augment=self.augment,
        temperature=temperature)

  def check_accuracies(self, teachers) -> None:
    """Checks teachers before they label; they have `name` and `accuracy`.

    Raises:
      RunError: one is not accurate enough, or it is not known how much.
    """
    if self.min_accuracy is None:
      return
    for teacher in teachers:
      if teacher.accuracy is None:
        raise errors.RunError(
            f'`Labelling.min_accuracy` = {self.min_accuracy:g} asks for the '
            f'accuracy of the teacher `{teacher.name}` on validation, which is '
            'not known; evaluate it first, or leave the bound out.')
      if not teacher.accuracy >= self.min_accuracy:
        raise errors.RunError(
            f'The teacher `{teacher.name}` should have an accuracy of at least '
            f'`Labelling.min_accuracy` = {self.min_accuracy:g} on validation '
            f'before it labels, but has {teacher.accuracy:.4g}; train it '
            'better, or lower the bound.')

  def header(self, teacher_fingerprint: str, source,
             temperature: float = 1.0) -> headers.Header:
    """The header of all files of a pool.

    Raises:
      RunError: `top_k` is not below the number of classes.
    """
    self._check_top_k(source.classes, source.name)
    return headers.Header(
        classes=source.classes, teacher_fingerprint=teacher_fingerprint,
        source_name=source.name, source_digest=source.digest(),
        temperature=float(temperature), top_k=self.top_k,
        scores=tuple(self.scores))

  def check_fits(self, classes: int, teachers: int, name: str) -> None:
    """Checks what can be known before any teacher is there.

    Args:
      classes: how many the pool has.
      teachers: how many label together.
      name: of the pool.

    Raises:
      RunError: `top_k` is not below the classes, or the weights are not one
        for each teacher.
    """
    self._check_top_k(classes, name)
    ensembles.check_weights(self.weights, teachers)

  def _check_top_k(self, classes: int, name: str) -> None:
    if self.top_k is not None and self.top_k >= classes:
      raise errors.RunError(
          f'`Labelling.top_k` should be below the {classes} classes of '
          f'`{name}`, but is {self.top_k}; None keeps whole distributions.')

  def limit(self, name: str, images: int) -> broken.Limit:
    """How many of so many images of the pool may be broken."""
    return broken.Limit(name=name, images=images, share=self.max_broken,
                        binding='Labelling.max_broken')

  def check(self, tally: tallies.Tally, source) -> None:
    """Checks what is labelled of a pool so far, or all of it.

    Raises:
      RunError: too many images are broken, or the classes have collapsed.
    """
    self.limit(source.name, source.num_examples).check(
        tally.broken, tally.broken_keys)
    enough = (tally.images >= max(_ENOUGH_IMAGES, 10 * source.classes)
              and tally.shards >= min(_ENOUGH_SHARDS, len(source.shards)))
    if not enough or self.min_class_entropy is None:
      return
    found = tally.class_entropy
    if found is None or found < self.min_class_entropy:
      most = int(tally.per_class.argmax())
      share = tally.per_class[most] / max(tally.per_class.sum(), 1)
      raise errors.RunError(
          'The entropy of the classes that the teacher gives to '
          f'`{source.name}` should be at least '
          f'`Labelling.min_class_entropy` = {self.min_class_entropy:g} of that '
          f'of equal classes, but is {found or 0:.3g} after {tally.images:,} '
          f'images, {100 * share:.1f} % of which are in class {most}; look at '
          'the teacher, or lower the bound if the pool is like that. The '
          'finished shards stay.')

  def results(self, tally: tallies.Tally, source) -> dict:
    """What a labelled pool came to.

    Returns:
      `images` and `shards`; `per_class`, how many images each class has;
      `mean_confidence`; `class_entropy`, as `min_class_entropy` means it; and,
      where images are broken, `broken`, see `ns.mixture.broken.Limit.told`.
      Those are in no class and no mean.
    """
    limit = self.limit(source.name, source.num_examples)
    return {
        'images': tally.images, 'shards': tally.shards,
        'per_class': tally.per_class.tolist(),
        'mean_confidence': tally.mean_confidence,
        'class_entropy': tally.class_entropy,
        **({'broken': limit.told(tally.broken, tally.broken_keys)}
           if tally.broken else {})}


def spread(source) -> tuple:
  """The shards of a pool, the first ones spread over it: 0, 4, 2, 6, 1 …

  Raises:
    RunError: there are none, or two of one name.
  """
  shards = tuple(source.shards)
  names = [shard.name for shard in shards]
  if not names:
    raise errors.RunError(
        f'The pool `{source.name}` should have images to label, but has no '
        'shard; look at its path.')
  twice = sorted({name for name in names if names.count(name) > 1})
  if twice:
    raise errors.RunError(
        f'The shards of `{source.name}` should have distinct names, but '
        f'`{twice[0]}` is there {names.count(twice[0])} times; rename one.')
  width = len(f'{len(shards) - 1:b}')
  order = sorted(range(len(shards)),
                 key=lambda place: f'{place:0{width}b}'[::-1])
  return tuple(shards[place] for place in order)
