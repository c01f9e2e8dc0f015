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
_TIMED_HEAD = 'images/s', 'time'
_FLOPS = 3


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
    measured: of the stages whose time was measured, by name; None: it is told
      by `SelfTraining.device_flops`, if that is bound.
  """
  data, times = run.data, measured
  if times is None and run.device_flops:
    times = dict(_estimated(run, stages))
  lines = [
      f'run in {work_dir}, seed {run.seed}, {data.classes:,} classes: '
      f'{data.labelled.num_examples:,} labelled, '
      f'{data.unlabelled.num_examples:,} unlabelled, '
      + ', '.join(f'{s.num_examples:,} {s.name}' for s in data.evaluation_sets),
      *_leaks(data), '']
  rows = [(*_row(stage, times),
           '(finished)' if stage.name in finished else
           '' if stage in wanted else '(not now)') for stage in stages]
  head = _HEAD + (() if times is None else _TIMED_HEAD)
  first, *table_lines = table.lines(
      [(*head, ''), *rows, (*_total(stages, times), '')])
  lines.append(first)
  for stage, line in zip(stages, table_lines):
    lines.append(line)
    told = '; '.join(filter(None, (stage.size, _reads(stage))))
    lines += _wrapped(told, '  ')
    for warning in stage.work.warnings:
      lines += _wrapped(f'warning: {warning}', '  ')
  lines += [table_lines[-1], '']
  left = [stage.name for stage in wanted if stage.name not in finished]
  lines += _wrapped(' '.join([
      _tells(run, stages),
      *(() if times is None else [_time(run, times, measured is not None)]),
      *(() if measured is None else _how_measured(measured, left))]))
  return '\n'.join([*lines, *_missing(data)])


def _leaks(data) -> Iterator[str]:
  """What is left out since it is in an evaluation set."""
  leaks = getattr(data, 'leaks', {})
  if leaks:
    yield 'left out, since an evaluation set has it, too: ' + ', '.join(
        f'{count:,} {name}' for name, count in leaks.items())


def _estimated(run, stages) -> Iterator[tuple[str, measured_lib.Measured]]:
  """The time of the stages that have operations, if devices do so many."""
  for stage in stages:
    devices = run.runtime.replicas
    if not stage.is_shared:  # The first host makes it.
      devices //= run.runtime.workers
    if stage.work.flops:
      seconds = stage.work.flops / (run.device_flops * devices)
      yield stage.name, measured_lib.Measured(
          images_per_second=stage.work.images / seconds, seconds=seconds)


def _reads(stage) -> str:
  names = [*stage.sources, *(read.name for read in stage.reads)]
  return 'reads ' + ', '.join(names) if names else ''


def _row(stage, times) -> tuple[str, ...]:
  work = stage.work
  images = f'{work.images:,}' if work.images is not None else ''
  cells = (
      stage.name, f'≤ {images}' if work.is_bound else images,
      f'{work.steps:,}' if work.steps else '',
      f'{work.epochs:,.1f}' if work.epochs else '',
      _rates(work.rates) if work.rates else '', _flops(work.flops),
      _bytes(work.memory), _bytes(work.written))
  if times is None:
    return cells
  found = times.get(stage.name)
  if found is None:
    return *cells, '', ''
  rate = found.images_per_second
  return (*cells, '' if rate is None else table.number(rate),
          progress.duration(found.seconds))


def _total(stages, times) -> tuple[str, ...]:
  flops = [stage.work.flops for stage in stages if stage.work.flops]
  written = [stage.work.written for stage in stages if stage.work.written]
  cells = ('in all', '', '', '', '', _flops(sum(flops) or None), '',
           _bytes(sum(written) or None))
  if times is None:
    return cells
  return *cells, '', progress.duration(
      sum(found.seconds for found in times.values()))


def _tells(run, stages) -> str:
  """What the columns mean."""
  scratch = max((stage.work.scratch for stage in stages), default=0)
  devices = run.runtime.replicas
  return ('All is about. FLOPs: two a multiply-add, in training forward and '
          'backward. Memory: of one '
          + (f'of {devices:,} devices' if devices > 1 else 'device')
          + '. On disk: what stays' + (
              f', and {_bytes(scratch)} of checkpoints while a training lasts.'
              if scratch else '.'))


def _time(run, times, is_measured: bool) -> str:
  devices = run.runtime.replicas
  seconds = sum(found.seconds for found in times.values())
  hours = (f'{table.number(devices * seconds / 3600)} device-hours on '
           f'{devices:,} device{"s" if devices > 1 else ""}')
  if is_measured:
    return f'Time: measured on this machine, {hours}.'
  return (f'Time: of the FLOPs alone, {_flops(run.device_flops)} a second on '
          f'each device (`SelfTraining.device_flops`): {hours}.')


def _how_measured(measured, todo) -> Iterator[str]:
  """What is special, and what has no time; `todo`: what was to have one."""
  notes = {}
  for name, found in measured.items():
    notes.setdefault(found.note, []).append(name)
  for note, names in notes.items():
    if note:
      yield f'{", ".join(names)}: {note}.'
  left = [name for name in todo if name not in measured]
  if left:
    yield f'Not measured: {", ".join(left)}.'


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


def _flops(count: float | None) -> str:
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
