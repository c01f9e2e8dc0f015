"""What the search for leaks finds, and what it takes for a leak wrongly.

  bazel run //tools/bench:leakage_recall -- [--images=500] [--write=FILE.md]

Two tables, as Markdown; with `--write` they replace what a file has between
`<!-- recall -->` and `<!-- end -->`. The first says of how many copies of each
kind the original is found, by `max_difference`: copies of made-up photographs
of 150 to 500 pixels, and of Fashion-MNIST's test images, which are as small and
as much alike as images get. The second has what is found where nothing was
planted: Fashion-MNIST's test images in its training images.
"""

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import json
import pathlib

import numpy as np
from PIL import Image
from PIL import ImageEnhance

from ns import mixture
from ns.core import files
from ns.mixture import evaluation_index
from ns.mixture import fingerprinting
from ns.mixture import leakage
from tools.bench import made_photos

LIMITS = 0.05, 0.08, 0.1, 0.12, 0.15, 0.2
_BEGIN, _END = '<!-- recall -->', '<!-- end -->'


def _resized(scale: float) -> Callable[[Image.Image], Image.Image]:
  return lambda picture: picture.resize(
      [round(scale * length) for length in picture.size],
      Image.Resampling.BICUBIC)


def _mirrored(picture: Image.Image) -> Image.Image:
  return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _cropped(share: float) -> Callable[[Image.Image], Image.Image]:
  def crop(picture):
    edges = [max(1, round(share * length)) for length in picture.size]
    return picture.crop((*edges, *(
        length - edge for length, edge in zip(picture.size, edges))))

  return crop


def _brighter(factor: float) -> Callable[[Image.Image], Image.Image]:
  return lambda picture: ImageEnhance.Brightness(picture).enhance(factor)


def _rotated(degrees: float) -> Callable[[Image.Image], Image.Image]:
  return lambda picture: picture.rotate(degrees, Image.Resampling.BICUBIC)


_JPEG, _PNG = {'kind': 'JPEG', 'quality': 90}, {'kind': 'PNG'}
# What is done to a picture, and how the file is written.
COPIES = {
    'PNG of the same pixels': (lambda p: p, _PNG),
    'half as large': (_resized(0.5), _JPEG),
    'twice as large': (_resized(2), _JPEG),
    'JPEG of quality 50': (lambda p: p, {'kind': 'JPEG', 'quality': 50}),
    'JPEG of quality 30': (lambda p: p, {'kind': 'JPEG', 'quality': 30}),
    'JPEG of quality 10': (lambda p: p, {'kind': 'JPEG', 'quality': 10}),
    'mirrored': (_mirrored, _PNG),
    'mirrored, half as large, quality 50': (
        lambda p: _mirrored(_resized(0.5)(p)), {'kind': 'JPEG', 'quality': 50}),
    'grey': (lambda p: p.convert('L'), _PNG),
    '5 % brighter': (_brighter(1.05), _JPEG),
    '15 % brighter': (_brighter(1.15), _JPEG),
    '1 % cropped on each side': (_cropped(0.01), _JPEG),
    '5 % cropped on each side': (_cropped(0.05), _JPEG),
    'turned by 2 degrees': (_rotated(2), _JPEG)}


def recall(originals: Sequence[Image.Image]) -> dict[str, list[str]]:
  """The share of copies of which the original is found, for each limit.

  The last row is of what else is found: pairs of a copy and another original.
  """
  files_of = lambda pictures, how: np.array(
      [made_photos.encoded(picture, **how) for picture in pictures], object)
  index = _index(fingerprinting.see(files_of(originals, _JPEG)))
  found, others = {}, np.zeros(len(LIMITS), int)
  for name, (change, how) in COPIES.items():
    pictures = [change(picture) for picture in originals]
    pairs = index.near(fingerprinting.see(files_of(pictures, how)))
    near = pairs.differences[:, np.newaxis] <= LIMITS
    is_own = pairs.queries == pairs.entries
    found[name] = [f'{share:.1%}' for share in
                   near[is_own].sum(0) / len(originals)]
    others += near[~is_own].sum(0)
  return {**found, 'pairs with another one': [f'{n:,}' for n in others]}


def unplanted(pool, evaluation) -> dict[str, list[str]]:
  """What is found of one source in another, for each limit."""
  index = _index(fingerprinting.joined(list(_seen(evaluation))))
  rows, first = [], 0
  for seen in _seen(pool):
    pairs = index.near(seen)
    rows.append(np.stack([pairs.queries + first, pairs.entries,
                          pairs.are_mirrored, pairs.differences]))
    first += len(seen.contents)
  queries, entries, mirrored, differences = np.concatenate(rows, 1)
  queries, entries = queries.astype(int), entries.astype(int)
  other = pool.class_ids[queries] != evaluation.class_ids[entries]
  count = lambda values: [f'{len(np.unique(values[differences <= limit])):,}'
                          for limit in LIMITS]
  number = lambda rows: [f'{(rows & (differences <= limit)).sum():,}'
                         for limit in LIMITS]
  return {'pairs': number(differences >= 0),
          'of these mirrored': number(mirrored > 0),
          'of these of different classes': number(other),
          f'of {pool.num_examples:,} training images': count(queries),
          f'of {evaluation.num_examples:,} test images': count(entries)}


def _index(seen: fingerprinting.Seen) -> evaluation_index.EvaluationIndex:
  class Evaluation:
    num_examples = len(seen.contents)

  index = evaluation_index.EvaluationIndex(
      sets=[Evaluation()], seen=seen, max_difference=max(LIMITS),
      max_distance=leakage.Search().max_distance)
  index.prepare()
  return index


def _seen(source):
  for shard in source.shards:
    for batch in fingerprinting.batches(source, shard):
      yield fingerprinting.see(batch.images)


def photographs(count: int) -> list[Image.Image]:
  """Of sizes that a web page may have."""
  rng = np.random.default_rng(0)
  return [made_photos.photograph(seed, *rng.integers(150, 500, 2).tolist())
          for seed in range(count)]


def fashion_mnist(part: str, images: str) -> mixture.Idx:
  """Its images for training or test."""
  return mixture.Idx(
      name=part, classes=10,
      images=f'@fashion_mnist/{images}-images-idx3-ubyte.gz',
      labels=f'@fashion_mnist/{images}-labels-idx1-ubyte.gz')


def tables(images: int) -> str:
  """Both tables, as Markdown."""
  train, test = (fashion_mnist('train', 'train'),
                 fashion_mnist('test', 't10k'))
  small = [Image.fromarray(pixels[..., 0]) for pixels in test.pixels[:images]]
  parts = [_heading(f'{images:,} photographs')]
  parts += _rows(recall(photographs(images)))
  parts += ['', _heading(f'{images:,} images of Fashion-MNIST')]
  parts += _rows(recall(small))
  parts += ['', _heading('Fashion-MNIST as it is')]
  parts += _rows(unplanted(train, test))
  return '\n'.join(parts)


def _heading(first: str) -> str:
  chosen = leakage.Search().max_difference
  limits = ' | '.join(f'**{limit}**' if limit == chosen else f'{limit}'
                      for limit in LIMITS)
  return f'| {first} | {limits} |\n|---|{"---:|" * len(LIMITS)}'


def _rows(found: dict[str, list[str]]) -> list[str]:
  return [f'| {name} | {" | ".join(values)} |'
          for name, values in found.items()]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--images', type=int, default=500)
  parser.add_argument('--write', help='a file between whose marks they go')
  arguments = parser.parse_args()
  text = tables(arguments.images)
  print(text)
  if arguments.write:
    path = pathlib.Path(files.user_path(arguments.write))
    before, _, rest = path.read_text().partition(f'{_BEGIN}\n')
    _, _, after = rest.partition(_END)
    path.write_text(f'{before}{_BEGIN}\n{text}\n{_END}{after}')
  print(json.dumps({'bench': 'leakage_recall', 'images': arguments.images}))


if __name__ == '__main__':
  main()
