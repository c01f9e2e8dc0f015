"""Sources of images: where examples come from, in a fixed order, with keys.

A source is a frozen dataclass that derives from `Source` and says

  name: a short name, the beginning of its examples' keys.
  num_examples: how many examples.
  shards: `Shard`s, consecutive parts; what is labelled, and restarted, as one.
  is_labelled: whether its records have labels.
  classes, class_names: of the labels; where there are none, of no use.
  class_ids: [num_examples] int64, of a labelled source.
  is_random_access: whether some examples of a shard cost no more than these.
  missing: why its files are not here, though a plan counts with them; or None.
  image_shape: (height, width, channels) of all images; None if they may differ.
  digest(): a checksum of the contents; equal digests, equal examples.
  keys(indices): stable names, `<name>/<relative path>` where an image is a
    file, else `<name>/<shard>/<index>` with as many digits in each.
  at(indices): a `tf.data.Dataset` of the examples with these indices, which
    rise: dicts of `key` [] string; `image` [height, width, channels] uint8 or
    [] string of encoded bytes; and, where it is labelled, `label` [] int64.
  columns(indices): the same examples as arrays [examples, …], of objects where
    they are of bytes; what is quicker where all are wanted.
  read(): after it, what can be known to be missing or broken is known.
  limit: how many of its images may be broken (`ns.mixture.broken`), such as
    encoded bytes that do not decode.

Sources load without TensorFlow, and load it to read: a plan counts examples.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from ns.core import checks
from ns.mixture import broken
from ns.mixture import lane

_MAX_SHARD = 16384
_READ_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shard:
  """Consecutive examples of a source.

  Attributes:
    name: stands in file names, e.g. '00002-of-00004'.
    first: index of the first example in the source.
    num_examples: how many.
  """
  name: str
  first: int
  num_examples: int


def even_shards(num_examples: int) -> tuple[Shard, ...]:
  """As few shards as possible of about equal size, none above 16,384."""
  count = max(1, -(-num_examples // _MAX_SHARD))
  bounds = [num_examples * i // count for i in range(count + 1)]
  return tuple(
      Shard(name=f'{i:05}-of-{count:05}', first=low, num_examples=high - low)
      for i, (low, high) in enumerate(zip(bounds, bounds[1:])))


class Source:
  """What is the same for all sources; see the module."""
  missing = None
  # The share of its images that may be broken, where it does not say.
  max_excluded = 0.01

  @property
  def image_bytes(self) -> float | None:
    """Of an encoded image, on the average; None if that is not known.

    Of images that are pixels, what a PNG has at most, about.
    """
    return None if self.image_shape is None else math.prod(self.image_shape)

  def records(self, shard: Shard | None = None,
              rows: np.ndarray | None = None):
    """A `tf.data.Dataset` of examples in their order, as of `at`.

    Args:
      shard: one of `shards`; None for all of the source.
      rows: rising indices within the shard; None for all of it.
    """
    first, count = ((shard.first, shard.num_examples) if shard
                    else (0, self.num_examples))
    return self.at(first + (np.arange(count) if rows is None else rows))

  def columns(self, indices: np.ndarray) -> lane.Columns:
    """See the module."""
    examples = self.at(indices).batch(_READ_AT_ONCE)
    return lane.joined(list(examples.as_numpy_iterator()) or [{
        name: np.empty([0, *part.shape[1:]], part.dtype.as_numpy_dtype)
        for name, part in examples.element_spec.items()}])

  @property
  def limit(self) -> broken.Limit:
    """See the module."""
    return broken.Limit(name=self.name, images=self.num_examples,
                        share=self.max_excluded,
                        binding=f'{type(self).__name__}.max_excluded')

  def hidden_labels(self) -> np.ndarray | None:
    """[num_examples] int64: for reporting only, never for training."""
    return self.class_ids if self.is_labelled else None

  def foreign(self) -> np.ndarray | None:
    """[num_examples] bool: of no class; None where that is not known.

    For reporting only, as `hidden_labels`, which are -1 there.
    """
    return None

  def canonical(self) -> dict:
    """What of a source enters a fingerprint: its contents, not its place."""
    return {'source': self.name, 'digest': self.digest()}


def declared(value: Any) -> Any:
  """A source as it was declared, without what it has read: to be sent."""
  if isinstance(value, (list, tuple)):
    return type(value)(map(declared, value))
  if not dataclasses.is_dataclass(value) or isinstance(value, type):
    return value
  return dataclasses.replace(value, **{
      field.name: declared(getattr(value, field.name))
      for field in dataclasses.fields(value) if field.init})


def all_or(indices: np.ndarray | None, num_examples: int) -> np.ndarray:
  """The indices, or where they are None, those of all examples."""
  return np.arange(num_examples) if indices is None else indices


def numbered(prefix: str, indices: np.ndarray, num_examples: int) -> list[str]:
  """`<prefix>/<index>`, with as many digits as the largest needs."""
  width = len(str(num_examples - 1))
  return [f'{prefix}/{index:0{width}}' for index in indices]


def name_classes(source) -> None:
  """Gives a source with `classes` its `class_names`; their numbers if empty."""
  checks.instance(source, 'class_names', list, tuple)
  names = tuple(source.class_names or map(str, range(source.classes)))
  if len(names) != source.classes or len(set(names)) != source.classes:
    raise ValueError(
        f'`{type(source).__name__}.class_names` should be {source.classes} '
        'distinct names, one for each class, but is '
        f'{list(source.class_names)}.')
  object.__setattr__(source, 'class_names', names)
