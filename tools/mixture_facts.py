"""What a mixture is made of, in numbers: as declared, and as its batches have.

All functions give plain values, for JSON; `text` makes a page of them.
"""

from collections.abc import Sequence
import itertools
import time
from typing import Any

import numpy as np

from ns.core import types
from ns.mixture import source_manifest

# Left-out examples of a source, and images of weight 0, that are named.
_NAMED = 5
# Classes that a page has.
_CLASSES = 40
# Replicas for which the parts of a batch are counted, if they divide it.
_PARTS = 1, 2, 4, 8


def sets(data) -> list[dict[str, Any]]:
  """Of each set of a split: its size, what is foreign, what leaks."""
  found, leaks = [], getattr(data, 'leaks', {})
  for source in (data.labelled, data.unlabelled, *data.evaluation_sets):
    foreign = source.foreign()
    found.append({
        'name': source.name, 'images': source.num_examples,
        'shards': len(source.shards),
        'has_labels': source.is_labelled,
        'foreign': None if foreign is None else int(foreign.sum()),
        'leaks_left_out': leaks.get(source.name)})
  return found


def sources(data) -> list[dict[str, Any]]:
  """Of each source of a split: its size, what is left out, and why.

  `digests` is of how many shards all images were read, by this run or another,
  so that it is known what they were; None of sources that are not in files.
  """
  found = []
  for source in data.all_sources:
    excluded = getattr(source, 'excluded', lambda: [])()
    reasons = {}
    for _, reason in excluded:
      reasons[reason] = reasons.get(reason, 0) + 1
    digests = getattr(source, 'shard_digests', lambda: None)()
    shape = source.image_shape
    found.append({
        'name': source.name, 'kind': type(source).__name__,
        'images': source.num_examples, 'shards': len(source.shards),
        'digests': digests and sum(map(bool, digests.values())),
        'shape': shape and list(shape), 'left_out': len(excluded),
        'reasons': dict(sorted(
            reasons.items(), key=lambda item: (-item[1], item[0]))),
        'named': [list(pair) for pair in excluded[:_NAMED]],
        'passed_over': getattr(source, 'passed_over', {}),
        'manifest': str(getattr(source, 'manifest_path', '')) or None})
  return found


def classes(data, selected: dict[str, Any] | None) -> dict[str, Any]:
  """Images by class of each labelled set; and of what is selected, if it is."""
  count = lambda ids: np.bincount(ids, minlength=data.classes).tolist()
  found = {source.name: count(source.class_ids)
           for source in (data.labelled, *data.evaluation_sets)}
  if selected:
    found |= {'pseudo-labelled': selected['used_per_class'],
              'with copies': selected['copies_per_class']}
  return {'names': list(data.class_names), 'images': found}


def observe(dataset, num_batches: int) -> dict[str, Any]:
  """Counts what the first batches have; the time of the first is its own.

  Args:
    dataset: endless batches of a mixture.
    num_batches: how many are looked at, 1 at least.
  """
  begun = time.perf_counter()
  iterator = iter(dataset.as_numpy_iterator())
  first = next(iterator)
  ready = time.perf_counter()
  labelled, seen, twice, bad, weightless = [], set(), 0, [], 0
  label_mass = {kind: np.zeros(first[types.LABEL].shape[-1])
                for kind in (1, 0)}
  for batch in itertools.chain(
      [first], itertools.islice(iterator, num_batches - 1)):
    kinds = batch[types.IS_LABELLED]
    labelled.append(kinds == 1)
    for kind, mass in label_mass.items():
      mass += batch[types.LABEL][kinds == kind].sum(0)
    keys = batch[types.KEY].tolist()
    twice += len(keys) - len(set(keys))
    seen.update(keys)
    without = np.flatnonzero(batch[types.WEIGHT] == 0)
    weightless += len(without)
    for i in without:
      key = keys[i].decode()
      if len(bad) < _NAMED and key not in bad:
        bad.append(key)
  passed = time.perf_counter() - ready
  labelled = np.array(labelled)
  size = labelled.shape[1]
  total = num_batches * size
  return {
      'batches': num_batches, 'batch_size': size, 'examples': total,
      'distinct': len(seen), 'twice_in_a_batch': twice,
      'weight_0': weightless, 'weight_0_named': bad,
      'ratio': _ratio(labelled.sum(), total),
      'parts': [_part(labelled, parts) for parts in _PARTS
                if size % parts == 0],
      'label_mass': {name: (label_mass[kind] / label_mass[kind].sum()).tolist()
                     for name, kind in (('labelled', 1),
                                        ('pseudo-labelled', 0))
                     if label_mass[kind].sum()},
      'first_batch_seconds': ready - begun,
      'images_per_second': (total - size) / passed if total > size else None}


def _part(labelled: np.ndarray, parts: int) -> dict[str, Any]:
  """Labelled images in the part of each of so many replicas."""
  counts = labelled.reshape(len(labelled), parts, -1).sum(-1)
  size = labelled.shape[1] // parts
  return {'replicas': parts, 'images': size,
          'labelled_least': int(counts.min()),
          'labelled_most': int(counts.max())}


def _ratio(labelled: int, total: int) -> float | None:
  return float((total - labelled) / labelled) if labelled else None


def text(facts: dict[str, Any]) -> str:
  """The facts of a generation's mixture, on a page.

  Args:
    facts: `sets`, `sources`, `classes` and `observed`, as above, and `note`.
  """
  lines = _table(
      ('set', 'images', 'shards', 'of no class', 'leaks left out'), [
          (one['name'], _number(one['images']), _number(one['shards']),
           _number(one['foreign']), _number(one['leaks_left_out']))
          for one in facts['sets']])
  lines += ['', *_table(
      ('source', 'kind', 'images', 'shards', 'digests', 'left out', 'shape'), [
          (one['name'], one['kind'], _number(one['images']),
           _number(one['shards']), _number(one['digests']),
           _number(one['left_out']),
           ' x '.join(map(str, one['shape'] or ['differs'])))
          for one in facts['sources']], texts=2)]
  for one in facts['sources']:
    lines += [f'  {one["name"]}: {count:,} {reason}'
              for reason, count in one['reasons'].items()]
    lines += [f'    `{key}`: {reason}' for key, reason in one['named']]
    if one['passed_over']:
      told = source_manifest.by_suffix(one['passed_over'])
      lines.append(f'  {one["name"]}: passed over: {told}')
  images = facts['classes']['images']
  mass = facts['observed']['label_mass']
  lines += ['', *_table(
      ('class', *images, *(f'in batches, {kind}' for kind in mass)), [
          (name, *(_number(images[kind][label]) for kind in images),
           *(f'{100 * mass[kind][label]:.2f} %' for kind in mass))
          for label, name in enumerate(
              facts['classes']['names'][:_CLASSES])])]
  more = len(facts['classes']['names']) - _CLASSES
  lines += [f'and {more:,} more'] if more > 0 else []
  return '\n'.join([*lines, '', *_observed(facts['observed'], facts['note'])])


def _observed(found: dict[str, Any], note: str) -> list[str]:
  lines = [f'{found["batches"]:,} batches of {found["batch_size"]:,} images']
  lines += [f'  {note}'] if note else []
  ratio = found['ratio']
  lines.append(
      f'  pseudo-labelled images for each labelled one: {ratio:.4g}'
      if ratio is not None else '  no labelled image')
  for part in found['parts']:
    least, most = part['labelled_least'], part['labelled_most']
    lines.append(
        f'  labelled of the {part["images"]:,} images of each of '
        f'{part["replicas"]} replica{"s" * (part["replicas"] > 1)}: ' + (
            f'{least:,} in every batch' if least == most else
            f'{least:,} to {most:,}'))
  lines.append(
      f'  distinct images: {found["distinct"]:,} of {found["examples"]:,} '
      f'({100 * found["distinct"] / found["examples"]:.1f} %); twice in a '
      f'batch: {found["twice_in_a_batch"]:,}')
  lines.append(f'  of weight 0, because they do not decode: '
               f'{found["weight_0"]:,}')
  lines += [f'    `{key}`' for key in found['weight_0_named']]
  speed = found['images_per_second']
  lines.append(
      f'  the first batch after {found["first_batch_seconds"]:.2f} s' + (
          f', then {speed:,.0f} images/s' if speed else ''))
  return lines


def _number(value: int | None) -> str:
  return '-' if value is None else f'{value:,}'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1
           ) -> list[str]:
  """Lines of columns, of which the first `texts` are texts, others numbers."""
  widths = [max(map(len, column)) for column in zip(head, *rows)]
  return ['  '.join(
      cell.ljust(width) if i < texts else cell.rjust(width)
      for i, (cell, width) in enumerate(zip(row, widths))).rstrip()
          for row in (head, *rows)]
