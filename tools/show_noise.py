"""Writes what a run's noise does to its images, as a contact sheet (PNG).

  bazel run //tools:show_noise -- --gin_file=gin/runs/smoke.gin
      [--generation=student] [--output=noise.png] [--work_dir=DIR]
      [--gin.SCOPE/MODULE.CLASS.PARAMETER=VALUE]

From top to bottom: some labelled images; each operation of the generation's
RandAugment at its magnitude, with both signs; the whole noise with several
seeds; and the beginning of the first training batch, with its labels. Which
pseudo-labelled images are in a batch is known when the generation's stage
`select` is finished in the work directory; until then the batch is of labelled
images only.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses

import numpy as np

from ns.core import types
from tools import command
from tools import contact_sheet
from tools import inputs as inputs_lib

# Pictures in a row; rows of the noise as a whole, and of each kind in a batch.
_COLUMNS = 10
_ROWS = 3
# Records that are looked through for an image of each class.
_SEARCHED = 500

_SIGNED = ('Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY')
# How an operation's argument is written.
_WORDS = {
    'Rotate': '{:.4g} degrees', 'ShearX': '{:.3g}', 'ShearY': '{:.3g}',
    'TranslateX': '{:.4g} pixels', 'TranslateY': '{:.4g} pixels',
    'Color': 'factor {:.3g}', 'Contrast': 'factor {:.3g}',
    'Brightness': 'factor {:.3g}', 'Sharpness': 'factor {:.3g}',
    'Posterize': '{} bits', 'Solarize': 'from {}', 'SolarizeAdd': 'add {}',
    'Cutout': '{} pixels'}


def originals(run, view) -> np.ndarray:
  """Labelled images, one of each class as far as there are: [count, ...]."""
  first, others = {}, []
  shard = run.data.labelled.shards[0]
  records = view.of(run.data.labelled.records(shard).take(_SEARCHED))
  for record in records.as_numpy_iterator():
    label = int(record[types.LABEL])
    if label in first:
      others.append(record[types.IMAGE])
    else:
      first[label] = record[types.IMAGE]
  by_class = [first[label] for label in sorted(first)]
  return np.stack((by_class + others)[:_COLUMNS])


def parts(noise) -> list:
  """The single noises of a noise: steps of sequences, wrapped ones."""
  if hasattr(noise, 'steps'):
    return [part for step in noise.steps for part in parts(step)]
  if hasattr(noise, 'on_device'):
    return parts(noise.noise)
  return [noise]


def operations(augment, images: np.ndarray) -> contact_sheet.Section:
  """Each operation of a `RandAugment` at its magnitude, with both signs."""
  from ns.noise import op_names
  rows = []
  for op in sorted(set(augment.ops), key=op_names.NAMES.index):
    argument = _WORDS.get(op, '').format(augment.argument(op))
    for sign in (1, -1) if op in _SIGNED else (1,):
      words = f'-{argument}' if sign < 0 else argument
      rows.append(contact_sheet.Row(
          label=f'{op}\n{words}', images=_one(augment, op, sign, images)))
  spread = (f', give or take {augment.magnitude_std:g}'
            if augment.magnitude_std else '')
  return contact_sheet.Section(
      heading=f'Operations at magnitude {augment.magnitude:g}{spread}, of '
      f'which each image gets {augment.layers}', rows=rows)


def _one(augment, op: str, sign: int, images: np.ndarray) -> np.ndarray:
  """One operation on all images; the places of holes differ."""
  from ns.noise import distort
  from ns.noise import op_arguments
  from ns.noise import op_names
  count, height, width, _ = images.shape
  ops = np.full([count, 1], op_names.NAMES.index(op), np.int32)
  numbers = op_arguments.table(
      augment.arguments, ((op, augment.magnitude),))[0]
  place = np.random.default_rng(0).random([2, count, 1], np.float32)
  taken = op_arguments.assemble(
      ops, np.tile(numbers, [count, 1, 1]),
      np.full([count, 1], sign, np.float32), *place, height, width)
  return distort.apply(
      images, ops, taken, fill=augment.fill, contrast=augment.contrast,
      form=augment.form).numpy()


def whole(noise, images: np.ndarray, seed) -> contact_sheet.Section:
  """The noise as a whole, with several seeds."""
  import tensorflow as tf
  from ns.core import draws
  rows = []
  for number in range(_ROWS):
    stream = seed.child('show_noise', number)
    seeds = draws.members(
        tf.constant(stream.int64), tf.range(len(images), dtype=tf.int64))
    rows.append(contact_sheet.Row(
        label=f'seed {number + 1}',
        images=noise.apply(tf.constant(images), seeds).numpy()))
  return contact_sheet.Section(heading='The whole noise on the input',
                               rows=rows)


def batch(run, generation, view, folder) -> contact_sheet.Section:
  """The beginning of the first training batch, labelled images first."""
  from ns import mixture
  found = inputs_lib.of(run, generation, folder)
  inputs = mixture.Inputs(
      labelled=run.data.labelled, view=view,
      pseudo_labelled=found.pseudo_labelled,
      noise=inputs_lib.on_host(generation.noise),
      batch_noise=generation.batch_noise)
  seed = run.root_seed.child(generation.name, 'data')
  first = next(found.mixture.batches(inputs, seed).as_numpy_iterator())
  rows = []
  for kind, is_labelled in (('labelled', 1), ('pseudo-labelled', 0)):
    places = np.flatnonzero(first[types.IS_LABELLED] == is_labelled)
    for begin in range(0, min(len(places), _ROWS * _COLUMNS), _COLUMNS):
      own = places[begin:begin + _COLUMNS]
      rows.append(contact_sheet.Row(
          label=kind, images=first[types.IMAGE][own], captions=[
              _caption(*pair, run.data.class_names) for pair in zip(
                  first[types.LABEL][own], first[types.WEIGHT][own])]))
  return contact_sheet.Section(
      heading='The beginning of a batch, with what its images are labelled',
      rows=rows, note=found.note)


def _caption(label: np.ndarray, weight: float, names: Sequence[str]) -> str:
  """The two likeliest classes of a label, and a weight that is not 1."""
  words = [f'{names[c][:11]} {label[c]:.2f}'
           for c in np.argsort(-label, kind='stable')[:2]]
  if label.max() > 0.85:  # The rest is smoothing.
    words = words[:1]
  return '\n'.join(words + ([] if weight == 1 else [f'weight {weight:.2f}']))


def title(run_file: str, generation) -> str:
  """What the sheet shows, in lines."""
  lines = [f'{run_file}, generation {generation.name}']
  lines += [f'noise: {_words(part)}' for part in parts(generation.noise)]
  if generation.batch_noise:
    lines.append(f'batch noise: {_words(generation.batch_noise)}')
  unseen = _words(generation.model_noise, all_of_it=True)
  lines.append(f'not seen here: {unseen}')
  return '\n'.join(lines)


def _words(noise, all_of_it: bool = False) -> str:
  """A noise with what is not as by default; operations have rows of their own.
  """
  if not dataclasses.is_dataclass(noise):
    return type(noise).__name__
  values = [
      f'{field.name}={getattr(noise, field.name)!r}'
      for field in dataclasses.fields(noise) if field.name != 'ops' and (
          all_of_it or getattr(noise, field.name) != field.default)]
  return f'{type(noise).__name__}({", ".join(values)})'


def sections(run, generation, folder) -> Iterator[contact_sheet.Section]:
  """All of the sheet, from top to bottom."""
  from ns.mixture import views
  from ns.noise import rand_augment
  size, channels = generation.model.image_size, generation.model.channels
  plain = views.View(
      size=size, channels=channels, crop=generation.evaluation_crop)
  images = originals(run, plain)
  yield contact_sheet.Section(heading='Labelled images', rows=[
      contact_sheet.Row(label='without noise', images=images)])
  noise = inputs_lib.on_host(generation.noise)
  for part in parts(noise):
    if isinstance(part, rand_augment.RandAugment):
      yield operations(part, images)
  yield whole(noise, images, run.root_seed)
  yield batch(run, generation, views.View(
      size=size, channels=channels, crop=generation.crop), folder)


def parse(argv: Sequence[str]) -> argparse.Namespace:
  """The arguments of this tool; raises ConfigError where one is wrong."""
  flags = command.Flags('show_noise', __doc__)
  command.add_run(flags)
  flags.add_argument('--output', default='noise.png', help='the sheet')
  return flags.parse(argv)


def show(arguments: argparse.Namespace) -> str:
  """Writes the sheet; returns its path."""
  from etils import epath
  path = command.output_file(arguments.output)
  composition = command.compose(arguments)
  run = composition.root
  generation = command.generation_of(run, arguments.generation)
  folder = epath.Path(command.work_dir(arguments, composition.run_file))
  sheet = contact_sheet.draw(
      title(composition.run_file, generation),
      list(sections(run, generation, folder)))
  command.write_picture(path, sheet)
  return f'{path}: {sheet.width} x {sheet.height} pixels'


def main(argv: Sequence[str]) -> int:
  """Writes the sheet, or says in one line why not; returns the exit code."""
  return command.finish(lambda: show(parse(argv)))


if __name__ == '__main__':
  command.start(main)
