"""What a list of leaks comes to, by pairs of sets."""

from typing import Any

import numpy as np

from ns.mixture import leakage_list


class Tally:
  """Counts the rows of parts, by pairs of sets."""

  def __init__(self, header: leakage_list.Header):
    self._header = header
    self._pairs = {}

  def add(self, table) -> None:
    """Counts rows; those of one compared image should be in one table."""
    columns = {name: table[name].to_numpy(zero_copy_only=False)
               for name in ('set', 'index', 'evaluation_set',
                            'evaluation_index', 'kind', 'mirrored')}
    for name in sorted(set(columns['set'])):
      for evaluation in self._header.evaluation_sets:
        rows = (columns['set'] == name) & (
            columns['evaluation_set'] == evaluation.name)
        if rows.any():
          self._add(name, evaluation, {
              key: values[rows] for key, values in columns.items()})

  def _add(self, name, evaluation, columns) -> None:
    pair = self._pairs.setdefault((name, evaluation.name), {
        'pairs': 0, 'images': 0, 'exact': 0, 'mirrored': 0,
        'seen': np.zeros(evaluation.num_examples, bool)})
    exact = columns['kind'] == leakage_list.EXACT
    pair['pairs'] += len(exact)
    pair['images'] += len(np.unique(columns['index']))
    pair['exact'] += len(np.unique(columns['index'][exact]))
    pair['mirrored'] += int(columns['mirrored'].sum())
    pair['seen'][columns['evaluation_index']] = True

  def rows(self) -> list[dict[str, Any]]:
    """For each pair of sets that has leaks: names and counts.

    `images` of the set are in the evaluation set, too, of them `exact` with
    equal pixels; they are `evaluation_images` of it. `pairs` are the rows of
    the list, of them `mirrored`.
    """
    return [{'set': name, 'evaluation_set': evaluation,
             'images': pair['images'], 'exact': pair['exact'],
             'evaluation_images': int(pair['seen'].sum()),
             'pairs': pair['pairs'], 'mirrored': pair['mirrored']}
            for (name, evaluation), pair in self._pairs.items()]
