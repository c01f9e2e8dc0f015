"""From a run's configuration to its stages, in order."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
import functools
from typing import Any

from ns.loop import fits
from ns.loop import forms
from ns.loop import lineage
from ns.loop import networks
from ns.loop import sizes
from ns.loop import stages as stages_lib
from ns.loop import steps
from ns.loop import work


def stages(run) -> tuple[stages_lib.Stage, ...]:
  """The stages of a `SelfTraining`, generation after generation.

  Raises:
    RunError: the data does not fit a model.
  """
  made, finished = [], {}
  for generation in run.generations:
    fits.check(run, generation)
    own = _Stages(run, generation, lineage.before(run, generation, finished))
    made += own.in_order()
    finished[generation.name] = own.finished
  return tuple(made)


class _Stages:
  """The stages of one generation; each is made of those before it."""

  def __init__(self, run, generation, before: lineage.Before):
    self._run, self._generation, self._before = run, generation, before
    self._made = {}

  def in_order(self) -> Iterator[stages_lib.Stage]:
    """All that it has."""
    generation = self._generation
    if generation.has_teacher and generation.calibration:
      yield self._calibrate()
    if generation.is_labelled_first:
      yield self._label()
      yield self._select()
    yield self._train()
    if generation.fine_tune:
      yield self._finetune()
    yield self._evaluate()
    if generation.export:
      yield self._export()

  @property
  def finished(self) -> lineage.Finished:
    """What later generations have of it."""
    return lineage.Finished(
        generation=self._generation, trained=self._trained,
        evaluated=self._made['evaluate'], selected=self._made.get('select'))

  @property
  def _trained(self) -> stages_lib.Stage:
    """The stage that its finished network comes from."""
    return self._made[self._generation.last_training]

  @property
  def _teachers(self):
    return [teacher.generation for teacher in self._before.teachers]

  def _calibrate(self):
    run, generation, teachers = (
        self._run, self._generation, self._before.teachers)
    return self._add(
        'calibrate', forms.calibrate(run, generation, teachers),
        sizes.calibrate(run, generation.calibration),
        work.calibrate(run, generation, self._teachers),
        [teacher.trained for teacher in teachers],
        run.data.evaluation_sets[:1], teachers=teachers)

  def _label(self):
    run, generation, teachers = (
        self._run, self._generation, self._before.teachers)
    calibrate = self._made.get('calibrate')
    relabelled = self._before.relabelled and self._before.relabelled.selected
    return self._add(
        'label', forms.label(run, generation, teachers, calibrate, relabelled),
        sizes.label(generation, self._teachers),
        work.label(run, generation, self._teachers),
        [*(teacher.trained for teacher in teachers), calibrate, relabelled,
         *self._how_good(teachers)],
        [] if relabelled else [run.data.unlabelled], teachers=teachers)

  def _select(self):
    run, generation, label = self._run, self._generation, self._made['label']
    return self._add(
        'select', forms.select(run, generation, label),
        sizes.select(generation.select), work.select(run, generation), [label],
        [] if self._before.relabelled else [run.data.unlabelled])

  def _train(self):
    run, generation = self._run, self._generation
    start, taught = self._before.start, self._before.taught
    select, calibrate = self._made.get('select'), self._made.get('calibrate')
    reads = [select, start and start.trained]
    sources = [run.data.labelled] if generation.is_trained else []
    if taught:
      sources.append(run.data.unlabelled)
      reads += [taught.trained, calibrate, *self._how_good([taught])]
    return self._add(
        'train',
        forms.train(run, generation, select, start, taught, calibrate),
        sizes.train(run, generation, start, taught),
        work.train(run, generation, taught and taught.generation), reads,
        sources, start=start, taught=taught)

  def _finetune(self):
    run, generation, train = self._run, self._generation, self._made['train']
    return self._add(
        'finetune', forms.finetune(run, generation, train),
        sizes.finetune(run, generation), work.finetune(run, generation),
        [train], [run.data.labelled])

  def _evaluate(self):
    run, generation = self._run, self._generation
    return self._add(
        'evaluate', forms.evaluate(run, generation, self._trained), '',
        work.evaluate(run, generation), [self._trained],
        run.data.evaluation_sets)

  def _export(self):
    run, generation = self._run, self._generation
    return self._add(
        'export', forms.export(generation, self._trained),
        sizes.export(generation), work.export(run, generation),
        [self._trained])

  def _how_good(self, teachers) -> Iterator[stages_lib.Stage]:
    """What says how good the teachers are, where that is asked for."""
    if networks.asks_for_accuracy(self._generation.labelling):
      yield from (teacher.evaluated for teacher in teachers)

  def _add(self, kind: str, form: Any, size: str, figures: work.Work,
           reads: Iterable[stages_lib.Stage | None],
           sources: Iterable[Any] = (), **more: Any) -> stages_lib.Stage:
    """The next stage, which the function of `steps` named `kind` makes."""
    make = functools.partial(
        getattr(steps, kind), self._run, self._generation, **more)
    by_name = {stage.name: stage for stage in reads if stage}
    self._made[kind] = stages_lib.Stage(
        generation=self._generation.name, kind=kind, form=form, make=make,
        size=size, reads=tuple(by_name.values()), work=figures,
        sources=tuple(source.name for source in sources),
        is_shared=kind in steps.SHARED)
    return self._made[kind]
