"""The record of one pseudo-labelled image: a plain `tf.train.Example`.

This is the one place that knows the names of its features:

| feature                 | type              | what                           |
|-------------------------|-------------------|--------------------------------|
| `image/encoded`         | bytes             | PNG, or the source's own bytes |
| `probabilities/float16` | bytes             | the teacher's distribution,    |
|                         |                   | little-endian; or              |
| `probabilities`         | [classes] float   | that in float32                |
| `label`                 | int64             | its highest class              |
| `confidence`            | float             | the probability of that class  |
| `copies`                | int64, at least 1 | how often an epoch has it      |
| `key`                   | bytes, UTF-8      | its stable name in the pool    |

A distribution is in float16 where the store has it so, which is exact, half as
large and four times as quick to write; one that is spread from `top_k` classes
is not, and older records are not either.

`label` and `confidence` are from before the distribution was rounded for the
store, so they need not be the argmax and maximum of `probabilities` to the last
bit. All work: the module imports TensorFlow; facades do not import it.
"""

from collections.abc import Sequence
import re

from etils import epath
import numpy as np
import tensorflow as tf

from ns.images import encode

_FILE = re.compile(r'pseudo-\d{5}-of-\d{5}\.tfrecord')

_IMAGE = 'image/encoded'
_PROBABILITIES = 'probabilities'
_HALVES = 'probabilities/float16'
_LABEL = 'label'
_CONFIDENCE = 'confidence'
_COPIES = 'copies'
_KEY = 'key'
_SCALARS = {
    name: tf.io.FixedLenFeature([], dtype) for name, dtype in (
        (_IMAGE, tf.string), (_LABEL, tf.int64), (_CONFIDENCE, tf.float32),
        (_COPIES, tf.int64), (_KEY, tf.string))}


def path(folder: epath.PathLike, number: int, num_files: int) -> epath.Path:
  """File `number` (from 0) of the `num_files` with a selection's records."""
  return epath.Path(folder) / f'pseudo-{number:05}-of-{num_files:05}.tfrecord'


def paths(folder: epath.PathLike) -> list[epath.Path]:
  """The files of records in `folder`, in order."""
  folder = epath.Path(folder)
  if not folder.exists():
    return []
  return sorted(p for p in folder.iterdir() if _FILE.fullmatch(p.name))


def serialise(*, key: str | bytes, image: np.ndarray | bytes,
              probabilities: np.ndarray, label: int, confidence: float,
              copies: int) -> bytes:
  """The bytes of one record; equal arguments give equal bytes.

  Args:
    key: the image's name.
    image: [height, width, 1 or 3] uint8, which becomes a PNG, or encoded bytes,
      which stay what they are.
    probabilities: [classes]; of float16 it stays that, else it is float32.
    label: in [0, classes).
    confidence: in [0, 1].
    copies: at least 1.
  """
  if not isinstance(image, bytes):
    image = encode.png(image)
  if isinstance(key, str):
    key = key.encode()
  example = tf.train.Example()
  feature = example.features.feature
  feature[_IMAGE].bytes_list.value.append(image)
  probabilities = np.asarray(probabilities)
  if probabilities.dtype == np.float16:
    feature[_HALVES].bytes_list.value.append(
        probabilities.astype('<f2').tobytes())
  else:
    feature[_PROBABILITIES].float_list.value.extend(
        probabilities.astype(np.float32).tolist())
  feature[_LABEL].int64_list.value.append(int(label))
  feature[_CONFIDENCE].float_list.value.append(float(confidence))
  feature[_COPIES].int64_list.value.append(int(copies))
  feature[_KEY].bytes_list.value.append(key)
  return example.SerializeToString(deterministic=True)


def parse(serialised: tf.Tensor, classes: int) -> dict[str, tf.Tensor]:
  """The features of a record, or of a batch of records; for `tf.data`.

  Args:
    serialised: [] or [batch] string.
    classes: how many classes the distribution is over; a record of another
      number fails with `InvalidArgumentError`.

  Returns:
    For one record, and with [batch] in front for a batch: `image` [] string
    (encoded: see `ns.images.decode`), `probabilities` [classes] float32,
    `label` [] int64, `confidence` [] float32, `copies` [] int64, `key` []
    string.
  """
  # A record with neither would be seen: no loss bears what is not a number.
  parsed = tf.io.parse_example(serialised, {
      **_SCALARS,
      _HALVES: tf.io.FixedLenFeature([], tf.string, ''),
      _PROBABILITIES: tf.io.FixedLenFeature(
          [classes], tf.float32, [float('nan')] * classes)})
  halves = parsed[_HALVES]
  has_halves = tf.strings.length(halves) > 0
  decoded = tf.io.decode_raw(
      tf.where(has_halves, halves, b'\0' * (2 * classes)), tf.float16)
  decoded = tf.ensure_shape(decoded, [*halves.shape, classes])
  return {
      'image': parsed[_IMAGE],
      'probabilities': tf.where(
          has_halves[..., tf.newaxis], tf.cast(decoded, tf.float32),
          parsed[_PROBABILITIES]),
      'label': parsed[_LABEL], 'confidence': parsed[_CONFIDENCE],
      'copies': parsed[_COPIES], 'key': parsed[_KEY]}


def image(serialised: tf.Tensor) -> dict[str, tf.Tensor]:
  """What a record has of its image, as a source gives it: `key`, `image`."""
  return scalars(serialised, ['key', 'image'])


def scalars(serialised: tf.Tensor, names: Sequence[str]
            ) -> dict[str, tf.Tensor]:
  """Some features of a record or of a batch, as of `parse`.

  Args:
    serialised: [] or [batch] string.
    names: of `image`, `label`, `confidence`, `copies` and `key`; the others are
      not looked at.
  """
  features = {name: _IMAGE if name == 'image' else name for name in names}
  parsed = tf.io.parse_example(
      serialised, {feature: _SCALARS[feature] for feature in features.values()})
  return {name: parsed[feature] for name, feature in features.items()}
