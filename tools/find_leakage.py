"""Finds images of a run that are in one of its evaluation sets, too.

  bazel run //tools:find_leakage -- --gin_file=RUN.gin --output=FOLDER
      [--max_difference=0.15] [--max_distance=11] [--threads=2] [--within]
      [--runner=DataflowRunner --project=… …]
      [--gin.SCOPE/MODULE.CLASS.PARAMETER=VALUE]

Compares every pool and the labelled images of the run with its validation and
test set, and these with each other: the same pixels, and similar ones (resized,
recompressed, mirrored), whatever their format. Writes `leakage.parquet`, which
the run may bind to leave them out, and a contact sheet, `leakage.png`; prints
how many there are, and what does not decode. When it is interrupted it goes on
where it was. docs/leakage.md says what is found, and what is not. With
`--within` the labelled images are compared with each other, too: where two are
the same and their classes differ, one of these is wrong.

Where one of Apache Beam's flags is given, all that are no others are its own.
"""

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import os

from etils import epath
import numpy as np

from ns.core import errors
from ns.core import files
from ns.core import types
from ns.mixture import leakage
from ns.mixture import leakage_list
from tools import beam_options
from tools import command
from tools import contact_sheet

# Pairs in a row of the sheet, rows of each pair of sets.
_COLUMNS = 6
_ROWS = 5
# Pairs that a line names.
_NAMED = 5


def find(arguments: argparse.Namespace, options: Sequence[str]) -> str:
  """Compares the sets of a run; returns what there is to say of it.

  Args:
    arguments: of this tool.
    options: of Apache Beam; none, and it is not used.
  """
  try:
    search = leakage.Search(**{
        name: value for name in ('max_difference', 'max_distance', 'threads')
        if (value := getattr(arguments, name)) is not None})
  except ValueError as error:
    raise errors.ConfigError(str(error)) from error
  data = unfiltered(command.compose(arguments).root.data)
  data.read()
  folder = str(files.user_path(arguments.output))
  sets = data.compared, data.evaluation_sets
  within = [source for source in data.compared
            if arguments.within and source.is_labelled]
  if options:
    pipeline_options = beam_options.of(options)
    from ns.mixture import leakage_beam
    told = leakage_beam.run(search, *sets, folder, pipeline_options, within)
  else:
    told = search.run(*sets, folder, within)
  path = os.path.join(folder, leakage_list.NAME)
  drawn = os.path.join(folder, 'leakage.png')
  if told['found']:
    limit = leakage_list.heading(path).header.search['max_difference']
    command.write_picture(drawn, contact_sheet.draw(
        f'Images that are in an evaluation set, too\n{path}, differences up to '
        f'{limit}; left the image, right that of the evaluation set',
        list(sections(path, data))))
  else:
    epath.Path(drawn).unlink(missing_ok=True)
  return '\n'.join([*text(told, path, type(innermost(data)).__name__),
                    *(contradictions(path, source) for source in within)])


def innermost(data):
  """The split that has the field `leakage`, which others may be around."""
  return innermost(data.data) if hasattr(data, 'data') else data


def unfiltered(data):
  """A split without the list that it may have bound, which may be outdated."""
  if hasattr(data, 'data'):  # It is around another one, which has the list.
    return dataclasses.replace(data, data=unfiltered(data.data))
  if getattr(data, 'leakage', None):
    return dataclasses.replace(data, leakage=None)
  return data


def text(told: dict, path: str, split: str) -> Iterator[str]:
  """What a list came to, in lines.

  Args:
    told: as `Search.run` gives it.
    path: of the list.
    split: what the data are, such as 'Sets'.
  """
  if not told['found']:
    yield 'No image is in an evaluation set, too.'
  for row in told['found']:
    near = row['images'] - row['exact']
    yield (f'{row["set"]} in {row["evaluation_set"]}: {row["images"]:,} images '
           f'({row["exact"]:,} exact, {near:,} near) of '
           f'{row["evaluation_images"]:,} there; {row["pairs"]:,} pairs, '
           f'{row["mirrored"]:,} mirrored')
  for name, broken in told['broken'].items():
    more = ', …' if broken['count'] > len(broken['keys']) else ''
    yield (f'{name}: {broken["count"]:,} images do not decode as a whole, and '
           'are not compared; with `check_images = True` their source leaves '
           f'them out: {", ".join(broken["keys"])}{more}')
  yield f'The list is {path}; to leave out what it names, bind it:'
  yield (f'  mixture.{split}.leakage = @mixture.WithoutLeaks()\n'
         f"  mixture.WithoutLeaks.path = '{path}'")


def contradictions(path: str, source) -> str:
  """How many pairs of a set are of different classes, and some of them."""
  rows = leakage_list.read(path, set=source.name, evaluation_set=source.name)
  pairs = [row for row in rows.sort_by('difference').to_pylist()
           if source.class_ids[row['index']]
           != source.class_ids[row['evaluation_index']]]
  named = [f'{row["key"]} and {row["evaluation_key"]}'
           for row in pairs[:_NAMED]] + ['…'][:len(pairs) > _NAMED]
  return (f'{source.name}: {len(pairs):,} pairs are of different classes'
          + (f': {", ".join(named)}' if pairs else ''))


def sections(path: str, data) -> Iterator[contact_sheet.Section]:
  """The sheet: pairs of each two sets, side by side."""
  sources = {source.name: source
             for source in (*data.compared, *data.evaluation_sets)}
  for found in leakage_list.heading(path).told['found']:
    yield _section(path, found, sources[found['set']],
                   sources[found['evaluation_set']])


def _section(path, found, source, evaluation) -> contact_sheet.Section:
  """Some pairs, from the most to the least similar."""
  rows = leakage_list.read(
      path, set=found['set'], evaluation_set=found['evaluation_set']).sort_by(
          [('kind', 'ascending'), ('difference', 'ascending')])
  chosen = rows.take(np.unique(np.linspace(
      0, len(rows) - 1, min(len(rows), _COLUMNS * _ROWS)).round().astype(int))
                    ).to_pylist()
  left = _images(source, [row['index'] for row in chosen])
  right = _images(evaluation, [row['evaluation_index'] for row in chosen])
  made = []
  for begin in range(0, len(chosen), _COLUMNS):
    some = chosen[begin:begin + _COLUMNS]
    pictures = [_square(image) for row in some for image in (
        left[row['index']], right[row['evaluation_index']])]
    made.append(contact_sheet.Row(
        label=some[0]['kind'], images=np.stack(pictures),
        captions=[caption for row in some for caption in (
            _end(row['key']), f'{_end(row["evaluation_key"])}\n'
            f'{row["difference"]:.3f}'
            + (' mirrored' if row['mirrored'] else ''))]))
  return contact_sheet.Section(
      heading=f'{found["set"]} in {found["evaluation_set"]}', rows=made,
      note=f'{len(chosen)} of {len(rows):,} pairs, from the most to the least '
      'similar.' if len(chosen) < len(rows) else '')


def _images(source, indices: Sequence[int]) -> dict[int, np.ndarray]:
  """[height, width, 3] uint8 of each."""
  from ns.images import decode
  rising = np.unique(np.array(indices, np.int64))
  return {int(index): decode.decode(record[types.IMAGE], 3).numpy()
          for index, record in zip(rising, source.at(rising))}


def _square(image: np.ndarray, side: int = 96) -> np.ndarray:
  """All of an image, on a square of one size."""
  from PIL import Image
  picture = Image.fromarray(image)
  scale = side / max(picture.size)
  size = tuple(max(1, round(length * scale)) for length in picture.size)
  picture = picture.resize(size, Image.Resampling.NEAREST if scale > 1
                           else Image.Resampling.BICUBIC)
  square = Image.new('RGB', (side, side), (255, 255, 255))
  square.paste(picture, ((side - size[0]) // 2, (side - size[1]) // 2))
  return np.asarray(square)


def _end(key: str) -> str:
  """As much of the end of a key as there is room for."""
  return key if len(key) <= 15 else f'…{key[-14:]}'


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
  """The arguments of this tool, and the options of Apache Beam.

  Raises:
    ConfigError: one is wrong.
  """
  flags = command.Flags('find_leakage', __doc__)
  command.add_gin(flags)
  flags.add_argument('--output', help='the folder that the list goes into')
  flags.add_argument('--max_difference', type=float,
                     help='how much similar images may differ')
  flags.add_argument('--max_distance', type=int, help='bits in which hashes of '
                     'similar images may differ')
  flags.add_argument('--within', action='store_true', help='also compare the '
                     'labelled images with each other')
  flags.add_argument('--threads', type=int, help='one a core if not given')
  arguments, options = flags.parse_some(argv)
  for name in 'gin_file', 'output':
    if not getattr(arguments, name):
      raise errors.ConfigError(
          f'`--{name}` is needed; write `--gin_file=RUN.gin --output=FOLDER`.')
  if options and not any(o.split('=')[0] == '--runner' for o in options):
    flags.parse(argv)  # Says which flag there is not.
  return arguments, options


def main(argv: Sequence[str]) -> int:
  """Finds leaks, or says in one line why not; returns the exit code."""
  return command.finish(lambda: find(*parse(argv)))


if __name__ == '__main__':
  command.start(main)
