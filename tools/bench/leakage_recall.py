"""What the search for leaks finds, and what it takes for a leak wrongly.

  bazel run //tools/bench:leakage_recall -- [--images=500] [--photos=FOLDER]
      [--write=FILE.md]

Tables, as Markdown; with `--write` they replace what a file has between
`<!-- recall -->` and `<!-- end -->`. They say of how many copies of each kind
the original is found, by `max_difference`: copies of made-up photographs of 150
to 500 pixels, and of Fashion-MNIST's test images, which are as small and as
much alike as images get; and what is found where nothing was planted:
Fashion-MNIST's test images in its training images.

With `--photos` it is one table, of all images of a folder, at most 500 pixels
wide and high, between `<!-- recall of photographs -->` and `<!-- end -->`. No
two of them should be of one photograph: what is found of two different ones is
counted as wrong.
"""

import argparse
import collections
from collections.abc import Callable
from collections.abc import Sequence
import json
import pathlib

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageEnhance
from PIL import ImageFont

from ns import mixture
from ns.core import files
from ns.mixture import evaluation_index
from ns.mixture import fingerprinting
from ns.mixture import leakage
from ns.mixture import loose_images
from tools.bench import made_photos

LIMITS = 0.05, 0.08, 0.1, 0.12, 0.15, 0.2
_BEGIN, _BEGIN_PHOTOS = '<!-- recall -->', '<!-- recall of photographs -->'
_END = '<!-- end -->'
# Pixels: photographs are no larger than a web page has them.
_SIDE = 500
# Images that are looked at together.
_AT_ONCE = 256


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


def _brightness(factor: float) -> Callable[[Image.Image], Image.Image]:
  return lambda picture: ImageEnhance.Brightness(picture).enhance(factor)


def _contrast(factor: float) -> Callable[[Image.Image], Image.Image]:
  return lambda picture: ImageEnhance.Contrast(picture).enhance(factor)


def _gamma(exponent: float) -> Callable[[Image.Image], Image.Image]:
  curve = [round(255 * (level / 255)**exponent) for level in range(256)]
  return lambda picture: picture.point(curve * len(picture.getbands()))


def _written_on(share: float) -> Callable[[Image.Image], Image.Image]:
  """White words at the lower right, of that share of the width."""
  def write(picture):
    picture = picture.convert('RGB')
    font = ImageFont.load_default(max(6, share * picture.width / 8))
    ImageDraw.Draw(picture).text(
        (0.97 * picture.width, 0.97 * picture.height), 'www.example.com',
        (255, 255, 255), font, anchor='rs')
    return picture

  return write


def _rotated(degrees: float) -> Callable[[Image.Image], Image.Image]:
  return lambda picture: picture.rotate(degrees, Image.Resampling.BICUBIC)


_JPEG, _PNG = {'kind': 'JPEG', 'quality': 90}, {'kind': 'PNG'}
# What is done to a picture, and how the file is written.
COPIES = {
    'PNG of the same pixels': (lambda p: p, _PNG),
    'half as large': (_resized(0.5), _JPEG),
    'twice as large': (_resized(2), _JPEG),
    **{f'JPEG of quality {quality}': (
        lambda p: p, {'kind': 'JPEG', 'quality': quality})
       for quality in (95, 75, 50, 30, 10)},
    'WebP of quality 60': (lambda p: p, {'kind': 'WEBP', 'quality': 60}),
    'GIF of 256 colours': (lambda p: p, {'kind': 'GIF'}),
    'mirrored': (_mirrored, _PNG),
    'mirrored, half as large, quality 50': (
        lambda p: _mirrored(_resized(0.5)(p)), {'kind': 'JPEG', 'quality': 50}),
    'grey': (lambda p: p.convert('L'), _PNG),
    '15 % brighter': (_brightness(1.15), _JPEG),
    '30 % darker': (_brightness(0.7), _JPEG),
    '30 % less contrast': (_contrast(0.7), _JPEG),
    'gamma 0.8': (_gamma(0.8), _JPEG),
    'words over a quarter of the width': (_written_on(0.25), _JPEG),
    '1 % cropped on each side': (_cropped(0.01), _JPEG),
    '2 % cropped on each side': (_cropped(0.02), _JPEG),
    '5 % cropped on each side': (_cropped(0.05), _JPEG),
    'turned by 2 degrees': (_rotated(2), _JPEG)}


def recall(originals: Sequence[Image.Image]) -> dict[str, list[str]]:
  """The share of copies of which the original is found, for each limit.

  The last row is of what else is found: pairs of a copy and another original.
  """
  index = _index(_seen_as(originals, lambda picture: picture, _JPEG))
  found, others = {}, np.zeros(len(LIMITS), int)
  for name, (change, how) in COPIES.items():
    pairs = index.near(_seen_as(originals, change, how))
    near = pairs.differences[:, np.newaxis] <= LIMITS
    is_own = pairs.queries == pairs.entries
    found[name] = [f'{share:.1%}' for share in
                   near[is_own].sum(0) / len(originals)]
    others += near[~is_own].sum(0)
  return {**found, 'pairs with another one': [f'{n:,}' for n in others]}


def _seen_as(originals, change, how) -> fingerprinting.Seen:
  return fingerprinting.joined([
      fingerprinting.see(np.array(
          [made_photos.encoded(change(picture), **how)
           for picture in originals[begin:begin + _AT_ONCE]], object))
      for begin in range(0, len(originals), _AT_ONCE)])


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


def in_folder(folder: str) -> list[Image.Image]:
  """All images in a folder and below, in colour, at most 500 pixels long."""
  found = []
  for path in sorted(loose_images.below(folder, collections.Counter())):
    with Image.open(f'{folder}/{path}') as picture:
      picture.draft('RGB', (_SIDE, _SIDE))
      picture = picture.convert('RGB')
    picture.thumbnail((_SIDE, _SIDE))
    found.append(picture)
  return found


def made_up(count: int) -> list[Image.Image]:
  """Photographs of sizes that a web page may have."""
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
  """Those of made-up photographs and of Fashion-MNIST, as Markdown."""
  train, test = (fashion_mnist('train', 'train'),
                 fashion_mnist('test', 't10k'))
  small = [Image.fromarray(pixels[..., 0]) for pixels in test.pixels[:images]]
  parts = [_heading(f'{images:,} made-up photographs')]
  parts += _rows(recall(made_up(images)))
  parts += ['', _heading(f'{images:,} images of Fashion-MNIST')]
  parts += _rows(recall(small))
  parts += ['', _heading('Fashion-MNIST as it is')]
  parts += _rows(unplanted(train, test))
  return '\n'.join(parts)


def table_of_photographs(folder: str) -> str:
  """That of the photographs in a folder, as Markdown."""
  pictures = in_folder(folder)
  return '\n'.join([_heading(f'{len(pictures):,} photographs'),
                    *_rows(recall(pictures))])


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
  parser.add_argument('--photos', help='a folder of photographs, of which the '
                      'table is')
  parser.add_argument('--write', help='a file between whose marks they go')
  arguments = parser.parse_args()
  begin, text = (
      (_BEGIN_PHOTOS, table_of_photographs(
          str(files.user_path(arguments.photos))))
      if arguments.photos else (_BEGIN, tables(arguments.images)))
  print(text)
  if arguments.write:
    path = pathlib.Path(files.user_path(arguments.write))
    before, _, rest = path.read_text().partition(f'{begin}\n')
    _, _, after = rest.partition(_END)
    path.write_text(f'{before}{begin}\n{text}\n{_END}{after}')
  print(json.dumps({'bench': 'leakage_recall', 'images': arguments.images,
                    'photos': arguments.photos}))


if __name__ == '__main__':
  main()
