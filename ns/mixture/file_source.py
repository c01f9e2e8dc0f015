"""A source in files, with a manifest of what they have in them.

At the first start the files are listed and looked through; what that finds is
kept as the source's manifest (`ns.mixture.source_manifest`), and at every later
start that is read, and nothing is listed or counted again. A kind of source is
a subclass that says how to look through its files, and how to read some images
of one.
"""

from collections.abc import Iterator
import dataclasses
import functools
import hashlib
import json
import os
from typing import Any

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import files as files_lib
from ns.core import manifest as manifest_lib
from ns.mixture import broken
from ns.mixture import expected as expected_lib
from ns.mixture import lane
from ns.mixture import source_manifest
from ns.mixture import sources

_AT_ONCE = 64

# Examples of what is left out that a message names.
_NAMED = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileSource(sources.Source):
  """What sources in files have in common.

  A subclass has `is_labelled`, `is_random_access` and what is at the end of
  this class.

  Attributes:
    name: a short name, the beginning of the keys.
    check_images: whether every image is decoded when the manifest is made, so
      that those that do not decode are left out. Otherwise they keep their
      place, and are black, with weight 0.
    max_excluded: the share of the images, or of the files, that may be left out
      because they are broken; and the share of the others that may turn out not
      to decode, of a set in a training or an evaluation. More are an error.
    manifest: the path of the manifest; where it is empty, a file in the folder
      NS_CACHE_DIR, or else ~/.cache/noisy_student.
    expected: what a plan counts with where the files are not here; None, and
      there is no plan without them.
  """
  name: str
  check_images: bool = False
  max_excluded: float = 0.01
  manifest: str = manifest_lib.execution(default='')
  expected: expected_lib.Expected | None = manifest_lib.execution(default=None)
  image_shape = None

  def __post_init__(self):
    checks.instance(self, 'name', str)
    if not self.name or '/' in self.name:
      raise ValueError(
          f'`{type(self).__name__}.name` should be a short name without `/`, '
          f'but is {self.name!r}.')
    checks.one_of(self, 'check_images', (True, False))
    checks.number(self, 'max_excluded', at_least=0, at_most=1)
    checks.instance(self, 'manifest', str)
    if self.expected is not None:
      checks.instance(self, 'expected', expected_lib.Expected)

  @property
  def class_names(self) -> tuple[str, ...]:
    return self.made.class_names

  @property
  def classes(self) -> int:
    return len(self.class_names)

  @functools.cached_property
  def missing(self) -> str | None:
    """Why there are no files, where `expected` stands in for them."""
    if self.expected is not None:
      try:
        self.made
      except errors.Missing as error:
        return str(error)
    return None

  @property
  def num_examples(self) -> int:
    return (self.expected.examples if self.missing
            else int(self.made.counts.sum()))

  @property
  def image_bytes(self) -> float | None:
    if self.missing:
      return self.expected.image_bytes
    return sum(file.bytes for file in self.made.files) / max(
        sum(file.num_records for file in self.made.files), 1)

  @property
  def class_ids(self) -> np.ndarray:
    """[num_examples] int64, of a labelled source."""
    if not self.is_labelled:
      raise ValueError(f'`{self.name}` is not labelled.')
    return self.made.labels

  @property
  def limit(self) -> broken.Limit:
    limit = super().limit
    if self.check_images:
      return limit
    return dataclasses.replace(limit, leave_out=(
        f'leave them out with `{type(self).__name__}.check_images = True`'))

  @functools.cached_property
  def shards(self) -> tuple[sources.Shard, ...]:
    ends = np.cumsum(self.made.counts).tolist()
    return tuple(
        sources.Shard(name=file.name, first=end - count, num_examples=count)
        for file, count, end in zip(
            self.made.files, self.made.counts.tolist(), ends) if count)

  def keys(self, indices: np.ndarray | None = None) -> list[str]:
    indices = sources.all_or(indices, self.num_examples)
    if self.made.has_paths:
      return [f'{self.name}/{path.lstrip("/")}'
              for path in self.made.examples['path'].take(indices).to_pylist()]
    return [key for _, file, rows in self._pieces(indices)
            for key in self._numbered(file, rows)]

  def digest(self) -> str:
    return self._digest

  @functools.cached_property
  def _digest(self) -> str:
    if self.missing:
      return 'not here'
    return hashlib.sha256(
        f'{self.made.digest()}{self.name}'.encode()).hexdigest()

  def excluded(self) -> list[tuple[str, str]]:
    """Key, or as much of it as there is, and reason of all that is left out."""
    return self._excluded_of(self.made)

  def _excluded_of(self, made, most=None) -> list[tuple[str, str]]:
    def key(row):
      if row['path'] is not None:
        return f'{self.name}/{row["path"].lstrip("/")}'
      file = made.files[row['shard']]
      if row['row'] is None:
        return f'{self.name}/{file.name}'
      return self._numbered(file, [row['row']])[0]

    rows = made.excluded.slice(0, most).to_pylist()
    return [(key(row), row['reason']) for row in rows]

  def read(self) -> None:
    """Compares the files with the manifest, which is made if need be.

    Where a file has another time alone, and its content is known to be what it
    was, the manifest gets the new time.

    Raises:
      RunError: a file is missing or was changed, or too much is left out.
    """
    times = self.made.new_times(str(self.manifest_path), self._same_content)
    if times:
      self._with_times(times).write(self.manifest_path)

  def at(self, indices: np.ndarray):
    import tensorflow as tf
    signature = {'key': tf.TensorSpec([None], tf.string),
                 'image': tf.TensorSpec([None], tf.string)}
    if self.is_labelled:
      signature['label'] = tf.TensorSpec([None], tf.int64)
    with tf.device('cpu'):
      return tf.data.Dataset.from_generator(
          functools.partial(self._chunks, np.asarray(indices)),
          output_signature=signature).unbatch()

  def columns(self, indices: np.ndarray) -> lane.Columns:
    chunks = list(self._chunks(np.asarray(indices)))
    return lane.joined(chunks) if chunks else super().columns(indices)

  def _chunks(self, indices: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """The examples, some at a time."""
    for places, file, rows in self._pieces(indices):
      keys = self.keys(places)
      images = self.images(file, rows)
      for begin in range(0, len(rows), _AT_ONCE):
        end = min(begin + _AT_ONCE, len(rows))
        chunk = np.empty(end - begin, object)
        for i in range(end - begin):
          chunk[i] = next(images, None)
          if chunk[i] is None:
            raise errors.RunError(
                f'`{keys[begin + i]}` is not where it was when `{self.name}` '
                f'was looked through; remove `{self.manifest_path}` to look '
                'through the source again.')
        columns = {'image': chunk, 'key': np.array(
            [key.encode() for key in keys[begin:end]], object)}
        if self.is_labelled:
          columns['label'] = self.class_ids[places[begin:end]]
        yield columns

  def _pieces(
      self, indices: np.ndarray
  ) -> Iterator[tuple[np.ndarray, source_manifest.File, np.ndarray]]:
    """Of each file: which of the indices are in it, the file and their rows."""
    ends = np.cumsum(self.made.counts)
    begins = np.searchsorted(indices, ends - self.made.counts)
    for shard in np.flatnonzero(self.made.counts):
      stop = np.searchsorted(indices, ends[shard])
      places = indices[begins[shard]:stop]
      if len(places):
        first = ends[shard] - self.made.counts[shard]
        yield (places, self.made.files[shard],
               self.made.good_rows(shard)[places - first])

  def _numbered(self, file, rows) -> list[str]:
    return sources.numbered(
        f'{self.name}/{file.whole or file.name}', rows,
        file.first + file.num_records)

  @functools.cached_property
  def manifest_path(self) -> epath.Path:
    """Where the manifest is, or will be."""
    if self.manifest:
      return epath.Path(files_lib.user_path(self.manifest))
    folder = os.environ.get('NS_CACHE_DIR') or '~/.cache/noisy_student'
    digest = hashlib.sha256(json.dumps(self.declared()).encode()).hexdigest()
    name = ''.join(c if c.isalnum() else '_' for c in self.name)
    return epath.Path(files_lib.user_path(folder)) / (
        f'{name}-{digest[:16]}.parquet')

  def declared(self) -> dict[str, Any]:
    """What a manifest depends on: all fields, paths being where they lead."""
    form = {field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in (
                'expected', 'manifest', 'max_excluded', *self.paths)}
    for name in self.paths:
      path = getattr(self, name)
      form[name] = path and str(files_lib.data_path(path))
    return {'kind': type(self).__name__, **manifest_lib.canonical(form)}

  @functools.cached_property
  def made(self) -> source_manifest.Manifest:
    """The manifest, made if it is not there.

    Raises:
      RunError: files are missing, or too much of them is broken.
    """
    path = self.manifest_path
    if self.manifest and path.is_dir():
      raise errors.RunError(
          f'`{type(self).__name__}.manifest` should be the path of a file, but '
          f'`{path}` is a folder.')
    if path.exists():
      found = source_manifest.read(path)
      if found.declared != self.declared():
        differences = '; '.join(manifest_lib.differences(
            found.declared, self.declared()))
        raise errors.RunError(
            f'`{path}` is the manifest of another source than `{self.name}` '
            f'({differences}); give another path, or remove it.')
    else:
      found = self.look_through()
      found.write(path)
      print(f'{self.name}: {int(found.counts.sum()):,} images in '
            f'{int((found.counts > 0).sum()):,} shards, '
            f'{len(found.excluded):,} left out; noted in {path}' + (
                f'; passed over: {source_manifest.by_suffix(found.passed_over)}'
                if found.passed_over else ''), flush=True)
    self._check_excluded(found)
    return found

  def _check_excluded(self, made: source_manifest.Manifest) -> None:
    share, kind = made.share_excluded(), type(self).__name__
    if share > self.max_excluded:
      told = '; '.join(f'`{key}`: {reason}' for key, reason in
                       self._excluded_of(made, _NAMED))
      more = len(made.excluded) - _NAMED
      told += f'; and {more:,} more' if more > 0 else ''
      raise errors.RunError(
          f'Of `{self.name}` a share of {self.max_excluded:.3g} may be left '
          f'out at most (`{kind}.max_excluded`), but {share:.3g} is ({told}); '
          f'repair these and remove `{self.manifest_path}` to look through the '
          'source again, or allow more.')
    if not made.counts.any():
      others = (', only files that are passed over ('
                f'{source_manifest.by_suffix(made.passed_over)})'
                if made.passed_over else '')
      raise errors.RunError(
          f'`{self.name}` should have images, but has none{others}; look at '
          f'`{kind}.{self.paths[0]}`, and remove `{self.manifest_path}` to '
          'look through the source again.')

  def __getstate__(self):
    # What goes to another process, which reads the manifest itself.
    return {field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)}

  @property
  def passed_over(self) -> dict[str, int]:
    """By suffix, how many files are there that are not taken for images."""
    return self.made.passed_over

  # What a subclass has of its own.

  paths = ()  # The names of its fields that are paths.

  def look_through(self) -> source_manifest.Manifest:
    """Lists the files, and finds out what is in them."""
    raise NotImplementedError

  def images(self, file: source_manifest.File, rows: np.ndarray
             ) -> Iterator[bytes]:
    """The encoded images at these rows, which rise, of one file.

    They may end early where the file does.
    """
    raise NotImplementedError

  def shard_digests(self) -> dict[str, str]:
    """By shard, a digest of its images; empty until it was read through."""
    raise NotImplementedError

  def _same_content(self, number: int) -> bool:
    """Whether a file of the manifest, by its number, has the content it had."""
    raise NotImplementedError

  def _with_times(self, times: dict[int, int]) -> source_manifest.Manifest:
    """The manifest with other times of some files, by their numbers."""
    raise NotImplementedError
