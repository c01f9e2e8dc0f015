"""Which earlier generations one comes from: teachers, start, and selection."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from ns.core import errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finished:
  """A generation that can teach: its stages come before.

  Attributes:
    generation: of the run.
    trained: the stage that its finished network comes from.
    evaluated: the stage that says how good it is.
    selected: the stage that selected images for it; None without a teacher.
  """
  generation: Any
  trained: Any
  evaluated: Any
  selected: Any = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Before:
  """What is before a generation; each a `Finished`.

  Attributes:
    teachers: those that label for it.
    taught: the one of them that labels in the steps of its training; None where
      they label first.
    start: whose weights its training begins with, or None.
    relabelled: whose selection is labelled again instead of the pool, or None.
  """
  teachers: tuple[Finished, ...] = ()
  taught: Finished | None = None
  start: Finished | None = None
  relabelled: Finished | None = None


def before(run, generation, finished: Mapping[str, Finished]) -> Before:
  """What is before a generation.

  Args:
    run: a `SelfTraining`.
    generation: of it.
    finished: the generations before it by their names, in order.

  Raises:
    RunError: it cannot have these.
  """
  names = generation.teachers or list(finished)[-1:]
  teachers = (tuple(finished[name] for name in names)
              if generation.has_teacher else ())
  if generation.is_labelled_in_step:
    _check_labels_in_step(generation)
  return Before(
      teachers=teachers,
      taught=teachers[0] if generation.is_labelled_in_step else None,
      start=_start(generation, finished, names),
      relabelled=generation.relabel and finished[generation.relabel])


def _start(generation, finished, teachers) -> Finished | None:
  if not generation.starts_from_generation:
    return None
  named = generation.start.generation
  names = [named] if named is not None else teachers
  if not finished:
    raise errors.RunError(
        f'`Generation.start` of {generation.name} should be None or '
        '`FromWeights`, since no generation is before it, but is '
        f'{generation.start!r}.')
  if len(names) != 1 or names[0] not in finished:
    raise errors.RunError(
        '`FromTeacher.generation` should be one generation before '
        f'{generation.name}, of {list(finished)}, but is '
        f'{named if named is not None else list(names)!r}; name one, or bind '
        'None to `Generation.start`.')
  start = finished[names[0]]
  generation.start.check_architectures(
      generation.name, generation.model, names[0], start.generation.model)
  return start


def _check_labels_in_step(generation) -> None:
  """One teacher, which sees an image once."""
  if len(generation.teachers) > 1:
    raise errors.RunError(
        f'`Generation.teachers` of {generation.name} should be one generation, '
        'since one teacher labels in the step, but are '
        f'{list(generation.teachers)}; name one, or bind a mixture that is '
        'labelled for first.')
  augment = getattr(generation.labelling, 'augment', None)
  if augment is not None:
    raise errors.RunError(
        f'`Labelling.augment` should be None for {generation.name}, since a '
        'teacher in the step sees each image once, but is '
        f'{augment!r}; leave it out, or bind a mixture that is labelled for '
        'first.')
