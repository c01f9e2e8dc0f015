"""The schedule of a run as text, before anything is loaded or trained."""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import textwrap

from ns.core import progress
from ns.core import table
from ns.loop import measured as measured_lib
from ns.loop import stages as stages_lib

_WIDTH = 80
_HEAD = ('stage', 'images', 'steps', 'epochs', 'learning rate', 'FLOPs',
         'memory', 'on disk')
_MEASURED_HEAD = 'images/s', 'time'
_FLOPS = 3
_TELLS = (
    'FLOPs: two a multiply-add, in training forward and backward. Memory: of '
    'one device. On disk: what stays, about')


def text(run, stages: Sequence[stages_lib.Stage], finished: Collection[str],
         wanted: Collection[stages_lib.Stage], work_dir: str,
         measured: Mapping[str, measured_lib.Measured] | None = None) -> str:
  """The run and its data, a table of its stages, what they come to in all.

  Args:
    run: a `SelfTraining`.
    stages: of the run.
    finished: the names of those that are.
    wanted: those that are to be made.
    work_dir: where the run is.
    measured: of the stages whose time was measured, by name.
  """
  data = run.data
  lines = [
      f'run in {work_dir}, seed {run.seed}, {data.classes:,} classes: '
      f'{data.labelled.num_examples:,} labelled, '
      f'{data.unlabelled.num_examples:,} unlabelled, '
      + ', '.join(f'{s.num_examples:,} {s.name}' for s in data.evaluation_sets),
      *_leaks(data), '']
  rows = [(*_row(stage, measured),
           '(finished)' if stage.name in finished else
           '' if stage in wanted else '(not now)') for stage in stages]
  head = _HEAD + (() if measured is None else _MEASURED_HEAD)
  first, *table_lines = table.lines(
      [(*head, ''), *rows, (*_total(stages, measured), '')])
  lines.append(first)
  for stage, line in zip(stages, table_lines):
    lines.append(line)
    lines += _wrapped(stage.size, '  ')
    for warning in stage.work.warnings:
      lines += _wrapped(f'warning: {warning}', '  ')
  lines += [table_lines[-1], '']
  left = [stage.name for stage in wanted if stage.name not in finished]
  lines += _wrapped(_tells(run, stages, measured, left))
  return '\n'.join([*lines, *_missing(data)])


def _leaks(data) -> Iterator[str]:
  """What is left out since it is in an evaluation set."""
  leaks = getattr(data, 'leaks', {})
  if leaks:
    yield 'left out, since an evaluation set has it, too: ' + ', '.join(
        f'{count:,} {name}' for name, count in leaks.items())


def _row(stage, measured) -> tuple[str, ...]:
  work = stage.work
  images = f'{work.images:,}' if work.images is not None else ''
  cells = (
      stage.name, f'≤ {images}' if work.is_bound else images,
      f'{work.steps:,}' if work.steps else '',
      f'{work.epochs:,.1f}' if work.epochs else '',
      _rates(work.rates) if work.rates else '', _flops(work.flops),
      _bytes(work.memory), _bytes(work.written))
  if measured is None:
    return cells
  found = measured.get(stage.name)
  if found is None:
    return *cells, '', ''
  rate = found.images_per_second
  return (*cells, '' if rate is None else table.number(rate),
          progress.duration(found.seconds))


def _total(stages, measured) -> tuple[str, ...]:
  flops = [stage.work.flops for stage in stages if stage.work.flops]
  written = [stage.work.written for stage in stages if stage.work.written]
  cells = ('in all', '', '', '', '', _flops(sum(flops) or None), '',
           _bytes(sum(written) or None))
  if measured is None:
    return cells
  return *cells, '', progress.duration(
      sum(found.seconds for found in measured.values()))


def _tells(run, stages, measured, todo) -> str:
  """What the columns mean, and what has none; `todo`: what was measurable."""
  scratch = max((stage.work.scratch for stage in stages), default=0)
  tells = _TELLS + (f', and {_bytes(scratch)} of checkpoints while a training '
                    'lasts.' if scratch else '.')
  if measured is None:
    return tells
  hours = run.runtime.replicas * sum(
      found.seconds for found in measured.values()) / 3600
  devices = run.runtime.replicas
  tells += (f' Time: measured on this machine, {table.number(hours)} '
            f'device-hours on {devices:,} device{"s" if devices > 1 else ""}.')
  notes = {}
  for name, found in measured.items():
    notes.setdefault(found.note, []).append(name)
  for note, names in notes.items():
    if note:
      tells += f' {", ".join(names)}: {note}.'
  left = [name for name in todo if name not in measured]
  return tells + (f' Not measured: {", ".join(left)}.' if left else '')


def _missing(data) -> Iterator[str]:
  """The files that are not here, and how they come about."""
  missing = getattr(data, 'missing', ())
  if not missing:
    return
  yield ''
  yield 'not here, and counted as the configuration says; a run needs'
  for source, line in zip(missing, table.lines([
      (source.name, f'{source.num_examples:,} images',
       ', '.join(getattr(source, path) for path in source.paths))
      for source in missing], left=(0, 2))):
    yield f'  {line}'
    yield from _wrapped(source.expected.preparation or source.missing, '    ')


def _rates(rates) -> str:
  first, highest, last = (f'{rate:.3g}' for rate in rates)
  parts = [first, highest, last]
  return ' → '.join(part for index, part in enumerate(parts)
                    if not index or part != parts[index - 1])


def _flops(count: int | None) -> str:
  if count is None:
    return ''
  mantissa, exponent = f'{count:.{_FLOPS - 1}e}'.split('e')
  return f'{mantissa}e{int(exponent)}'


def _bytes(count: float | None) -> str:
  return '' if count is None else table.size(count)


def _wrapped(sentence: str, indent: str = '') -> list[str]:
  return textwrap.wrap(' '.join(sentence.split()), _WIDTH,
                       initial_indent=indent, subsequent_indent=indent,
                       break_on_hyphens=False, break_long_words=False)
