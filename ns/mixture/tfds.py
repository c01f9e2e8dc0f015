"""Data sets of TensorFlow Datasets, as they are prepared on a disk."""

from collections.abc import Iterator
import dataclasses
import functools
import os

from etils import epath
import numpy as np

from ns.core import checks
from ns.core import errors
from ns.core import files as files_lib
from ns.core import op_error
from ns.mixture import container
from ns.mixture import source_manifest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tfds(container.Container):
  """A split of a data set of TensorFlow Datasets; nothing is downloaded.

  Its images stay encoded, as they are in its files. The classes are those of
  its label.

  Attributes:
    builder: the data set's name, `name/config:version`, or the folder in which
      it is (that of `dataset_info.json`).
    split: an expression of TFDS: 'train', 'train[:1000]', 'train+test', ….
    data_dir: where data sets are, for a name; TFDS' own folder if empty.
    image: the feature of the image.
    label: the feature of the class; empty if labels are of no interest.
  """
  builder: str
  split: str
  data_dir: str = ''
  image: str = 'image'
  label: str = 'label'
  paths = 'data_dir',

  def __post_init__(self):
    super().__post_init__()
    for name in ('builder', 'split', 'data_dir', 'image', 'label'):
      checks.instance(self, name, str)

  @property
  def is_labelled(self) -> bool:
    return bool(self.label)

  def listed(self):
    import tensorflow_datasets as tfds
    features = dict(self._built.info.features.items())
    for name, kind in (('image', tfds.features.Image),
                       ('label', tfds.features.ClassLabel)):
      feature = getattr(self, name)
      if feature and not isinstance(features.get(feature), kind):
        raise errors.RunError(
            f'`Tfds.{name}` should be a {kind.__name__} feature of '
            f'`{self.builder}`, but its features are {features!r}.')
    try:
      instructions = self._built.info.splits[self.split].file_instructions
    except (KeyError, ValueError) as error:
      raise errors.RunError(
          f'`Tfds.split` should be of the splits of `{self.builder}`, '
          f'{sorted(self._built.info.splits)}, but is {self.split!r} '
          f'({str(error).splitlines()[0]}).') from error
    files = []
    for part in instructions:
      size, time = source_manifest.look_at(part.filename)
      whole, end = os.path.basename(part.filename), part.skip + part.take
      is_whole = part.take == part.examples_in_shard
      files.append(source_manifest.File(
          name=whole if is_whole else f'{whole}-{part.skip}-{end}',
          path=part.filename, bytes=size, mtime_ns=time, num_records=part.take,
          first=part.skip, whole=whole))
    names = tuple(features[self.label].names) if self.label else ()
    return files, names

  def examples(self, file, rows=None):
    import tensorflow as tf
    wanted = (np.arange(file.num_records) if rows is None
              else np.asarray(rows) - file.first)
    try:
      for record in self._records(file, wanted.tolist()):
        yield (record[self.image],
               int(record[self.label]) if self.is_labelled else None)
    except tf.errors.OpError as error:
      raise container.EndsEarly(
          f'cannot be read on: {op_error.reason(error)}') from error

  def _records(self, file, wanted: list[int]) -> Iterator[dict]:
    """The records at these places among those of a file, which rise."""
    import tensorflow as tf
    import tensorflow_datasets as tfds
    split, first = self._places[file.path]
    first += file.first
    decoders = {self.image: tfds.decode.SkipDecoding()}
    if self._built.info.file_format.value == 'array_record':
      # Each of them is read by itself, and not as a `tf.data.Dataset`.
      try:
        records = self._built.as_data_source(split=split, decoders=decoders)
        for place in wanted:
          yield records[first + place]
      except (IndexError, OSError, RuntimeError, ValueError) as error:
        raise container.EndsEarly(f'cannot be read: {error}') from error
      return
    begin, end = (wanted[0], wanted[-1] + 1) if wanted else (0, 0)
    with tf.device('cpu'):
      records = self._built.as_dataset(
          split=tfds.core.ReadInstruction(
              split, from_=first + begin, to=first + end, unit='abs'),
          decoders=decoders, shuffle_files=False)
    places = set(wanted)
    for place, record in enumerate(records.as_numpy_iterator(), begin):
      if place in places:
        yield record

  @functools.cached_property
  def _built(self):
    import tensorflow_datasets as tfds
    folder = str(files_lib.data_path(self.builder))
    try:
      if (epath.Path(folder) / 'dataset_info.json').exists():
        return tfds.builder_from_directory(folder)
      built = tfds.builder(
          self.builder, try_gcs=False, data_dir=str(
              files_lib.data_path(self.data_dir)) if self.data_dir else None)
    except (OSError, ValueError, tfds.core.DatasetNotFoundError) as error:
      raise errors.RunError(
          '`Tfds.builder` should be a data set of TensorFlow Datasets that is '
          f'prepared, or its folder, but is {self.builder!r} '
          f'({str(error).strip().splitlines()[0]}).') from error
    if not built.info.splits:
      raise errors.RunError(
          f'`{self.builder}` should be prepared in `{built.data_dir}`, but is '
          'not; run `tfds build`, or bind `Tfds.data_dir`.')
    return built

  @functools.cached_property
  def _places(self) -> dict[str, tuple[str, int]]:
    """Of each file: its split, and the place of its first record in it."""
    return {
        str(path): (name, first)
        for name, split in self._built.info.splits.items()
        for path, first in zip(
            split.filepaths, np.cumsum([0, *split.shard_lengths]).tolist())}
