"""What a run came to: `summary.json`, and a table a generation."""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import json
from typing import Any

from etils import epath

from ns.core import files
from ns.core import progress
from ns.loop import stages as stages_lib
from ns.mixture import splits


def collect(run, stages: Sequence[stages_lib.Stage],
            folder: epath.Path) -> dict[str, Any]:
  """The results of all stages, from their manifests.

  Returns:
    `seed`; `data`, the number of images of each kind; where some are left out
    since they leak into an evaluation set, `leaks`, how many of each; where
    some are since they are broken, `left_out`, see `splits.left_out`; and
    `generations`, for each its `name`, and for each of its stages the results
    and `seconds`.
  """
  data = run.data
  generations = []
  for generation in run.generations:
    entry = {'name': generation.name}
    for stage in stages:
      if stage.generation == generation.name:
        made = stage.check(folder)
        entry[stage.kind] = {**made.results, 'seconds': made.seconds}
    entry['seconds'] = sum(
        part['seconds'] for part in entry.values() if isinstance(part, dict))
    generations.append(entry)
  left_out = splits.left_out(data)
  return {
      'seed': run.seed,
      'data': {s.name: s.num_examples for s in (
          data.labelled, data.unlabelled, *data.evaluation_sets)},
      **({'leaks': leaks} if (leaks := getattr(data, 'leaks', {})) else {}),
      **({'left_out': left_out} if left_out else {}),
      'generations': generations,
  }


def write(results: dict[str, Any], path: epath.PathLike) -> None:
  files.write_whole(path, json.dumps(results, indent=1) + '\n')


def table(results: dict[str, Any]) -> str:
  """The results as text: a row a generation, then pseudo-labels by class."""
  sets = [name for name in results['data']
          if name in results['generations'][0]['evaluate']]
  rows = [('generation', *sets, 'pseudo-labels', 'right', 'time')]
  details = []
  for generation in results['generations']:
    selected = generation.get('select')
    rows.append((
        generation['name'],
        *(_percent(generation['evaluate'][name]['accuracy'])
          for name in sets),
        f'{selected["used"]:,}' if selected else '-',
        _percent(selected.get('accuracy_used')) if selected else '-',
        progress.duration(generation['seconds'])))
    details += _broken(generation, generation['name'])
    if generation.get('calibrate'):
      details.append(_calibrated(generation['name'], generation['calibrate']))
    if selected and selected.get('foreign_pool'):
      details.append(_foreign(generation['name'], selected))
    if selected:
      details.extend([
          f'{generation["name"]}: pseudo-labels by class',
          *(f'  {name:24} ' + ' '.join(f'{n:6,}' for n in selected[key])
            for name, key in (('labelled by the teacher', 'pool_per_class'),
                              ('confident enough', 'kept_per_class'),
                              ('balanced, copies counted', 'copies_per_class')))
      ])
  details += [
      f'left out of {name} as broken: {found["count"]:,}, '
      f'{_percent(found["share"])} (at most {_percent(found["max_share"])})'
      for name, found in results.get('left_out', {}).items()]
  widths = [max(map(len, column)) for column in zip(*rows)]
  lines = ['  '.join(
      cell.ljust(width) if i == 0 else cell.rjust(width)
      for i, (cell, width) in enumerate(zip(row, widths))) for row in rows]
  return '\n'.join([*lines, '', *details] if details else lines)


def _broken(part: Mapping[str, Any], *path: str) -> Iterator[str]:
  """A line for all that `ns.mixture.broken.Limit.told` gave, wherever it is."""
  for name, value in part.items():
    if isinstance(value, dict):
      here = path if name == 'broken' else (*path, name)
      if 'max_share' in value:
        yield (f'broken in {"/".join(here)}: {value["count"]:,}, '
               f'{_percent(value["share"])} '
               f'(at most {_percent(value["max_share"])})')
      yield from _broken(value, *here)


def _calibrated(name: str, found: dict[str, Any]) -> str:
  parts = [f'{name}: calibrated']
  if 'temperature' in found:
    parts.append(f'temperature {found["temperature"]:.3f}')
  if 'before' in found:
    parts.append(f'calibration error {_percent(found["before"]["ece"])} -> '
                 f'{_percent(found["after"]["ece"])} on {found["images"]:,} '
                 'images')
  return ', '.join(parts)


def _foreign(name: str, selected: dict[str, Any]) -> str:
  shares = [
      f'{100 * selected[f"foreign_{kind}"] / selected[kind]:.2f} % {words}'
      for kind, words in (('pool', 'of those labelled'),
                          ('kept', 'of the confident'),
                          ('used', 'of those used'))]
  return (f'{name}: foreign images {", ".join(shares)}; of the others '
          f'{_percent(selected["recall_kept"])} are confident enough')


def _percent(share: float | None) -> str:
  return '-' if share is None else f'{100 * share:.2f} %'
