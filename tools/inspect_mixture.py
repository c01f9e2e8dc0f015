"""Says what a generation trains on: counts, classes, ratio, speed, pictures.

  bazel run //tools:inspect_mixture -- --gin_file=gin/runs/smoke.gin
      [--generation=student] [--work_dir=DIR] [--batches=100]
      [--output=FOLDER] [--gin.SCOPE/MODULE.CLASS.PARAMETER=VALUE]

Prints a page, and writes the same as `mixture.json` and a contact sheet,
`mixture.png`, to the folder. The images of each source and what is left out of
it, and why; the classes; and, as observed over some batches, the ratio of
pseudo-labelled to labelled images in a batch and in the part of a replica, how
many images are distinct, what does not decode, and images/s, input noise
included. What is pseudo-labelled is known when the generation's stage `select`
is finished in the work directory; until then batches are of labelled images.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
import json
import os

import numpy as np

from ns.core import errors
from ns.core import files
from ns.core import types
from tools import command
from tools import contact_sheet
from tools import inputs as inputs_lib
from tools import mixture_facts

# Pictures in a row; rows of a pool; images of each class, and classes.
_COLUMNS = 10
_ROWS = 2
_EACH = 5
_CLASSES = 24
# Batches and records that are looked through for images of each class.
_SEARCHED_BATCHES = 20
_SEARCHED = 300


def facts(run, generation, found: inputs_lib.Inputs, num_batches: int) -> dict:
  """What `mixture_facts` has of the mixture of a generation."""
  return {
      'generation': generation.name,
      'sets': mixture_facts.sets(run.data),
      'sources': mixture_facts.sources(run.data),
      'classes': mixture_facts.classes(run.data, found.selected),
      'note': found.note,
      'observed': mixture_facts.observe(
          _batches(run, generation, found, noise=generation.noise,
                   batch_noise=generation.batch_noise), num_batches)}


def sections(run, generation, found: inputs_lib.Inputs
             ) -> Iterator[contact_sheet.Section]:
  """The sheet: labelled and pseudo-labelled images by class, and the pool."""
  by_kind = _by_class(_batches(run, generation, found))
  names = run.data.class_names
  shown = np.unique(np.linspace(
      0, len(names) - 1, min(len(names), _CLASSES)).round().astype(int))
  for is_labelled, (kind, heading) in {
      1: ('labelled', 'Labelled images, as they are cropped'),
      0: ('pseudo-labelled', 'Pseudo-labelled images of the likeliest class')
  }.items():
    rows = [contact_sheet.Row(
        label=f'{names[label][:18]}\n{kind}',
        images=np.stack([image for image, _ in images]),
        captions=[caption for _, caption in images])
            for label in shown if (images := by_kind[is_labelled].get(label))]
    if rows:
      yield contact_sheet.Section(heading=heading, rows=rows, note=(
          '' if len(shown) == len(names) else
          f'{len(shown)} of {len(names):,} classes.'))
  if not by_kind[0] and run.data.unlabelled.num_examples:
    yield _pool(run, generation, found.note)


def _by_class(dataset) -> dict[int, dict[int, list]]:
  """By kind and class: some images with captions, of the first batches."""
  found = {1: {}, 0: {}}
  for batch in dataset.take(_SEARCHED_BATCHES).as_numpy_iterator():
    for image, label, weight, kind, key in zip(*(batch[name] for name in (
        types.IMAGE, types.LABEL, types.WEIGHT, types.IS_LABELLED,
        types.KEY))):
      if weight:
        images = found[int(kind)].setdefault(int(label.argmax()), [])
        if len(images) < _EACH:
          images.append((image, _end(key) + (
              '' if kind else f'\n{label.max():.2f}')))
  return found


def _end(key: bytes) -> str:
  """As much of a key as there is room for."""
  key = key.decode()
  return f'…{key[-13:]}' if len(key) > 14 else key


def _pool(run, generation, note: str) -> contact_sheet.Section:
  """Some images of the pool, of each of its shards."""
  view = _view(generation, generation.evaluation_crop)
  shards = run.data.unlabelled.shards
  chosen = [shards[i] for i in np.unique(
      np.linspace(0, len(shards) - 1, _COLUMNS).round().astype(int))]
  each = -(-_COLUMNS * _ROWS // len(chosen))
  images, captions = [], []
  for shard in chosen:
    # Near the beginning: not every format gives a later one cheaply.
    searched = min(shard.num_examples, _SEARCHED)
    rows = np.unique(np.linspace(0, searched - 1, each).astype(int))
    for record in view.of(run.data.unlabelled.records(
        shard, rows)).as_numpy_iterator():
      images.append(record[types.IMAGE])
      captions.append(_end(record[types.KEY]))
  return contact_sheet.Section(
      heading='The pool, without labels', note=note, rows=[
          contact_sheet.Row(
              label='unlabelled', images=np.stack(images[i:i + _COLUMNS]),
              captions=captions[i:i + _COLUMNS])
          for i in range(0, len(images), _COLUMNS)])


def _batches(run, generation, found, **noises):
  """The training batches; without noise, unless it is given."""
  from ns import mixture
  inputs = mixture.Inputs(
      labelled=run.data.labelled, view=_view(generation, generation.crop),
      pseudo_labelled=found.pseudo_labelled, **noises)
  return found.mixture.batches(
      inputs, run.root_seed.child(generation.name, 'data'))


def _view(generation, crop):
  from ns.mixture import views
  return views.View(size=generation.model.image_size,
                    channels=generation.model.channels, crop=crop)


def inspect(arguments: argparse.Namespace) -> str:
  """Writes the files; returns the page."""
  from etils import epath
  if arguments.batches < 1:
    raise errors.ConfigError('`--batches` should be at least 1, but is '
                             f'{arguments.batches}.')
  composition = command.compose(arguments)
  run = composition.root
  generation = command.generation_of(run, arguments.generation)
  run.data.read()
  found = inputs_lib.of(run, generation, epath.Path(
      command.work_dir(arguments, composition.run_file)))
  told = facts(run, generation, found, arguments.batches)
  title = f'{composition.run_file}, generation {generation.name}'
  folder = str(files.user_path(arguments.output))
  files.write_whole(os.path.join(folder, 'mixture.json'),
                    json.dumps(told, indent=1))
  sheet = contact_sheet.draw(title, list(sections(run, generation, found)))
  command.write_picture(os.path.join(folder, 'mixture.png'), sheet)
  return (f'{title}\n\n{mixture_facts.text(told)}\n\n'
          f'{folder}: mixture.json, mixture.png')


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments of this tool; raises ConfigError where one is wrong."""
  flags = command.Flags('inspect_mixture', __doc__)
  command.add_run(flags)
  flags.add_argument('--batches', type=int, default=100,
                     help='that are observed; 100 if not given')
  flags.add_argument('--output', default='inspected',
                     help='the folder of what is written; `inspected` if not '
                     'given')
  return flags.parse(argv)


def main(argv: Sequence[str]) -> int:
  """Inspects, or says in one line why not; returns the exit code."""
  return command.finish(lambda: inspect(parse(argv)))


if __name__ == '__main__':
  command.start(main)
