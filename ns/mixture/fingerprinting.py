"""Images of a source, some at a time, with their fingerprints and digests."""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import hashlib

import numpy as np

from ns.core import errors
from ns.core import op_error
from ns.core import types
from ns.mixture import fingerprints
from ns.mixture import sources

# Images that are taken together: as many as keep every core at work, and, of
# pixels, no more than some megabytes.
_ENCODED_AT_ONCE = 256
_PIXELS_AT_ONCE = 1024
_BYTES_AT_ONCE = 1 << 23

# Bytes of a digest.
DIGEST = 16

_NOTHING = np.zeros([1, 1], np.uint8)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
  """Consecutive images of a source.

  Attributes:
    first: the index of the first of them.
    keys: [images] object, of bytes.
    images: [images] object, encoded; or [images, height, width, 1 or 3] uint8.
  """
  first: int
  keys: np.ndarray
  images: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
  """What is known of the images of a batch.

  Attributes:
    are_good: [images] bool: they decode.
    contents: for each image, the digest of what the source has: equal ones,
      equal images.
    prints: their fingerprints; of images that do not decode, of no use.
    flat: by place, the digest of the pixels of those that show nothing.
  """
  are_good: np.ndarray
  contents: list[bytes]
  prints: fingerprints.Fingerprints
  flat: dict[int, bytes]


def batches(source: sources.Source, shard: sources.Shard) -> Iterator[Batch]:
  """All images of a shard, in their order.

  Raises:
    RunError: they cannot be read, or are not as many as they should be.
  """
  count = _ENCODED_AT_ONCE
  if source.image_shape is not None:
    size = int(np.prod(source.image_shape))
    count = min(_PIXELS_AT_ONCE, max(1, _BYTES_AT_ONCE // size))
  read = _at_once if source.is_random_access else _in_order
  first = shard.first
  for columns in read(source, shard, count):
    yield Batch(first=first, keys=columns[types.KEY],
                images=columns[types.IMAGE])
    first += len(columns[types.KEY])
  if first != shard.first + shard.num_examples:
    raise errors.RunError(
        f'Shard `{shard.name}` of `{source.name}` should have '
        f'{shard.num_examples:,} examples, but has {first - shard.first:,}; it '
        'changed since it was counted.')


def _at_once(source, shard, count):
  """Some at a time, where that costs no more than all."""
  for begin in range(0, shard.num_examples, count):
    end = min(begin + count, shard.num_examples)
    yield source.columns(shard.first + np.arange(begin, end))


def _in_order(source, shard, count):
  """All in one go through a file."""
  import tensorflow as tf
  records, read = source.records(shard), 0
  try:
    for columns in records.batch(count).prefetch(1).as_numpy_iterator():
      yield columns
      read += len(columns[types.KEY])
  except tf.errors.OpError as error:
    said = op_error.run_error(error)
    raise errors.RunError(
        said or f'The images of shard `{shard.name}` of `{source.name}` cannot '
        f'be read on after example {read}: {op_error.reason(error)}.'
        ) from error


def see(images: np.ndarray) -> Seen:
  """What there is to know of images, as of `Batch`."""
  if images.dtype == object:
    from ns.images import reduced
    contents = [hashlib.sha256(image).digest()[:DIGEST] for image in images]
    greys = reduced.grey(images, fingerprints.SIDE)
    are_good = np.array([grey is not None for grey in greys])
    prints = fingerprints.of_all([
        (_NOTHING, 1, 1) if grey is None else
        (grey.pixels, grey.height, grey.width) for grey in greys])
  else:
    contents = [pixel_digest(image) for image in images]
    are_good = np.ones(len(images), bool)
    prints = fingerprints.of(_grey(images))
  flat = {int(place): pixel_digest(images[place])
          for place in np.flatnonzero(prints.are_flat & are_good)}
  return Seen(are_good=are_good, contents=contents, prints=prints, flat=flat)


def joined(parts: Sequence[Seen]) -> Seen:
  """What is known of the images of several batches, in their order."""
  flat, begin = {}, 0
  for part in parts:
    flat.update({begin + place: digest for place, digest in part.flat.items()})
    begin += len(part.contents)
  return Seen(
      are_good=np.concatenate([np.empty(0, bool),
                               *(part.are_good for part in parts)]),
      contents=[content for part in parts for content in part.contents],
      prints=fingerprints.joined([part.prints for part in parts]), flat=flat)


def pixel_digest(image: bytes | np.ndarray) -> bytes:
  """A digest of the pixels of an image and of its shape.

  Args:
    image: encoded, and it decodes; or [height, width, channels] uint8.
  """
  if not isinstance(image, np.ndarray):
    from ns.images import reduced
    encoded, image = image, reduced.pixels(image)
    if image is None:  # Not all of it, which a small form did not need.
      return hashlib.sha256(encoded).digest()[:DIGEST]
  digest = hashlib.sha256(repr(image.shape).encode())
  digest.update(np.ascontiguousarray(image))
  return digest.digest()[:DIGEST]


def _grey(pixels: np.ndarray) -> np.ndarray:
  """[images, height, width] of colour or grey ones: ITU-R BT.601."""
  if pixels.shape[-1] == 1:
    return pixels[..., 0]
  return pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
