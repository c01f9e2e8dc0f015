"""Writes what there is to see of pseudo-labels, as pictures and figures.

  bazel run //tools:show_labels -- --work_dir=DIR [--generation=student1]
      [--output=FOLDER] [--classes=cat,dog,7] [--images=8] [--other=student2]

It needs the work directory alone, and reads the configuration that is kept
there (or that of `--gin_file`, of a run that has none). In FOLDER, by default
`labels_student1` where the command is typed:

  images.png       of each class images that are used, the most confident first;
                   those used least confidently, at the threshold; and some that
                   are not used, from the most confident on
  confidences.png  of all images and by class: how many of each confidence there
                   are, and are used
  classes.png      how many images each class has before and after
  agreement.png    where two generations labelled the same images: how often
                   they agree, and what is taken for what
  numbers.json     the figures that these pictures are drawn from

A caption is the confidence and, where hidden labels are known and others, what
it is. `--other` is by default the nearest generation before, or after, whose
labels are there.
"""

import argparse
from collections.abc import Sequence
import json
import os

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files
from tools import charts
from tools import command
from tools import contact_sheet
from tools import label_review

# Classes that are shown where none are named.
_CLASSES = 12
# Pairs of classes that are named.
_PAIRS = 20


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments of this tool; raises ConfigError where one is wrong."""
  flags = command.Flags('show_labels', __doc__)
  command.add_run(flags, generation='the first with labels')
  flags.add_argument('--output',
                     help='a folder; labels_GENERATION if not given')
  flags.add_argument('--classes', default='', help='names or numbers of the '
                     f'classes shown; {_CLASSES} spread over all if not given')
  flags.add_argument('--images', type=int, default=8,
                     help='how many in a row')
  flags.add_argument('--other', help='the generation to compare with')
  arguments = flags.parse(argv)
  if arguments.images < 1:
    raise errors.ConfigError('`--images` should be at least 1, but is '
                             f'{arguments.images}.')
  return arguments


class Labels:
  """The labels of a generation, as they are in a work directory."""

  def __init__(self, run, generation, work_dir):
    from etils import epath
    from ns.core import manifest
    from ns.loop import pool
    self.run, self.generation = run, generation
    self.names = run.data.class_names
    folder = epath.Path(work_dir) / generation.name
    self.predictions, self.selected = folder / 'label', folder / 'select'
    self.results = {}
    for kind in 'label', 'select':
      made = manifest.read(folder / kind)
      self.results[kind] = made.results if made else None
    self.source = pool.of(run, generation, epath.Path(work_dir))


def labelled(run, work_dir) -> list[str]:
  """The names of the generations whose labels are finished."""
  from ns.core import manifest
  return [generation.name for generation in run.generations
          if generation.has_teacher and manifest.read(
              os.path.join(work_dir, generation.name, 'label'))]


def choose(run, work_dir: str, name: str | None, other: str | None
           ) -> tuple[str, str | None]:
  """The generation that is shown, and the one that it is compared with.

  Raises:
    ConfigError: one of them has no labels.
  """
  names = labelled(run, work_dir)
  for flag, given in ('generation', name), ('other', other):
    if not names or given is not None and given not in names:
      raise errors.ConfigError(
          f'`--{flag}` should be a generation whose labels are finished in '
          f'`{work_dir}`, of {", ".join(names) or "which there is none"}, but '
          f'is {given!r}.')
  name = name or names[0]
  place = names.index(name)
  near = names[place - 1:place] if place else names[1:2]
  return name, other or (near[0] if near else None)


def classes_of(text: str, names: Sequence[str]) -> list[int]:
  """The classes that `--classes` names.

  Raises:
    ConfigError: there is no such class.
  """
  if not text:
    count = min(_CLASSES, len(names))
    return np.linspace(0, len(names) - 1, count).round().astype(int).tolist()
  found = []
  for word in text.split(','):
    if word in names:
      found.append(list(names).index(word))
    elif word.isdecimal() and int(word) < len(names):
      found.append(int(word))
    else:
      raise errors.ConfigError(
          f'`--classes` should be names or numbers of the {len(names)} classes '
          f'of the run, but has {word!r}.')
  return list(dict.fromkeys(found))


def images(labels: Labels, review: label_review.Review) -> contact_sheet.Image:
  """The sheet of images by class."""
  hidden = labels.source.hidden_labels()
  wanted = [sample for kinds in review.samples.values()
            for samples in kinds.values() for sample in samples]
  pictures = _pictures(labels.source, wanted)
  sections = []
  for label, kinds in review.samples.items():
    rows = [contact_sheet.Row(
        label=kind.replace(' of', '\nof'),
        images=[pictures[sample.shard, sample.row] for sample in samples],
        captions=[_caption(sample, labels, hidden) for sample in samples])
            for kind, samples in kinds.items() if samples]
    count = lambda counts: f'{int(counts[label].sum()):,}'
    sections.append(contact_sheet.Section(
        heading=f'{label}: {labels.names[label]}', rows=rows,
        note=f'{count(review.pool)} labelled so, {count(review.used)} used, '
        f'with copies {count(review.copies)}'))
  return contact_sheet.draw(
      f'Pseudo-labels for {labels.generation.name}', sections)


def _caption(sample, labels, hidden) -> str:
  """The confidence, and what it is if that is known to be something else."""
  words = f'{sample.confidence:.3f}'
  if hidden is None:
    return words
  truth = int(hidden[labels.source.shards[sample.shard].first + sample.row])
  if truth == sample.label:
    return words
  return words + '\nis ' + ('foreign' if truth < 0 else
                            labels.names[truth][:13])


def _pictures(source, samples) -> dict[tuple[int, int], np.ndarray]:
  """The images, by shard and row: [height, width, 1 or 3] uint8."""
  from ns.images import decode
  rows, found = {}, {}
  for sample in samples:
    rows.setdefault(sample.shard, set()).add(sample.row)
  for shard, places in rows.items():
    places = sorted(places)
    records = source.records(source.shards[shard], np.array(places))
    for place, record in zip(places, records, strict=True):
      image = decode.decode(record['image']).numpy()
      found[shard, place] = image if image.shape[2] in (1, 3) else (
          image[..., :3])
  return found


def confidences(labels: Labels, review: label_review.Review):
  """Histograms: of all classes, and of each that is shown."""
  least = getattr(labels.generation.select, 'min_confidence', None)

  def one(title, label, **size):
    mark = least[label or 0] if isinstance(least, (list, tuple)) else least
    shown = mark is not None and not (
        label is None and isinstance(least, (list, tuple)))
    part = lambda counts: (counts.sum(axis=0) if label is None
                           else counts[label])
    return charts.histogram(
        title, review.edges, {'labelled': part(review.pool),
                              'used': part(review.used)},
        [mark] if shown else [], **size)

  title = f'Confidence of the labels for {labels.generation.name}'
  if least is not None:
    title += '; the line is `min_confidence`'
  return charts.stacked([
      one(title, None, width=900),
      charts.stacked([one(f'{label}: {labels.names[label]}', label, width=250,
                          height=120) for label in review.samples], columns=3)])


def counts_by_class(labels: Labels):
  """Bars of the classes before and after."""
  found = labels.results['select']
  series = {words: np.array(found[f'{kind}_per_class']) for kind, words in (
      ('pool', 'labelled'), ('kept', 'pass the filter'),
      ('used', 'used'), ('copies', 'used, with copies'))}
  return charts.bars(
      f'Images by class for {labels.generation.name}', labels.names, series)


def agreement(one: Labels, other: Labels, found: label_review.Agreement):
  """The confusion of two labellings, and their agreement by confidence."""
  note = f'they agree on {100 * found.share:.2f} % of {found.images:,} images'
  table = charts.matrix(
      f'Labels for {one.generation.name} and for {other.generation.name}, in '
      '% of a row', found.confusion, one.names,
      f'labels for {one.generation.name}',
      f'labels for {other.generation.name}', note)
  return charts.stacked([table, charts.histogram(
      f'By the confidence of the labels for {one.generation.name}',
      np.linspace(0, 1, label_review.BINS + 1),
      {'images': found.by_confidence[:, 0],
       'of the same label': found.by_confidence[:, 1]})])


def numbers(labels, review, other, found) -> dict:
  """The figures behind the pictures, of JSON's types."""
  result = {
      'generation': labels.generation.name, 'classes': list(labels.names),
      'confidence_edges': review.edges.tolist(), 'broken': review.broken}
  for name in 'pool', 'used', 'copies':
    counts = getattr(review, name)
    result[name] = {'images': int(counts.sum()),
                    'by_confidence': counts.sum(axis=0).tolist(),
                    'by_class': counts.sum(axis=1).tolist(),
                    'by_class_and_confidence': counts.tolist()}
  if found is not None:
    result['agreement'] = {
        'other': other.generation.name, 'images': found.images,
        'share': found.share, 'most_confused': _most_confused(
            found.confusion, labels.names),
        'confusion': found.confusion.tolist(),
        'by_confidence': found.by_confidence.tolist()}
  return result


def _most_confused(confusion: np.ndarray, names: Sequence[str]) -> list[dict]:
  """The pairs of labels that most images have, of those that differ."""
  others = confusion * (1 - np.eye(len(names), dtype=np.int64))
  order = np.argsort(-others, axis=None, kind='stable')[:_PAIRS]
  pairs = [np.unravel_index(place, others.shape) for place in order]
  return [{'one': names[row], 'other': names[column],
           'images': int(others[row, column])}
          for row, column in pairs if others[row, column]]


def show(arguments: argparse.Namespace) -> str:
  """Writes all of it; returns what was written."""
  if arguments.work_dir and not arguments.gin_file:
    kept = os.path.join(str(files.user_path(arguments.work_dir)), 'config.gin')
    if not epath.Path(kept).exists():
      raise errors.ConfigError(
          f'`--work_dir` should be the folder of a run, with its `config.gin`, '
          f'but `{kept}` is not there; name the run file with `--gin_file`.')
    arguments.gin_file = [kept]
  composition = command.compose(arguments)
  run = composition.root
  work_dir = command.work_dir(arguments, composition.run_file)
  name, other = choose(run, work_dir, arguments.generation, arguments.other)
  shown = classes_of(arguments.classes, run.data.class_names)
  folder = str(files.user_path(arguments.output or f'labels_{name}'))
  labels = Labels(run, command.generation_of(run, name), work_dir)
  is_selected = labels.results['select'] is not None
  review = label_review.review(
      labels.source, str(labels.predictions),
      str(labels.selected) if is_selected else None, shown, arguments.images)
  sheets = {'images': images(labels, review),
            'confidences': confidences(labels, review)}
  if is_selected:
    sheets['classes'] = counts_by_class(labels)
  found = theirs = None
  if other:
    theirs = Labels(run, command.generation_of(run, other), work_dir)
    found = label_review.agreement(
        run.data.classes, (labels.source, str(labels.predictions)),
        (theirs.source, str(theirs.predictions)))
    if found.images:
      sheets['agreement'] = agreement(labels, theirs, found)
  for sheet, picture in sheets.items():
    command.write_picture(os.path.join(folder, f'{sheet}.png'), picture)
  files.write_whole(os.path.join(folder, 'numbers.json'), json.dumps(
      numbers(labels, review, theirs, found), indent=1) + '\n')
  return '\n'.join(os.path.join(folder, name) for name in (
      *(f'{sheet}.png' for sheet in sheets), 'numbers.json'))


def main(argv: Sequence[str]) -> int:
  """Writes all of it, or says in one line why not; returns the exit code."""
  return command.finish(lambda: show(parse(argv)))


if __name__ == '__main__':
  command.start(main)
