"""Select: which pseudo-labelled images the student sees, and how often."""

import dataclasses

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import seeds
from ns.pseudolabel import header as headers
from ns.pseudolabel import store

# Rows that are joined with their images at a time.
_BATCH = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Select:
  """Keeps the confident images and balances the classes.

  Two passes over the predictions: the first reads keys, labels and confidences
  and decides on copies; the second joins distributions and images by key and
  writes them.

  Attributes:
    min_confidence: images of a lower confidence are dropped; the comparison is
      in float32, as the confidences are. None keeps all. The paper takes 0.3
      (arXiv 1911.04252, section 3.1).
    balance: an object with `copies`, see `ns.pseudolabel.balance`.
  """
  min_confidence: float | None = 0.3
  balance: object

  def __post_init__(self):
    if self.min_confidence is not None:
      checks.number(self, 'min_confidence', at_least=0, at_most=1)
    checks.has_methods(self, 'balance', 'copies')

  def run(self, predictions_folder: str, source, folder: str,
          seed: seeds.Seed, classes: int, num_shards: int = 8) -> dict:
    """Writes `selection.parquet` and the student's records.

    Files of an earlier selection in `folder` are removed first;
    `selection.parquet` is the last to appear.

    Args:
      predictions_folder: where `Labelling.run` wrote.
      source: the pool that it labelled.
      folder: where the files go; made if need be.
      seed: for the balance.
      classes: how many classes the student tells apart.
      num_shards: how many files of records; fewer if there are fewer images.

    Returns:
      Counts: `pool`, `kept` (confident enough), `used` (with a copy) and
      `copies` (of these); each also by class, as `pool_per_class` and so on;
      `records_files`. If the source has hidden labels, also the share of right
      labels `accuracy_pool`, `accuracy_kept` and `accuracy_used`; they decide
      on nothing.

    Raises:
      RunError: predictions are missing or not of this source and these
        classes; no image is confident enough; a class is empty.
    """
    if num_shards < 1:
      raise ValueError('`num_shards` should be at least 1, but is '
                       f'{num_shards}.')
    shards = tuple(source.shards)
    header = _checked_header(predictions_folder, source, shards, classes)
    keys, labels, confidences = _columns(predictions_folder, shards, classes)
    kept = self._kept(confidences, source)
    copies = np.zeros(len(labels), np.int64)
    copies[kept] = self.balance.copies(
        labels[kept], confidences[kept], classes=classes, seed=seed,
        keys=keys[kept])
    used = copies > 0
    if not used.any():
      raise errors.RunError(
          f'`Select.balance` should leave images, but {self.balance!r} gives '
          f'none of {int(kept.sum())} a copy; bind another balance.')
    num_files = min(num_shards, int(used.sum()))
    _remove_earlier(folder)
    _write(predictions_folder, source, shards, header, copies, folder,
           num_files)
    counts = {'records_files': num_files}
    weights = {'pool': np.ones_like(copies), 'kept': kept, 'used': used,
               'copies': copies}
    for name, weight in weights.items():
      counts[name] = int(weight.sum())
      per_class = np.bincount(labels, weight, minlength=classes)
      counts[f'{name}_per_class'] = per_class.astype(np.int64).tolist()
    right = _right(source, labels)
    if right is not None:
      for name in 'pool', 'kept', 'used':
        counts[f'accuracy_{name}'] = float(
            right[weights[name].astype(bool)].mean())
    return counts

  def _kept(self, confidences: np.ndarray, source) -> np.ndarray:
    if not confidences.size:
      raise errors.RunError(f'The pool `{source.name}` has no image to select; '
                            'look at its path.')
    if self.min_confidence is None:
      return np.ones(len(confidences), bool)
    kept = confidences >= np.float32(self.min_confidence)
    if not kept.any():
      raise errors.RunError(
          f'No image of `{source.name}` reaches `Select.min_confidence` = '
          f'{self.min_confidence:g}: the highest confidence of '
          f'{len(confidences)} is {confidences.max():.4g}; lower it or train a '
          'better teacher.')
    return kept


def _checked_header(folder, source, shards, classes) -> headers.Header:
  """The header that all files of predictions have in common."""
  first = None
  digest = source.digest()
  for shard in shards:
    path = store.predictions_path(folder, shard.name)
    header, rows = store.read_header(path)
    first = first or header
    for what, expected, found in (
        ('classes', classes, header.classes),
        ('source', source.name, header.source_name),
        ('source digest', digest, header.source_digest),
        ('teacher fingerprint', first.teacher_fingerprint,
         header.teacher_fingerprint),
        ('number of rows', shard.num_examples, rows)):
      if found != expected:
        raise errors.RunError(
            f'`{path}` should be of {what} {expected!r}, but is of {found!r}; '
            'label the pool again.')
  return first


def _columns(folder, shards, classes):
  """Keys [images] object, labels int32 and confidences float32 of the pool."""
  parts = {'key': [np.empty(0, object)], 'label': [np.empty(0, np.int32)],
           'confidence': [np.empty(0, np.float32)]}
  for shard in shards:
    path = store.predictions_path(folder, shard.name)
    for rows in store.read(path, list(parts), classes=classes):
      for name, values in parts.items():
        values.append(rows[name])
      if not ((0 <= rows['label']) & (rows['label'] < classes)
              & (0 <= rows['confidence']) & (rows['confidence'] <= 1.01)).all():
        raise errors.RunError(
            f'`{path}` should have labels below {classes} and confidences from '
            '0 to 1, but has others; label the pool again.')
  return tuple(np.concatenate(values) for values in parts.values())


def _right(source, labels) -> np.ndarray | None:
  hidden = getattr(source, 'hidden_labels', lambda: None)()
  if hidden is None:
    return None
  if np.shape(hidden) != labels.shape:
    raise errors.RunError(
        f'The hidden labels of `{source.name}` should be {len(labels)}, one '
        f'for each image, but are of shape {list(np.shape(hidden))}.')
  return np.asarray(hidden) == labels


def _remove_earlier(folder) -> None:
  from ns.mixture import pseudo_record
  epath.Path(store.selection_path(folder)).unlink(missing_ok=True)
  for path in pseudo_record.paths(folder):
    path.unlink()


def _write(predictions_folder, source, shards, header, copies, folder,
           num_files) -> None:
  from ns.mixture import pseudo_record
  from ns.pseudolabel import record_files
  begin = 0
  with store.writing_selection(
      store.selection_path(folder), header) as selection, \
      record_files.writing(folder, num_files) as write_record:
    for shard in shards:
      shard_copies = copies[begin:begin + shard.num_examples]
      begin += shard.num_examples
      if not shard_copies.any():
        continue
      for rows, images, counts in _joined(
          predictions_folder, source, shard, header.classes, shard_copies):
        selection.write(rows['key'], rows['label'], rows['confidence'], counts)
        for index, image in enumerate(images):
          write_record(pseudo_record.serialise(
              key=rows['key'][index], image=image,
              probabilities=rows['probabilities'][index],
              label=rows['label'][index], confidence=rows['confidence'][index],
              copies=counts[index]))


def _joined(folder, source, shard, classes, copies):
  """Yields the used rows of a shard with their images and copies."""
  from ns.pseudolabel import shard_batches
  path = store.predictions_path(folder, shard.name)
  predictions = store.read(
      path, ['key', 'label', 'confidence', 'probabilities'], _BATCH,
      classes=classes)
  records = shard_batches.batches(source, shard, _BATCH, decoded=False)
  begin = 0
  for keys, images in records:
    rows = next(predictions, None)
    if rows is None or len(rows['key']) != len(keys):
      more = rows is None or len(keys) > len(rows['key'])
      raise errors.RunError(
          f'Shard `{shard.name}` of `{source.name}` has '
          f'{"more" if more else "fewer"} records than the '
          f'{shard.num_examples} that it declares and `{path}` has; count the '
          'source and label the pool again.')
    if [key.encode() for key in rows['key']] != keys.tolist():
      raise errors.RunError(_other_key(path, source, begin, rows['key'], keys))
    counts = copies[begin:begin + len(keys)]
    begin += len(keys)
    used = np.flatnonzero(counts)
    if used.size:
      yield ({name: values[used] for name, values in rows.items()},
             images[used], counts[used])


def _other_key(path, source, begin, ours, theirs) -> str:
  row = next(row for row, key in enumerate(ours)
             if key.encode() != theirs[row])
  return (f'Row {begin + row} of `{path}` should have the key of its image in '
          f'`{source.name}`, `{theirs[row].decode(errors="replace")}`, but has '
          f'`{ours[row]}`; label the pool again.')
